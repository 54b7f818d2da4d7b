"""A CSV file as text, with the columns of a spec; the service reads CSV by the same rules."""

import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import pandas as pd
import pyarrow as pa

from app.core.column_names import ColumnNames, normalize_column_name
from app.core.csv_table import NOT_UTF_8, CsvTable
from app.core.decimal_comma import replace_decimal_commas
from app.core.errors import Problem
from app.core.features import RangedFeature
from app.core.text_files import GZIP, ZSTANDARD, find_encoding, name_binary
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.text import pluralize

LONGEST_ROW = 64 * 2**20  # characters
ROWS_PER_READ = 10_000
LONGEST_START = 16  # bytes, that tell what a file is


def read_csv(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Return the rows as text, with normalized column names; the index is the row's number in the file.

    The first line is a header if it has the target, or most of the columns that the spec names. Otherwise the
    file has the columns of data.columns. Equal columns of one name count once.

    Raises:
        DataError: the file is not a CSV file, has neither a header nor the columns of the spec, or has two
            different columns of one name.
    """
    names = ColumnNames([*(one.names for one in spec.features), (spec.target.name,)])
    header, rows, delimiter = read_cells(path, names, spec.data.delimiter, spec.data.encoding)
    if not _is_header(header, names, spec):
        rows.insert(0, header)
        header = _declared_columns(path, header, spec)
    if delimiter != ",":
        replace_decimal_commas(rows, _number_columns(header, names, spec), delimiter)
    frame = pd.DataFrame(rows, index=range(1, len(rows) + 1), columns=range(len(header)), dtype=str)
    return name_columns(frame, header, names, path)


def read_cells(
    path: Path, names: ColumnNames, delimiter: str | None = None, encoding: str = "utf-8"
) -> tuple[list[str], list[list[str]], str]:
    """Return the first line, the others, and the delimiter, which the names tell if it is not given.

    Raises:
        DataError: the file is not a CSV file.
    """
    try:
        with _open_text(path, encoding) as text:
            table = CsvTable(text, names, delimiter=delimiter, longest_row=LONGEST_ROW)
            rows = [cells for chunk in _read_chunks(table) for cells in chunk]
    except Problem as problem:
        raise DataError(_describe(problem, path, encoding)) from problem
    except (OSError, EOFError) as error:  # of the file, or of its compression
        raise DataError(f"{path} can't be read: {error}") from error
    if not table.header:
        raise DataError(f"{path} is empty")
    return table.header, rows, table.delimiter


@contextmanager
def _open_text(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a file, compressed or not, in its encoding."""
    with _decompress(path) as content:
        start = content.read(LONGEST_START)
    words = name_binary(start)
    if words:
        raise DataError(f"{path} is not a CSV file: it is {words}")
    with _decompress(path) as content:
        yield io.TextIOWrapper(content, find_encoding(start, encoding), newline="")


def _decompress(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
    if start.startswith(GZIP):
        return cast(IO[bytes], gzip.open(path))
    if start.startswith(ZSTANDARD):
        return io.BytesIO(pa.input_stream(str(path), compression="zstd").read())
    return path.open("rb")


def _read_chunks(table: CsvTable) -> Iterator[list[list[str]]]:
    while (rows := table.read(ROWS_PER_READ)).cells or rows.problem:
        if rows.problem:
            raise rows.problem
        yield rows.cells


def _describe(problem: Problem, path: Path, encoding: str) -> str:
    if problem.detail == NOT_UTF_8:
        return f"{path} is not text in {encoding.upper()}; save it in UTF-8, or declare data.encoding"
    return f"{path} is not a CSV file: {problem.detail}"


def _is_header(cells: Sequence[str], names: ColumnNames, spec: ModelSpec) -> bool:
    """Return whether a line has the target, or most columns of the spec."""
    target = len(spec.features)
    return any(names.find(cell) == target for cell in cells) or 2 * names.count(cells) > target + 1


def _declared_columns(path: Path, first: Sequence[str], spec: ModelSpec) -> list[str]:
    """Return the columns of a file without a header; raise DataError if they are not those of the file."""
    if not spec.data.columns:
        raise DataError(
            f"{path} has no column {spec.target.name} in its first line; it has {', '.join(first)}. "
            "A file without a header line needs data.columns."
        )
    if len(spec.data.columns) != len(first):
        raise DataError(
            f"{path} has no header line with {spec.target.name!r}; it has {pluralize(len(first), 'column')}, "
            f"and data.columns names {len(spec.data.columns)}"
        )
    return [*spec.data.columns]


def _number_columns(header: Sequence[str], names: ColumnNames, spec: ModelSpec) -> list[int]:
    numbers = {number for number, one in enumerate(spec.features) if isinstance(one, RangedFeature)}
    return [column for column, name in enumerate(header) if names.find(name) in numbers]


def name_columns(frame: pd.DataFrame, header: Sequence[str], names: ColumnNames, path: Path) -> pd.DataFrame:
    """Return the frame with a name for each column, without repeated and without empty unnamed columns.

    Raises:
        DataError: two columns hold the same feature, and differ.
    """
    columns: dict[str, int] = {}
    first_of: dict[int | str, int] = {}
    for column, cell in enumerate(header):
        name, number = normalize_column_name(cell), names.find(cell)
        if not name and not frame[column].str.strip().any():
            continue
        first = first_of.setdefault(name if number is None else number, column)
        if first != column and frame[first].str.strip().equals(frame[column].str.strip()):
            continue
        if first != column and number is not None:
            raise DataError(
                f"{path} has two columns {cell.strip()}, at the positions {first + 1} and {column + 1}, "
                "and they differ. Remove one."
            )
        unique = name if name and first == column else f"{name or 'unnamed'} (column {column + 1})"
        columns[unique] = column
    return frame[[*columns.values()]].set_axis([*columns], axis="columns")
