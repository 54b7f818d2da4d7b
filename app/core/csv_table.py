"""Lines of text with a delimiter → rows of cells, within limits; for training files and for requests."""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from app.core.column_names import ColumnNames
from app.core.errors import Problem

DELIMITERS = (",", ";", "\t", "|")
LONGEST_LINE = 256 * 1024  # bytes
MOST_LINES = 10_000  # of one row, whose cells may hold line ends, with the blank lines before it
COMPARED_CELLS = 5_000  # of a header line, to find the delimiter

NOT_UTF_8 = (
    "The body is not text in UTF-8. Save it in UTF-8, or declare another encoding: "
    "Content-Type: text/csv; charset=windows-1252."
)

_DECLARED = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_BLANK = ' ,;|"\t\r\n'


@dataclass
class CsvRows:
    """Some rows of a file, in its order; all have as many cells as the header."""

    cells: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """The line on which each row ends, counted from 1."""
    problem: Problem | None = None
    """What is wrong with the row after these, if anything is."""

    def cut(self, count: int, problem: Problem) -> None:
        """Keep `count` rows; the problem is that of the next one."""
        del self.cells[count:], self.lines[count:]
        self.problem = problem


class CsvTable:
    """A file that is read from its header to its end.

    Lines without anything in a cell do not count. A first line `sep=;` declares the delimiter.
    """

    def __init__(
        self,
        text: Iterable[str],
        names: ColumnNames,
        *,
        delimiter: str | None = None,
        max_rows: int | None = None,
        longest_row: int = LONGEST_LINE,
    ) -> None:
        """Read the header from lines of text; raise Problem 400 for what is not CSV.

        Without a `delimiter`, the header line tells which one makes the most of the `names`.
        """
        self._max_rows = max_rows
        self._rows_left = math.inf if max_rows is None else max_rows
        self._longest_row = self._text_left = longest_row
        self._skipped = 0
        self.blank = 0
        """How many lines below the header had nothing in any cell, so far."""
        self._reader = csv.reader([])
        lines = self._limit(text)
        try:
            first, declared = self._read_first_line(lines)
            self.delimiter = delimiter or declared or find_delimiter(first, names)
            self._reader = csv.reader(
                chain([first], lines), delimiter=self.delimiter, skipinitialspace=True, strict=True
            )
            self.header: list[str] = next(self._reader) if first else []
        except (UnicodeError, csv.Error) as error:
            raise self._problem(error) from error
        self.header_line = self._line

    @property
    def _line(self) -> int:
        """The number of the line that was read last."""
        return self._skipped + (self._reader.line_num or 1)

    def read(self, count: int) -> CsvRows:
        """Return the next rows that are not blank, `count` at most, and none at the end.

        Rows before a problem are returned with it; what follows a problem must not be read.
        """
        rows = self._read(count)
        if len(rows.cells) > self._rows_left:
            message = f"At most {self._max_rows} rows are allowed in one request (MAX_ROWS)."
            rows.cut(int(self._rows_left), invalid_rows("too_long", [], message))
        self._rows_left -= len(rows.cells)
        width = len(self.header)
        for position, cells in enumerate(rows.cells):
            if len(cells) != width:
                message = _wrong_width(len(cells), width)
                rows.cut(position, invalid_rows("cells", ["line", rows.lines[position]], message))
                break
        return rows

    def _read_first_line(self, lines: Iterator[str]) -> tuple[str, str | None]:
        """Return the first line with anything in it, and the delimiter that a line before it declares."""
        delimiter = None
        for line in lines:
            declared = _DECLARED.fullmatch(line)
            if declared and delimiter is None:
                delimiter = declared[1]
            elif line.strip(_BLANK):
                return line, delimiter
            self._skipped += 1
        return "", delimiter

    def _read(self, count: int) -> CsvRows:
        rows, reader, skipped = CsvRows(), self._reader, self._skipped
        self._text_left = self._longest_row
        try:
            for cells in reader:
                if cells and (cells[0] or any(cells)):  # most rows have a first cell
                    rows.cells.append(cells)
                    rows.lines.append(skipped + reader.line_num)
                    if len(rows.cells) == count:
                        break
                    self._text_left = self._longest_row
                else:
                    self.blank += 1
        except (UnicodeError, csv.Error) as error:
            rows.problem = self._problem(error)
        return rows

    def _problem(self, error: UnicodeError | csv.Error) -> Problem:
        if isinstance(error, UnicodeError):
            return Problem(400, "invalid-csv", NOT_UTF_8)
        return Problem(400, "invalid-csv", f"Line {self._line} is not CSV: {error}.")

    def _limit(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield lines; raise csv.Error when a row has too many of them, or too much text in them."""
        for line in lines:
            self._text_left -= len(line) + LONGEST_LINE // MOST_LINES
            if self._text_left < 0:
                raise csv.Error("too many blank lines, or a row over too many lines")
            yield line


def open_body(body: bytes, names: ColumnNames, max_rows: int) -> CsvTable:
    """Return the table of a body in UTF-8; raise Problem 400 for what is not CSV, or has too long a line."""
    _refuse_long_line(body)
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8", newline="")
    return CsvTable(text, names, max_rows=max_rows)


def find_delimiter(line: str, names: ColumnNames) -> str:
    """Return the delimiter that makes most names of a header line; if none does, the most frequent one."""

    def count(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            cells = []
        return names.count(islice(cells, COMPARED_CELLS)), line.count(delimiter)

    return max(DELIMITERS, key=count)


def invalid_rows(kind: str, loc: list[str | int], message: str) -> Problem:
    """Return the Problem 422 with one error."""
    where = " ".join(map(str, loc)) or "body"
    errors = [{"loc": loc, "msg": message, "type": kind}]
    return Problem(422, "invalid-rows", f"At {where}: {message}", errors=errors)


def _wrong_width(cells: int, width: int) -> str:
    message = f"Has {cells} cells where the header has {width}."
    if cells == width + 1:
        return f"{message} Perhaps the header lacks the name of a first column, such as row names."
    if cells > width:
        return f"{message} A cell that holds the delimiter must stand in double quotes."
    return message


def _refuse_long_line(body: bytes) -> None:
    """Raise Problem 400 for a line of more than LONGEST_LINE bytes, which would take long to split off."""
    start = 0
    while len(body) - start > LONGEST_LINE:
        end = max(body.rfind(sign, start, start + LONGEST_LINE) for sign in (b"\n", b"\r"))
        if end < 0:
            line = body.count(b"\n", 0, start) + 1
            raise Problem(400, "invalid-csv", f"Line {line} is longer than {LONGEST_LINE} bytes.")
        start = end + 1
