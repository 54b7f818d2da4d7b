"""CSV with a header line → rows of Python values, as JSON would have them."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core.chunks import Work, rows_per_chunk
from app.core.contract import Contract
from app.core.errors import Problem
from app.core.features import Value


@dataclass(frozen=True)
class CsvRows:
    """Rows that are not validated yet, in the order of the file."""

    rows: list[dict[str, Value]]
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
        self._rows_per_chunk = rows_per_chunk(len(contract.features))

    def read(self, body: bytes, *, with_truth: bool) -> Work[CsvRows]:
        """Return the rows, and the labels if `with_truth`; otherwise the target's column is ignored.

        Raises:
            Problem: 400 for a body that is not CSV in UTF-8, 422 for wrong columns, cells or labels, and for
                too many rows.
        """
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Problem(400, "invalid-csv", "The body is not text in UTF-8.") from error
        lines = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        try:
            header = [name.strip() for name in next(lines, [])]
            self._check_header(header)
            numbered_lines = ((lines.line_num, cells) for cells in lines if cells)
            return (yield from self._read_rows(header, numbered_lines, with_truth))
        except csv.Error as error:
            raise Problem(400, "invalid-csv", f"Line {lines.line_num} is not CSV: {error}.") from error

    def _check_header(self, header: Sequence[str]) -> None:
        """Every feature needs one column, the target may have one, and there may be no other."""
        known = ", ".join([feature.name for feature in self._features])
        if len(header) > 2 * len(self._features) + 2:
            raise _invalid("extra_forbidden", ["line", 1], f"Too many columns. The features are: {known}.")
        for name in header:
            if name not in self._parsers and name != self._target.name:
                raise _invalid("extra_forbidden", ["line", 1], f"Unknown column. The features are: {known}.")
        for name, *aliases in [*(feature.names for feature in self._features), (self._target.name,)]:
            columns = sum(map(header.count, [name, *aliases]))
            if columns > 1:
                raise _invalid("extra_forbidden", ["line", 1, name], f"The column {name} stands twice.")
            if not columns and name != self._target.name:
                raise _invalid("missing", ["line", 1, name], f"The column {name} is missing.")

    def _read_rows(
        self, header: Sequence[str], numbered_lines: Iterable[tuple[int, list[str]]], with_truth: bool
    ) -> Work[CsvRows]:
        columns = [(name, self._parsers[name]) for name in header if name != self._target.name]
        target = header.index(self._target.name) if self._target.name in header else None
        result = CsvRows([], [], None if target is None or not with_truth else [])
        for line, cells in numbered_lines:
            if len(result.rows) == self._max_rows:
                raise _invalid("too_long", [], f"At most {self._max_rows} rows are allowed in one request.")
            if len(cells) != len(header):
                message = f"Has {len(cells)} cells where the header has {len(header)}."
                raise _invalid("cells", ["line", line], message)
            label = cells.pop(target) if target is not None else ""
            if result.truth is not None:
                result.truth.append(self._label_position(label.strip(), line))
            values = zip(columns, cells, strict=True)
            result.rows.append({name: parse(cell) for (name, parse), cell in values})
            result.lines.append(line)
            if len(result.rows) % self._rows_per_chunk == 0:
                yield
        return result

    def _label_position(self, label: str, line: int) -> int:
        if label not in self._target.labels:
            message = f"Must be one of {', '.join(self._target.labels)}."
            raise _invalid("literal_error", ["line", line, self._target.name], message)
        return self._target.labels.index(label)


def _invalid(kind: str, loc: list[str | int], message: str) -> Problem:
    where = " ".join(map(str, loc)) or "body"
    errors = [{"loc": loc, "msg": message, "type": kind}]
    return Problem(422, "invalid-rows", f"At {where}: {message}", errors=errors)
