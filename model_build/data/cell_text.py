"""Cells of a typed source as text, which the rules of CSV read: one definition of a value for all sources."""

import json
import math
from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from app.core.values import number_to_text

DateFormat = Callable[[str], str | None]
"""The format of strptime that the spec declares for the column of a name; None is ISO 8601."""
LARGEST_WRITTEN_OUT = 2**53
"""Beyond this, a double has no units, so its digits would say more than it knows."""
MIDNIGHT = time()


def to_text(value: Any, date_format: str | None = None) -> str:
    """Return the text of a cell: empty for None and NaN, `3` for 3.0, `true`, a date in its format.

    A list or a mapping becomes JSON, which is no value of any feature.
    """
    match value:
        case None:
            text = ""
        case str():
            text = value
        case bool() | int():
            text = str(number_to_text(value))
        case float() | np.floating():
            text = _float_to_text(float(value))
        case Decimal():
            text = "" if value.is_nan() else format(value, "f")
        case date():
            text = "" if value is pd.NaT else _date_to_text(value, date_format)
        case bytes():
            text = _bytes_to_text(value)
        case list() | dict():
            text = json.dumps(value, default=str, ensure_ascii=False)
        case _:
            text = str(value)
    return text


def texts_of(values: Iterable[Any], date_format: str | None = None) -> list[str]:
    """Return the texts of a column of Python's own values."""
    return [value if isinstance(value, str) else to_text(value, date_format) for value in values]


def arrow_to_text(column: pa.ChunkedArray, date_format: str | None = None) -> pd.Series:
    """Return the texts of a column; each distinct value is written once."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # a column without rows, or with more text than one array holds
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if not pa.types.is_nested(array.type) and not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    if not pa.types.is_dictionary(array.type):
        return pd.Series(texts_of(array.to_pylist(), date_format), dtype=str)
    words = pa.array(_texts_of_array(array.dictionary, date_format), pa.large_string())
    return pd.Series(words.take(array.indices).fill_null(""), dtype=str)


def _texts_of_array(values: pa.Array, date_format: str | None) -> list[str]:
    if pa.types.is_float16(values.type) or pa.types.is_float32(values.type):
        shortest = (float(str(value)) for value in values.to_numpy(zero_copy_only=False))
        return texts_of(shortest)
    return texts_of(values.to_pylist(), date_format)


def _float_to_text(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(number_to_text(value)) if abs(value) <= LARGEST_WRITTEN_OUT else repr(value)


def _date_to_text(value: date, date_format: str | None) -> str:
    """Return a date in the format of its feature, or in ISO 8601 if that would lose a part of it."""
    if date_format:
        text = value.strftime(date_format)
        if _reads_back(text, date_format, value):
            return text
    if isinstance(value, datetime) and value.tzinfo is None and value.time() == MIDNIGHT:
        return value.date().isoformat()
    return value.isoformat()


def _reads_back(text: str, date_format: str, value: date) -> bool:
    try:
        read = datetime.strptime(text, date_format)
    except ValueError:
        return False
    return read == (value if isinstance(value, datetime) else datetime.combine(value, MIDNIGHT))


def _bytes_to_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
