"""CSV with a header line → rows of Python values, as JSON would have them."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.core.contract import Contract
from app.core.errors import Problem
from app.core.features import Value

LONGEST_LINE = 256 * 1024  # bytes
MOST_LINES = 10_000  # of one row, whose cells may hold line ends, with the blank lines before it


@dataclass(frozen=True)
class CsvRows:
    """Rows that are not validated yet, in the order of the file.

    They are read while they are iterated, so that a file costs no more than its rows up to the last error.
    `lines` and `truth` have entries for the rows that were read.
    """

    rows: Iterator[dict[str, Value]]
    lines: list[int]
    """The line on which each row ends; the header is line 1."""
    truth: list[int] | None
    """The position of each row's true label; None without the target's column, or without `with_truth`."""


class CsvReader:
    """Reads CSV whose columns are in any order, under a feature's name or an alias."""

    def __init__(self, contract: Contract, max_rows: int) -> None:
        self._parsers = {name: feature.from_text for feature in contract.features for name in feature.names}
        self._features = contract.features
        self._target = contract.target
        self._max_rows = max_rows

    def read(self, body: bytes, *, with_truth: bool) -> CsvRows:
        """Return the rows, and the labels if `with_truth`; otherwise the target's column is ignored.

        Raises:
            Problem: here or while rows are iterated. 400 for a body that is not CSV in UTF-8, 422 for wrong
                columns, cells or labels, and for too many rows.
        """
        _refuse_long_line(body)
        table = _Table(body)
        cells = table.header()
        if len(cells) > 2 * len(self._features) + 2:
            raise self._unknown_columns("Too many columns")
        header = [name.strip() for name in cells]
        self._check_header(header)
        has_truth = with_truth and self._target.name in header
        lines: list[int] = []
        truth: list[int] | None = [] if has_truth else None
        return CsvRows(self._read_rows(table, header, lines, truth), lines, truth)

    def _check_header(self, header: Sequence[str]) -> None:
        """Every feature needs one column, the target may have one, and there may be no other."""
        if not {*self._parsers, self._target.name}.issuperset(header):
            raise self._unknown_columns("Unknown column")
        for name, *aliases in [*(feature.names for feature in self._features), (self._target.name,)]:
            columns = sum(map(header.count, [name, *aliases]))
            if columns > 1:
                raise _invalid("extra_forbidden", ["line", 1, name], f"The column {name} stands twice.")
            if not columns and name != self._target.name:
                raise _invalid("missing", ["line", 1, name], f"The column {name} is missing.")

    def _unknown_columns(self, fault: str) -> Problem:
        known = ", ".join([feature.name for feature in self._features])
        return _invalid("extra_forbidden", ["line", 1], f"{fault}. The features are: {known}.")

    def _read_rows(
        self, table: "_Table", header: Sequence[str], lines: list[int], truth: list[int] | None
    ) -> Iterator[dict[str, Value]]:
        columns = [(name, self._parsers[name]) for name in header if name != self._target.name]
        target = header.index(self._target.name) if self._target.name in header else None
        while cells := table.next_row():
            line = table.line
            if len(lines) == self._max_rows:
                raise _invalid("too_long", [], f"At most {self._max_rows} rows are allowed in one request.")
            if len(cells) != len(header):
                message = f"Has {len(cells)} cells where the header has {len(header)}."
                raise _invalid("cells", ["line", line], message)
            label = cells.pop(target) if target is not None else ""
            if truth is not None:
                truth.append(self._label_position(label.strip(), line))
            lines.append(line)
            yield {name: parse(cell) for (name, parse), cell in zip(columns, cells, strict=True)}

    def _label_position(self, label: str, line: int) -> int:
        if label not in self._target.labels:
            message = f"Must be one of {', '.join(self._target.labels)}."
            raise _invalid("literal_error", ["line", line, self._target.name], message)
        return self._target.labels.index(label)


class _Table:
    """The rows of cells in a CSV file."""

    def __init__(self, body: bytes) -> None:
        text = io.TextIOWrapper(io.BytesIO(body.removeprefix(BOM_UTF8)), "utf-8", newline="")
        self._reader = csv.reader(self._limit(text), skipinitialspace=True, strict=True)
        self._rows = filter(None, self._reader)
        self._rest = LONGEST_LINE

    @property
    def line(self) -> int:
        """The number of the line that was read last."""
        return self._reader.line_num

    def header(self) -> list[str]:
        """Return the cells of the first line."""
        return self._next(self._reader)

    def next_row(self) -> list[str]:
        """Return the cells of the next line that is not blank; none at the end.

        Raises:
            Problem: 400 for what is not CSV in UTF-8.
        """
        return self._next(self._rows)

    def _next(self, rows: Iterator[list[str]]) -> list[str]:
        self._rest = LONGEST_LINE
        try:
            return next(rows, [])
        except UnicodeDecodeError as error:
            raise Problem(400, "invalid-csv", "The body is not text in UTF-8.") from error
        except csv.Error as error:
            raise Problem(400, "invalid-csv", f"Line {self.line} is not CSV: {error}.") from error

    def _limit(self, lines: io.TextIOWrapper) -> Iterator[str]:
        """Yield lines; raise csv.Error when a row has too many of them, or too much text in them."""
        for line in lines:
            self._rest -= len(line) + LONGEST_LINE // MOST_LINES
            if self._rest < 0:
                raise csv.Error("too many blank lines, or a row over too many lines")
            yield line


def _refuse_long_line(body: bytes) -> None:
    start = 0
    while len(body) - start > LONGEST_LINE:
        end = max(body.rfind(sign, start, start + LONGEST_LINE) for sign in (b"\n", b"\r"))
        if end < 0:
            line = body.count(b"\n", 0, start) + 1
            raise Problem(400, "invalid-csv", f"Line {line} is longer than {LONGEST_LINE} bytes.")
        start = end + 1


def _invalid(kind: str, loc: list[str | int], message: str) -> Problem:
    where = " ".join(map(str, loc)) or "body"
    errors = [{"loc": loc, "msg": message, "type": kind}]
    return Problem(422, "invalid-rows", f"At {where}: {message}", errors=errors)
