"""CSV → rows of cells, within limits."""

import csv
import io
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.core.errors import Problem

LONGEST_LINE = 256 * 1024  # bytes
MOST_LINES = 10_000  # of one row, whose cells may hold line ends, with the blank lines before it


@dataclass
class CsvRows:
    """Some rows of a file, in its order; all have as many cells as the header."""

    cells: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """The line on which each row ends; the header is line 1."""
    problem: Problem | None = None
    """What is wrong with the row after these, if anything is."""

    def cut(self, count: int, problem: Problem) -> None:
        """Keep `count` rows; the problem is that of the next one."""
        del self.cells[count:], self.lines[count:]
        self.problem = problem


class CsvTable:
    """A file that is read from its header to its end."""

    def __init__(self, body: bytes, max_rows: int) -> None:
        """Read the header; raise Problem 400 for what is not CSV in UTF-8, or has a line that is too long."""
        _refuse_long_line(body)
        text = io.TextIOWrapper(io.BytesIO(body.removeprefix(BOM_UTF8)), "utf-8", newline="")
        self._reader = csv.reader(self._limit(text), skipinitialspace=True, strict=True)
        self._max_rows = self._rows_left = max_rows
        self._text_left = LONGEST_LINE
        try:
            self.header: list[str] = next(self._reader, [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise self._problem(error) from error

    def read(self, count: int) -> CsvRows:
        """Return the next rows that are not blank, `count` at most, and none at the end.

        Rows before a problem are returned with it; what follows a problem must not be read.
        """
        rows = self._read(count)
        if len(rows.cells) > self._rows_left:
            message = f"At most {self._max_rows} rows are allowed in one request."
            rows.cut(self._rows_left, invalid_rows("too_long", [], message))
        self._rows_left -= len(rows.cells)
        width = len(self.header)
        for position, cells in enumerate(rows.cells):
            if len(cells) != width:
                message = f"Has {len(cells)} cells where the header has {width}."
                rows.cut(position, invalid_rows("cells", ["line", rows.lines[position]], message))
                break
        return rows

    def _read(self, count: int) -> CsvRows:
        rows, reader = CsvRows(), self._reader
        self._text_left = LONGEST_LINE
        try:
            for cells in reader:
                if cells:
                    rows.cells.append(cells)
                    rows.lines.append(reader.line_num)
                    if len(rows.cells) == count:
                        break
                    self._text_left = LONGEST_LINE
        except (UnicodeDecodeError, csv.Error) as error:
            rows.problem = self._problem(error)
        return rows

    def _problem(self, error: UnicodeDecodeError | csv.Error) -> Problem:
        if isinstance(error, UnicodeDecodeError):
            return Problem(400, "invalid-csv", "The body is not text in UTF-8.")
        return Problem(400, "invalid-csv", f"Line {self._reader.line_num} is not CSV: {error}.")

    def _limit(self, lines: io.TextIOWrapper) -> Iterator[str]:
        """Yield lines; raise csv.Error when a row has too many of them, or too much text in them."""
        for line in lines:
            self._text_left -= len(line) + LONGEST_LINE // MOST_LINES
            if self._text_left < 0:
                raise csv.Error("too many blank lines, or a row over too many lines")
            yield line


def invalid_rows(kind: str, loc: list[str | int], message: str) -> Problem:
    """Return the Problem 422 with one error."""
    where = " ".join(map(str, loc)) or "body"
    errors = [{"loc": loc, "msg": message, "type": kind}]
    return Problem(422, "invalid-rows", f"At {where}: {message}", errors=errors)


def _refuse_long_line(body: bytes) -> None:
    start = 0
    while len(body) - start > LONGEST_LINE:
        end = max(body.rfind(sign, start, start + LONGEST_LINE) for sign in (b"\n", b"\r"))
        if end < 0:
            line = body.count(b"\n", 0, start) + 1
            raise Problem(400, "invalid-csv", f"Line {line} is longer than {LONGEST_LINE} bytes.")
        start = end + 1
