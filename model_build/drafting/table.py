"""A table without a spec: the header and the columns as text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from app.core.column_names import ColumnNames, normalize_column_name
from app.core.decimal_comma import replace_decimal_commas
from model_build.data.csv_file import name_columns, read_cells
from model_build.drafting.cells import MARKERS, Cells, count_cells
from model_build.errors import DataError

NUMBER = re.compile(r"[\s\d.,eE+-]*", re.ASCII)


@dataclass(frozen=True)
class Table:
    """The rows of a file."""

    path: Path
    names: Sequence[str]
    """Of the columns, as the header has them, without space around them."""
    rows: pd.DataFrame
    """Text, with the normalized names, as `fetch_rows` returns it; the index is the number in the file."""

    def count_cells(self) -> Mapping[str, Cells]:
        """Return the cells of each column by its name; of columns without one, those of the last."""
        columns = (column.to_numpy(object).tolist() for _, column in self.rows.items())
        return dict(zip(self.names, map(count_cells, columns), strict=True))

    def sample(self, count: int, seed: int) -> pd.DataFrame:
        """Return `count` rows drawn at random, in the order of the file, or all if there are no more."""
        if len(self.rows) <= count:
            return self.rows
        return self.rows.iloc[
            np.sort(np.random.default_rng(seed).choice(len(self.rows), count, replace=False))
        ]

    def share_of_duplicates(self) -> float:
        """Return the share of the lines that are equal to an earlier one."""
        return float(self.rows.duplicated().mean())


def read_table(path: Path) -> Table:
    """Return a table.

    Raises:
        DataError: the file is no table with a header line, or has two different columns of one name.
    """
    first, rows, delimiter = read_cells(path, ColumnNames([]))
    names = [name.strip() for name in first]
    if not rows:
        raise DataError(f"{path} has a header line, and no rows.")
    if all(_is_number(name) for name in names):
        raise DataError(f"{path} has no header line: its first line holds numbers. Write the names above it.")
    if delimiter != ",":
        columns = enumerate(zip(*rows, strict=True))
        numbers = [number for number, column in columns if all(map(_may_be_number, column))]
        replace_decimal_commas(rows, numbers, delimiter)
    names_of = {normalize_column_name(name): name for name in reversed(names)}
    frame = pd.DataFrame(rows, range(1, len(rows) + 1), dtype=object)
    frame = name_columns(frame, first, ColumnNames([[spelling] for spelling in names_of if spelling]), path)
    return Table(path, [names_of.get(spelling, "") for spelling in frame], frame)


def _may_be_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell)) or cell.strip() in MARKERS


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
