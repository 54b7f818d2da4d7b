"""A CSV file as text, with the columns of a spec."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec, normalize_column_name
from model_build.text import pluralize


def read_csv(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Return the rows as text, with normalized column names; the index is the row's number in the file.

    The first line is a header if it has the target. Otherwise the file has the columns of data.columns.

    Raises:
        DataError: the file is not a CSV file, or has neither a header nor the columns of the spec.
    """
    first, *others = lines = _read_lines(path)
    header = [normalize_column_name(cell) for cell in first]
    if normalize_column_name(spec.target.name) in header:
        return _number_rows(others, header)
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
    return _number_rows(lines, [normalize_column_name(name) for name in spec.data.columns])


def _number_rows(lines: Sequence[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(lines, index=range(1, len(lines) + 1), columns=columns, dtype=str)


def _read_lines(path: Path) -> list[list[str]]:
    """Return the cells of every line that is not blank.

    Raises:
        DataError: a line has more or fewer cells than the first, which pandas would fill up.
    """
    lines = {number: line for number, line in _iterate_lines(path) if any(line)}
    if not lines:
        raise DataError(f"{path} is empty")
    width = len(next(iter(lines.values())))
    for number, line in lines.items():
        if len(line) != width:
            cells = pluralize(len(line), "cell")
            raise DataError(f"{path} is not a CSV file: line {number:,} has {cells}, not {width}")
    return list(lines.values())


def _iterate_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line; a quoted cell may span several lines."""
    number = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            for line in reader:
                yield number, line
                number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: line {number:,}: {error}") from error
    except (ValueError, OSError) as error:  # a UnicodeDecodeError is a ValueError
        raise DataError(f"{path} is not a CSV file: {error}") from error
