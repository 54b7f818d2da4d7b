"""Columns under the normalized names by which the later stages know them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from app.core.column_names import ColumnNames, normalize_column_name
from model_build.data.tables import Columns, number_rows
from model_build.errors import DataError

NAMED = 5
"""Of the columns in which files differ, at most so many are named."""


@dataclass(frozen=True)
class NamedTable:
    """The rows of one file."""

    frame: pd.DataFrame
    """Text; the index is the number of the row."""
    blank: int
    """How many rows had nothing in any cell, and are not in it."""
    ignored: tuple[str, ...]
    """Columns that are not in it: without a name and a value, or equal to another of their name."""


def name_columns(columns: Columns, names: ColumnNames, origin: str) -> NamedTable:
    """Return the table with a name for each column, without repeated and without empty unnamed columns.

    Raises:
        DataError: two columns hold the same feature, and differ.
    """
    frame = columns.frame
    numbers: dict[str, int] = {}
    first_of: dict[int | str, int] = {}
    ignored: list[str] = []
    for column, cell in enumerate(columns.names):
        name, number = normalize_column_name(cell), names.find(cell)
        if not name and not frame[column].str.strip().any():
            ignored.append(f"column {column + 1}")
            continue
        first = first_of.setdefault(name if number is None else number, column)
        if first != column and frame[first].str.strip().equals(frame[column].str.strip()):
            ignored.append(f"{cell.strip()} (column {column + 1})")
            continue
        if first != column and number is not None:
            raise DataError(
                f"{origin} has two columns {cell.strip()}, at the positions {first + 1} and {column + 1}, "
                "and they differ. Remove one."
            )
        unique = name if name and first == column else f"{name or 'unnamed'} (column {column + 1})"
        numbers[unique] = column
    named = frame[[*numbers.values()]].set_axis([*numbers], axis="columns")
    return NamedTable(named, columns.blank, tuple(ignored))


def combine_tables(tables: Mapping[str, NamedTable], origin: str) -> pd.DataFrame:
    """Return the rows of all files; raise DataError if a file has other columns than the first."""
    first, *others = tables
    columns = [*tables[first].frame.columns]
    for name in others:
        more = [column for column in tables[name].frame.columns if column not in columns]
        less = [column for column in columns if column not in tables[name].frame.columns]
        if more or less:
            words = f"{_list('has', more)}{' and ' if more and less else ''}{_list('lacks', less)}"
            raise DataError(f"{origin}: {name} {words}, unlike {first}; all files need the same columns")
    if not others:
        return tables[first].frame
    return number_rows(pd.concat([table.frame[columns] for table in tables.values()]))


def _list(verb: str, columns: Sequence[str]) -> str:
    more = f" and {len(columns) - NAMED:,} more" if len(columns) > NAMED else ""
    return f"{verb} {', '.join(columns[:NAMED])}{more}" if columns else ""
