from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from model_build.data.cell_text import arrow_to_text, to_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (Decimal("NaN"), ""),
        ("", ""),
        (" a ", " a "),
        ("NaN", "NaN"),
        (True, "true"),
        (False, "false"),
        (3, "3"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (1e-7, "1e-07"),
        (2.0**60, "1.152921504606847e+18"),
        (float("inf"), "inf"),
        (2**70, "1180591620717411303424"),
        (Decimal("1E+2"), "100"),
        (Decimal("3.10"), "3.10"),
        (date(2024, 5, 6), "2024-05-06"),
        (datetime(2024, 5, 6), "2024-05-06"),
        (datetime(2024, 5, 6, 10, 30), "2024-05-06T10:30:00"),
        (datetime(2024, 5, 6, tzinfo=UTC), "2024-05-06T00:00:00+00:00"),
        (time(10, 30), "10:30:00"),
        (b"north", "north"),
        (b"\xff\x00", "ff00"),
        ([1, None], "[1, null]"),
        ({"a": "é"}, '{"a": "é"}'),
    ],
)
def test_a_cell_is_the_text_that_a_csv_file_would_have(value: Any, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "date_format", "text"),
    [
        (date(2024, 5, 6), "%d.%m.%Y", "06.05.2024"),
        (datetime(2024, 5, 6), "%d.%m.%Y", "06.05.2024"),
        (datetime(2024, 5, 6, 10), "%d.%m.%Y", "2024-05-06T10:00:00"),
        (datetime(2024, 5, 6, 10), "%d.%m.%Y %H:%M", "06.05.2024 10:00"),
    ],
)
def test_a_date_has_the_format_of_its_feature_unless_that_loses_a_part(
    value: date, date_format: str, text: str
) -> None:
    assert to_text(value, date_format) == text


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([1, None, 3]), ["1", "", "3"]),
        (pa.array([0.1, None, float("nan"), 2.0], pa.float32()), ["0.1", "", "", "2"]),
        (pa.array([0.1 + 0.2, 5.0]), ["0.30000000000000004", "5"]),
        (pa.array([True, None]), ["true", ""]),
        (pa.array(["a", None, ""]), ["a", "", ""]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", "", "a"]),
        (pa.array([date(2024, 5, 6), None]), ["2024-05-06", ""]),
        (pa.array(np.array(["2024-05-06T10:30"], "datetime64[ns]")), ["2024-05-06T10:30:00"]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([[1], None]), ["[1]", ""]),
        (pa.nulls(2), ["", ""]),
        (pa.array([], pa.int64()), []),
    ],
)
def test_a_column_of_arrow_has_the_texts_of_its_cells(array: pa.Array, texts: list[str]) -> None:
    assert arrow_to_text(pa.chunked_array([array], array.type)).tolist() == texts


def test_a_column_in_chunks_is_one_column() -> None:
    chunks = pa.chunked_array([pa.array(["a", "b"]), pa.array(["c", "a"])])
    assert arrow_to_text(chunks).tolist() == ["a", "b", "c", "a"]
    coded = pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])
    assert arrow_to_text(coded).tolist() == ["a", "b"]
