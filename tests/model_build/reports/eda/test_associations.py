"""Measures of association, compared with values from another source."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from model_build.reports.eda.associations import (
    compute_associations,
    correlation_ratio,
    cramers_v,
    information_share,
    measure_name,
)
from model_build.reports.eda.profile import ColumnProfile


def levels(*names: str | None) -> pd.Series:
    return pd.Series(pd.Categorical(names))


def column(name: str, values: pd.Series) -> ColumnProfile:
    kind = "number" if values.dtype == float else "category"
    return ColumnProfile(name, name, None, kind, "", values, values)


def numbers(*values: float) -> pd.Series:
    return pd.Series(values, dtype=float)


def test_levels_that_determine_each_other_have_a_v_of_1() -> None:
    assert cramers_v(levels(*"aabb" * 10), levels(*"xxyy" * 10)) == pytest.approx(1)


def test_independent_levels_have_a_v_of_0() -> None:
    assert cramers_v(levels(*"aabb" * 10), levels(*"xyxy" * 10)) == 0


def test_v_is_corrected_for_its_bias() -> None:
    # 10, 20, 20, 10: chi² = 20/3, φ² = 1/9; Bergsma (2013): sqrt((1/9 - 1/59) / (2 - 1/59 - 1))
    first = levels(*"a" * 30, *"b" * 30)
    second = levels(*"x" * 10, *"y" * 20, *"x" * 20, *"y" * 10)
    assert cramers_v(first, second) == pytest.approx(math.sqrt((1 / 9 - 1 / 59) / (1 - 1 / 59)))


def test_the_correlation_ratio_of_two_levels_is_the_root_of_the_adjusted_r_squared() -> None:
    values, side = np.arange(20.0) ** 2, np.arange(20) % 3 * 5 < np.arange(20)
    r_squared = pearsonr(values, side).statistic ** 2
    expected = math.sqrt(1 - (1 - r_squared) * 19 / 18)
    names = levels(*np.where(side, "a", "b"))
    assert correlation_ratio(names, pd.Series(values)) == pytest.approx(expected)


def test_the_correlation_ratio_of_many_random_levels_is_near_0() -> None:
    rng = np.random.default_rng(0)
    names, values = rng.integers(0, 100, 300), pd.Series(rng.normal(size=300))
    assert correlation_ratio(levels(*names.astype(str)), values) < 0.1
    assert correlation_ratio(levels(*"aabb"), numbers(1, 2, 1, 2)) == 0


def test_levels_of_one_row_each_have_no_correlation_ratio() -> None:
    assert math.isnan(correlation_ratio(levels("a", "b", "c", None), numbers(1, 2, 3, 4)))


def test_missing_values_are_left_out_of_a_pair() -> None:
    assert correlation_ratio(levels("a", "a", "b", "b", None), numbers(1, 1, 2, 2, 99)) == pytest.approx(1)
    assert cramers_v(levels(*"aabb", None), levels(*"xxyyx")) == pytest.approx(1)


@pytest.mark.parametrize(
    "values",
    [numbers(1, 1, 1), numbers(0.1, 0.1, 0.1), numbers(1, math.nan, math.nan), numbers(*[math.nan] * 3)],
)
def test_a_column_of_one_value_has_no_associations(values: pd.Series) -> None:
    square = compute_associations(
        (column("a", levels("x", "y", "x")), column("b", values), column("c", numbers(1, 2, 3)))
    )
    assert square["b"].drop("b").isna().all()


def test_each_pair_has_the_measure_of_its_types() -> None:
    first, second, third = (
        column("a", numbers(1, 2, 3, 4)),
        column("b", numbers(4, 3, 2, 0)),
        column("c", levels(*"xxyy")),
    )
    square = compute_associations((first, second, third))
    assert square.loc["a", "b"] == pytest.approx(-1)
    assert square.loc["c", "a"] == square.loc["a", "c"] == pytest.approx(math.sqrt(1 - 1 / 5 * 3 / 2))
    assert [measure_name(first, second), measure_name(first, third), measure_name(third, third)] == [
        "Spearman's rank correlation",
        "correlation ratio (ε)",
        "Cramér's V",
    ]


def test_a_column_that_determines_the_target_explains_all_its_entropy() -> None:
    target = column("t", levels(*"nnyy" * 5))
    assert information_share(column("a", levels(*"xxyy" * 5)), target) == pytest.approx(1)
    assert information_share(column("a", numbers(*[1, 2, 8, 9] * 5)), target) == pytest.approx(1)
    assert information_share(column("a", levels(*"xyxy" * 5)), target) == pytest.approx(0, abs=1e-12)


def test_missing_values_may_explain_the_target() -> None:
    target = column("t", levels(*"nnyy" * 5))
    assert information_share(column("a", levels(*["x", "x", None, None] * 5)), target) == pytest.approx(1)


def test_a_target_without_entropy_has_no_information_share() -> None:
    assert math.isnan(information_share(column("a", levels(*"xy")), column("t", levels(*"nn"))))
