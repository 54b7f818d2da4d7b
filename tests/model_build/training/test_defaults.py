"""Defaults that a spec leaves to the training rows."""

import pytest

from app.core.base_feature import Default, Missing
from app.core.features import Feature
from app.core.values import Row, Value
from model_build.training.defaults import compute_defaults
from tests.support.features import grade, rate, years

ROWS: list[Row] = [
    {"years": 1, "rate": 2.0, "grade": "B"},
    {"years": 2, "rate": None, "grade": "A"},
    {"years": 2, "rate": 4.0, "grade": "B"},
    {"years": 9, "rate": 9.0, "grade": "?"},
]


@pytest.mark.parametrize(
    ("statistic", "of_years", "of_rate"), [("mean", 4, 5.0), ("median", 2, 4.0), ("mode", 2, 2.0)]
)
def test_missing_values_do_not_count_and_an_integer_stays_whole(
    statistic: str, of_years: Value, of_rate: Value
) -> None:
    default = Default.model_validate({"training": statistic})
    features: list[Feature] = [years(default=default), rate(default=default, missing=Missing())]
    assert compute_defaults(features, ROWS) == {"years": of_years, "rate": of_rate}


def test_the_mode_of_a_category_is_no_marker() -> None:
    feature = grade(default=Default(training="mode"), missing=Missing(markers=("?",)))
    assert compute_defaults([feature], ROWS) == {"grade": "B"}


def test_other_features_have_none() -> None:
    assert compute_defaults([years(), rate(default=Default(value=3))], ROWS) == {}
