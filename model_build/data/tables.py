"""Tables of every format as text: lines of cells, or columns that their format names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from app.core.decimal_comma import replace_decimal_commas


@dataclass(frozen=True)
class ReadOptions:
    """What a spec says about the reading of a file."""

    delimiter: str | None = None
    encoding: str = "utf-8"
    sheet: str | None = None
    """Of a workbook; None for its only one."""


@dataclass(frozen=True)
class Lines:
    """Rows of cells below a first line, which is a header or a row itself. All are equally long."""

    first: list[str]
    rows: pd.DataFrame
    """Text; the columns are numbered from 0, the rows from 1."""
    blank: int = 0
    """Lines with nothing in any cell, which are not among the rows."""
    delimiter: str = ","
    """Where it is no comma, numbers may have a decimal comma."""


@dataclass(frozen=True)
class Columns:
    """Columns that their format names."""

    names: list[str]
    frame: pd.DataFrame
    """Text; the columns are numbered from 0, the rows from 1."""
    blank: int = 0


def to_texts(chunks: Iterable[list[list[str]]], width: int) -> pd.DataFrame:
    """Return chunks of rows as columns, whose text takes a fifth of the memory of Python's own."""
    arrays = [
        [pa.array(cells, pa.large_string()) for cells in zip(*rows, strict=True)] for rows in chunks if rows
    ]
    columns = {
        number: pd.array(
            pa.chunked_array([chunk[number] for chunk in arrays], pa.large_string()), dtype="str"
        )
        for number in range(width)
    }
    return number_rows(pd.DataFrame(columns))


def replace_commas(frame: pd.DataFrame, columns: Iterable[int], delimiter: str) -> pd.DataFrame:
    """Return the columns of a file with this delimiter, in which those of numbers have a decimal point."""
    replaced = {}
    for column in columns:
        cells = [[cell] for cell in frame[column].to_numpy(object).tolist()]
        replace_decimal_commas(cells, [0], delimiter)
        replaced[column] = pd.Series([cell for [cell] in cells], frame.index, dtype=str)
    return pd.DataFrame({column: replaced.get(column, frame[column]) for column in frame})


def to_columns(names: Sequence[str], columns: Sequence["pd.Series[str] | Sequence[str]"]) -> Columns:
    """Return the columns without the rows that have nothing in any cell."""
    frame = pd.DataFrame({number: pd.Series(cells, dtype=str) for number, cells in enumerate(columns)})
    suspects = np.arange(len(frame))
    for number in frame:
        if not len(suspects):
            break
        suspects = suspects[(frame[number].iloc[suspects].str.strip() == "").to_numpy(bool)]
    if len(suspects):
        frame = frame.drop(index=suspects)
    return Columns([*names], number_rows(frame), len(suspects))


def number_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Number the rows from 1 on."""
    return frame.set_axis(range(1, len(frame) + 1), axis="index")
