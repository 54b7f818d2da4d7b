import pandas as pd

from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks
from model_build.validation.float32 import find_merged_numbers

ACCOUNTS = [123_456_700.0 + number for number in range(100)]
"""As float32, only every eighth integer of this size exists."""


def typed(**columns: list[float]) -> pd.DataFrame:
    rows = max(map(len, columns.values()), default=1)
    return pd.DataFrame({"years": [1.0] * rows, "rate": [2.5] * rows} | columns)


def test_numbers_that_float32_holds_are_no_violation(tiny_spec: ModelSpec) -> None:
    assert find_merged_numbers(tiny_spec, typed(rate=[0.1, 0.2, float("nan")])) == []


def test_feature_that_loses_most_values_fails_with_the_remedy(tiny_spec: ModelSpec) -> None:
    (violation,) = find_merged_numbers(tiny_spec, typed(rate=ACCOUNTS))
    assert (violation.check, violation.severity, violation.column) == ("float32", "fail", "rate")
    assert violation.sentence == (
        "rate: 100 different values become 13 as float32, in which the model computes: 87.00 % are merged "
        "with another; data_checks.maximum_merged allows 50 %. Declare an offset near them, from which the "
        "model reads the distance, or declare a code as a category"
    )


def test_share_that_the_spec_allows_is_a_warning(tiny_spec: ModelSpec) -> None:
    spec = tiny_spec.model_copy(update={"data_checks": DataChecks(maximum_merged=0.9)})
    (violation,) = find_merged_numbers(spec, typed(rate=ACCOUNTS))
    assert (violation.severity, violation.column) == ("warn", "rate")


def test_a_few_merged_values_of_several_features_are_one_warning(tiny_spec: ModelSpec) -> None:
    close = [float(number) for number in range(98)] + [1.00000001, 2.00000001]
    (violation,) = find_merged_numbers(tiny_spec, typed(years=close, rate=close))
    assert (violation.severity, violation.column) == ("warn", None)
    assert violation.sentence.startswith(
        "float32, in which the model computes, merges neighbouring values of years 2 %, rate 2 %. "
    )
