import math

import pytest

from model_build.text import NOTHING, format_interval, format_metric, format_number, format_percent, pluralize


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345.0, "12,345"),
        (12345.678, "12,345.7"),
        (-2.5, "-2.5"),
        (0.123456, "0.1235"),
        (1e300, "1e+300"),
        (math.inf, "inf"),
        (math.nan, NOTHING),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (32561, "32,561 rows")]
)
def test_only_one_is_singular(count: int, text: str) -> None:
    assert pluralize(count, "row") == text


def test_nan_is_a_dash() -> None:
    assert (format_percent(math.nan), format_metric(math.nan)) == (NOTHING, NOTHING)


def test_an_interval_stands_behind_its_value() -> None:
    assert format_interval(0.93, 0.92, 0.94) == "0.9300 (0.9200 to 0.9400)"
