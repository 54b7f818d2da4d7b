"""Rows between the stages: Parquet, whose columns have types, and may have any name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from app.core.contract import Sha256, sha256

NUMBERS = "row number"
"""Name of the first column, for people who open the file. `read_rows` goes by the position, because a column
of the data may have the same name."""


def write_rows(frame: pd.DataFrame, path: Path) -> None:
    """Write rows of numbers, text, booleans or None, whose index is the number of the row in its file.

    A column with values of several types, such as numbers and the text of an invalid cell, becomes text.
    """
    columns = [_to_arrow(column) for _, column in frame.items()]
    table = pa.table([pa.array(frame.index.to_numpy()), *columns], names=[NUMBERS, *frame.columns])
    parquet.write_table(table, path, compression="zstd")


def read_rows(path: Path) -> pd.DataFrame:
    """Return rows that `write_rows` wrote, as columns of Python's own values; equal cells share one."""
    return _read(path, _to_objects, object)


def read_texts(path: Path) -> pd.DataFrame:
    """Return rows of text that `write_rows` wrote, as pandas holds text: in a fifth of the memory."""
    return _read(path, lambda column: pd.array(column.cast(pa.large_string()), dtype="str"), str)


def _read(path: Path, read_column: Callable[[pa.ChunkedArray], Any], dtype: type) -> pd.DataFrame:
    with parquet.ParquetFile(path) as file:  # read_table refuses two columns with one name
        table = file.read()
    numbers, *columns = table.columns
    values = {position: read_column(column) for position, column in enumerate(columns)}
    frame = pd.DataFrame(values, numbers.to_numpy(), dtype=dtype, copy=False)
    frame = frame.set_axis(table.column_names[1:], axis="columns")
    del table, numbers, columns, values
    pa.default_memory_pool().release_unused()  # Arrow keeps what it frees, and the fit of a model needs it
    return frame


def _to_objects(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    values = np.full(len(column), None, object)
    start = 0
    for chunk in column.chunks:
        encoded = chunk.dictionary_encode()
        distinct = np.array([*encoded.dictionary.to_pylist(), None], object)
        codes = encoded.indices.fill_null(len(distinct) - 1).to_numpy(zero_copy_only=False)
        values[start : start + len(chunk)] = distinct[codes]
        start += len(chunk)
    return values


def compute_rows_checksum(frame: pd.DataFrame) -> Sha256:
    """Return a checksum of values and row numbers, whatever the format and its version."""
    return sha256(pd.util.hash_pandas_object(frame).to_numpy().tobytes())


def _to_arrow(column: "pd.Series[Any]") -> pa.Array:
    values = column.to_numpy(object).tolist()
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])
