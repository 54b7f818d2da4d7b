"""Rows packed into columns come back with their values and types, in every order, and encode as before."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from app.core.encoders import row_encoder
from app.core.errors import Problem
from app.core.values import Row
from model_build.data import packed_rows
from model_build.data.packed_rows import FrameRows, PackedRows, encode_in_chunks, validate_rows
from model_build.spec.model_spec import ModelSpec

CELLS: dict[str, list[object]] = {
    "number": [1.5, -0.0, 1e300, 2.0, 2.0, 0.1, 3.0],
    "number or none": [1.5, None, 2.0, None, 0.0, 1.0, 2.0],
    "integer": [1, 2, -3, 2**53 + 1, 0, 0, 5],
    "integer or none": [1, None, 2, 1, None, 7, 1],
    "large integer": [2**70, 1, 2, 3, 4, 5, -(2**63)],
    "mixed numbers": [1, 1.0, 2, 2.5, None, 3, 0.0],
    "text": ["a", "b", "a", "", "é", "b", "c"],
    "text or none": ["a", None, "a", None, "b", "b", "c"],
    "boolean": [True, False, True, True, False, False, True],
    "mixed": [True, 1, 1.0, "1", None, False, 0],
    "none": [None] * 7,
}
ROWS: list[Row] = [dict(zip(CELLS, cells, strict=True)) for cells in zip(*CELLS.values(), strict=True)]


@pytest.fixture(params=[1, 3, 7, 100])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PackedRows:
    monkeypatch.setattr(packed_rows, "ROWS_PER_CHUNK", request.param)
    return PackedRows.pack(ROWS)


def assert_same(rows: Sequence[Row], expected: Sequence[Row]) -> None:
    """Compare types and signs as well: 1, 1.0 and True are equal, and 0.0 is -0.0."""
    assert list(map(repr, rows)) == list(map(repr, expected))


def test_rows_come_back_with_their_values_and_types(packed: PackedRows) -> None:
    assert len(packed) == len(ROWS)
    assert_same(list(packed), ROWS)
    assert packed == ROWS
    assert packed != ROWS[1:]
    assert packed != [*ROWS[1:], ROWS[0]]


@pytest.mark.parametrize(
    "part", [slice(None), slice(2, 5), slice(-2, None), slice(5, 2), slice(0, 7, 3), slice(None, None, -1)]
)
def test_slices_are_those_of_a_list(packed: PackedRows, part: slice) -> None:
    assert_same(packed[part], ROWS[part])


def test_one_row_is_read_by_its_position(packed: PackedRows) -> None:
    for position in (0, 3, 6, -1):
        assert_same([packed[position]], [ROWS[position]])
    with pytest.raises(IndexError):
        packed[7]


def test_rows_are_taken_in_another_order_and_added(packed: PackedRows) -> None:
    order = np.array([6, 0, 3, 3, 1])
    taken = [ROWS[position] for position in order]
    assert_same(list(packed.take(order)), taken)
    assert_same(list(packed.take(order) + packed), [*taken, *ROWS])
    assert_same(list(packed.take(order[:0]) + packed), ROWS)


def test_packed_rows_stay_as_they_are(packed: PackedRows) -> None:
    assert PackedRows.pack(packed) is packed
    assert list(PackedRows.pack([{}] * 3)) == [{}] * 3


def rows_of(spec: ModelSpec, count: int) -> FrameRows:
    cells = {"years": [*range(1, count + 1)], "rate": 2.5, "grade": "A", "secured": True}
    return FrameRows(pd.DataFrame(cells, dtype=object), [feature.name for feature in spec.features])


def test_rows_are_validated_and_encoded_in_chunks_as_all_at_once(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = row_encoder(tiny_spec.features, ())
    at_once = encode(list(rows_of(tiny_spec, 8)))
    monkeypatch.setattr(packed_rows, "ROWS_PER_CHUNK", 3)
    rows = validate_rows(tiny_spec.features, rows_of(tiny_spec, 8))
    np.testing.assert_array_equal(encode_in_chunks(encode, rows), at_once)
    sizes: list[int] = []
    encode_in_chunks(lambda part: (sizes.append(len(part)), encode(part))[1], rows)  # type: ignore[func-returns-value]
    assert sizes == [3, 3, 2]


def test_errors_of_a_later_chunk_name_the_rows_of_all(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = rows_of(tiny_spec, 8)
    rows.frame.loc[[4, 7], "years"] = "many"
    monkeypatch.setattr(packed_rows, "ROWS_PER_CHUNK", 3)
    with pytest.raises(Problem) as caught:
        validate_rows(tiny_spec.features, rows)
    assert [error["loc"] for error in caught.value.errors] == [[4, "years"], [7, "years"]]


def test_no_rows_are_refused(tiny_spec: ModelSpec) -> None:
    with pytest.raises(Problem, match="At least one row"):
        validate_rows(tiny_spec.features, rows_of(tiny_spec, 0))
