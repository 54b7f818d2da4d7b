"""Derived features as columns of the matrix."""

import math
import re
from typing import Any

import numpy as np
import pytest

from app.core.base_feature import Missing
from app.core.contract import Contract
from app.core.derived import Derived, compute_columns
from app.core.encoders import Encoder, column_encoder, row_encoder
from app.core.features import LARGEST_NUMBER, BooleanFeature, NumberFeature
from tests.support.features import grade, rate, secured, years

NAN = math.nan
FEATURES = (
    years(),
    rate(missing=Missing(markers=("n/a",))),
    grade(missing=Missing()),
    secured(missing=Missing()),
)
ROWS: list[dict[str, Any]] = [
    {"years": 4, "rate": 2.5, "grade": "A", "secured": True},
    {"years": 1, "rate": None, "grade": None, "secured": None},
    {"years": 30, "rate": 0, "grade": "C", "secured": False},
]


def derived(**expressions: str) -> tuple[Derived, ...]:
    return tuple(Derived(name=name, expression=text) for name, text in expressions.items())


def columns_after(expressions: dict[str, str]) -> list[list[float]]:
    """Return the columns of the derived features."""
    matrix = row_encoder(FEATURES, derived(**expressions))(ROWS)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[:, :4], Encoder(FEATURES)(ROWS))
    return [column.tolist() for column in matrix[:, 4:].T]


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("years * rate", [10, NAN, 0]),
        ("years / rate", [1.6, NAN, NAN]),
        ('grade == "A"', [1, 2, 0]),
        ("secured and years > 2", [1, 0, 0]),
        ("secured or years > 2", [1, 2, 1]),
        ("not secured", [0, 2, 1]),
        ("is_missing(secured)", [0, 1, 0]),
        ("secured + 1", [2, NAN, 1]),
        ("years > 3", [1, 0, 1]),
        ("years * 1e38", [NAN, 1e38, NAN]),
        ("years * 1e38 / 1e38", [4, 1, 30]),
    ],
)
def test_a_derived_feature_is_a_column_after_those_of_the_features(
    expression: str, column: list[float]
) -> None:
    np.testing.assert_allclose(columns_after({"x": expression}), [column], rtol=1e-6)


def test_a_derived_feature_may_read_those_before_it() -> None:
    doubled, dear, both = columns_after(
        {"doubled": "years * 2", "dear": "doubled > 7", "both": "dear and secured"}
    )
    assert (doubled, dear, both) == ([8, 2, 60], [1, 0, 1], [1, 0, 0])


def test_numbers_are_computed_in_float64() -> None:
    features = (rate(minimum=0, maximum=1e9),)
    (difference,) = row_encoder(features, derived(x="rate - 123456789"))([{"rate": 123456789.25}])[0, 1:]
    assert difference == 0.25


def test_columns_are_described_as_features_are() -> None:
    named = Derived(name="cost", expression="years * rate", title="Cost", unit="euros")
    cost, dear, known = compute_columns(
        FEATURES, (named, *derived(dear="cost > 3", known="years > 3"))
    ).columns[4:]
    assert cost == NumberFeature(
        type="number",
        name="cost",
        title="Cost",
        unit="euros",
        minimum=-LARGEST_NUMBER,
        maximum=LARGEST_NUMBER,
        example=0,
        missing=Missing(),
    )
    assert dear == BooleanFeature(type="boolean", name="dear", title="dear", example=True, missing=Missing())
    assert known == BooleanFeature(type="boolean", name="known", title="known", example=True)


@pytest.mark.parametrize(
    ("expressions", "message"),
    [
        (
            {"cost": "years * rte"},
            "derived.cost.expression: column 9: unknown name 'rte' (did you mean 'rate'?); "
            "the features are years, rate, grade, secured",
        ),
        ({"a": "b + 1", "b": "years + 1"}, "derived.a.expression: column 1: unknown name 'b'; "),
        ({"a": "a + years"}, "derived.a.expression: column 1: unknown name 'a'; "),
        ({"rate": "years + 1"}, "feature name or alias 'rate' is taken already by feature 'rate'"),
        ({"inputs": "years + 1"}, "feature name or alias 'inputs' is taken already by "),
    ],
)
def test_an_error_names_the_derived_feature(expressions: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        compute_columns(FEATURES, derived(**expressions))


def test_cells_become_the_same_columns_as_rows() -> None:
    expressions = derived(cost="years * rate", dear='cost > 3 and grade != "B"')
    cells = [("4", "1", "30"), ("2.5", "n/a", "0"), ("A", "", "C"), ("yes", "", "false")]
    matrix, refused, _ = column_encoder(FEATURES, expressions)(cells)
    np.testing.assert_array_equal(matrix, row_encoder(FEATURES, expressions)(ROWS))
    assert refused == []


def test_a_refused_cell_is_missing_for_derived_features() -> None:
    cells = [("400", "1"), ("2.5", "2"), ("A", "B"), ("yes", "no")]
    matrix, refused, _ = column_encoder(FEATURES, derived(cost="years * rate"))(cells)
    np.testing.assert_array_equal(matrix[:, 4], [NAN, 2])
    assert refused == [0]


def test_without_derived_features_rows_are_encoded_as_ever() -> None:
    assert isinstance(row_encoder(FEATURES, ()), Encoder)


def test_contract_without_the_key_has_no_derived_features(contract: Contract) -> None:
    document = contract.model_dump(mode="json", exclude={"derived"})
    assert Contract.model_validate_json(contract.model_validate(document, strict=False).model_dump_json())
    assert contract.columns == contract.features
