"""A table without a spec: the header and the columns as text."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from app.core.column_names import ColumnNames, normalize_column_name
from model_build.data.file_sets import fetch_files
from model_build.data.named_table import combine_tables, name_columns
from model_build.data.table_files import read_table_file
from model_build.data.tables import Columns, Lines, ReadOptions, replace_commas
from model_build.data.workbook import is_workbook, list_sheets
from model_build.drafting.cells import MARKERS, Cells, count_cells
from model_build.errors import DataError
from model_build.spec.source import Source

NUMBER = re.compile(r"[\s\d.,eE+-]*", re.ASCII)


@dataclass(frozen=True)
class Location:
    """Where a table is: a source, and the directory in which its files lie."""

    source: Source
    directory: Path

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the location of a file, or of all files whose names fit a path with `*`."""
        return cls(Source(uri=path.name), path.parent)


@dataclass(frozen=True)
class Table:
    """The rows of a file."""

    source: Source
    names: Sequence[str]
    """Of the columns, as the header has them, without space around them."""
    rows: pd.DataFrame
    """Text, with the normalized names, as `fetch_rows` returns it; the index is the number in the file."""
    remarks: Sequence[str] = ()
    """What was set aside while it was read."""

    def count_cells(self) -> Mapping[str, Cells]:
        """Return the cells of each column by its name; of columns without one, those of the last."""
        columns = (column.to_numpy(object).tolist() for _, column in self.rows.items())
        return dict(zip(self.names, map(count_cells, columns), strict=True))

    def sample(self, count: int, seed: int, target: str) -> pd.DataFrame:
        """Return `count` rows drawn at random, in the order of the file, or all if there are no more.

        All rows of rare labels are drawn first, as long as they fill at most half of the sample.
        """
        if len(self.rows) <= count:
            return self.rows
        labels = self.rows.iloc[:, list(self.names).index(target)].to_numpy(object).tolist()
        rows_of = Counter(map(str.strip, labels))
        kept = count // (2 * len(rows_of))
        shuffled = np.random.default_rng(seed).permutation(len(labels))
        is_rare = np.array([rows_of[labels[row].strip()] <= kept for row in shuffled])
        first = np.concatenate([shuffled[is_rare], shuffled[~is_rare]])
        return self.rows.iloc[np.sort(first[:count])]

    def share_of_duplicates(self) -> float:
        """Return the share of the lines that are equal to an earlier one."""
        columns = (column.to_numpy(object).tolist() for _, column in self.rows.items())
        different = {hash(line) for line in zip(*columns, strict=True)}  # pandas takes ten times as long
        return 1 - len(different) / len(self.rows)


def read_table(location: Location) -> Table:
    """Return the table of a file, or of several with the same columns.

    Raises:
        SourceError: there is no such file.
        DataError: a file is no table with a header line, or has two different columns of one name.
    """
    files = fetch_files(location.source, location.directory)
    source, remarks = _choose_sheet(location.source, files.root / files.names[0])
    columns = {name: _read_columns(files.root / name, source) for name in files.names}
    names = [name.strip() for name in columns[files.names[0]].names]
    if not any(len(one.frame) for one in columns.values()):
        raise DataError(f"{source.uri} has a header line, and no rows.")
    names_of = {normalize_column_name(name): name for name in reversed(names)}
    known = ColumnNames([[spelling] for spelling in names_of if spelling])
    tables = {name: name_columns(one, known, str(files.root / name)) for name, one in columns.items()}
    frame = combine_tables(tables, source.uri)
    for name, table in tables.items():
        remarks += [f"{name}: {ignored} is empty or repeated, and ignored" for ignored in table.ignored]
    return Table(source, [names_of.get(spelling, "") for spelling in frame], frame, remarks)


def _choose_sheet(source: Source, path: Path) -> tuple[Source, list[str]]:
    """Return the source with the first sheet of a workbook of several, and a remark about the others."""
    sheets = list_sheets(path) if is_workbook(path) else []
    if source.sheet or len(sheets) <= 1:
        return source, []
    first, *others = sheets
    remark = f"only the sheet {first} is read, not {', '.join(others)} (sheet)"
    return source.model_copy(update={"sheet": first}), [remark]


def _read_columns(path: Path, source: Source) -> Columns:
    table = read_table_file(path, ColumnNames([]), ReadOptions(sheet=source.sheet), lambda _: None)
    return _with_header(table, path) if isinstance(table, Lines) else table


def _with_header(lines: Lines, path: Path) -> Columns:
    """Return the columns under the names of the first line, with a point for a decimal comma."""
    names, frame = lines.first, lines.rows
    if all(_is_number(name) for name in names):
        raise DataError(f"{path} has no header line: its first line holds numbers. Write the names above it.")
    if lines.delimiter != ",":
        columns = ((number, column.to_numpy(object).tolist()) for number, column in frame.items())
        numbers = [number for number, cells in columns if all(map(_may_be_number, cells))]
        frame = replace_commas(frame, numbers, lines.delimiter)
    return Columns(names, frame, lines.blank)


def _may_be_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell)) or cell.strip() in MARKERS


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
