import numpy as np
import pytest

from app.core.base_feature import Missing
from app.core.features import BooleanFeature, CategoryFeature, IntegerFeature, NumberFeature
from model_build.evaluation.binning import MISSING, divide_into_levels, format_float32, shortest_decimal

AGE = IntegerFeature(name="age", type="integer", minimum=0, maximum=99_999, title="Age", example=1)
RATE = NumberFeature(
    name="rate", type="number", minimum=0, maximum=20, title="Rate", example=1, missing=Missing()
)
GRADE = CategoryFeature(name="grade", type="category", categories=("A", "B"), title="Grade", example="A")
SECURED = BooleanFeature(name="secured", type="boolean", title="Secured", example=True)
NAN = float("nan")


def bands(values: list[float], count: int) -> dict[str, int]:
    """Return the number of rows of each band that has rows."""
    levels = divide_into_levels(RATE, np.array(values, dtype=np.float32), count)
    sizes = np.bincount(levels.of_row, minlength=len(levels.names)).tolist()
    return {name: size for name, size in zip(levels.names, sizes, strict=True) if size}


def test_levels_of_a_category_are_in_the_order_of_the_codes() -> None:
    levels = divide_into_levels(GRADE, np.array([1, 0, 1], dtype=np.float32), 4)
    assert (levels.names, levels.of_row.tolist()) == (("A", "B"), [1, 0, 1])


@pytest.mark.parametrize(
    ("feature", "names"), [(GRADE, ("A", "B", MISSING)), (SECURED, ("false", "true", MISSING))]
)
def test_missing_is_the_last_level(feature: CategoryFeature | BooleanFeature, names: tuple[str, ...]) -> None:
    optional = feature.model_copy(update={"missing": Missing()})
    assert divide_into_levels(optional, np.array([2, 0], dtype=np.float32), 4).names == names
    assert divide_into_levels(feature, np.array([1, 0], dtype=np.float32), 4).names == names[:-1]


def test_bands_of_a_number_have_equally_many_rows_and_missing_is_a_level() -> None:
    ages = [float(age) for age in range(17, 117)]
    assert bands([*ages, NAN, NAN], 4) == {
        "up to 41": 25,
        "42 to 66": 25,
        "67 to 91": 25,
        "above 91": 25,
        "missing": 2,
    }


def test_value_that_fills_a_band_is_a_band_of_its_own() -> None:
    gains = [0.0] * 91 + [100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 7000.0, 8000.0, 9000.0]
    assert bands(gains, 4) == {"0": 91, "100 to 300": 3, "400 to 600": 3, "above 600": 3}
    hours = [20.0] * 5 + [35.0] * 19 + [40.0] * 47 + [45.0] * 10 + [50.0] * 9 + [60.0] * 6 + [80.0] * 4
    assert bands(hours, 4) == {"up to 35": 24, "40": 47, "45 to 50": 19, "above 50": 10}


def test_each_of_few_values_is_a_band() -> None:
    assert bands([1.0, 2.0, 3.0, 1.0, 2.0, 3.0], 3) == {"1": 2, "2": 2, "3": 2}
    assert bands([5.0, 5.0], 4) == {"5": 2}
    assert bands([5.0], 4) == {"5": 1}
    assert bands([NAN, NAN], 4) == {"missing": 2}


@pytest.mark.parametrize("seed", range(20))
def test_names_of_bands_match_their_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, rng.integers(2, 60), 200).astype(np.float32)
    levels = divide_into_levels(AGE, values, int(rng.integers(2, 9)))
    assert len(set(levels.names)) == len(levels.names)
    for value, band in zip(values, levels.of_row, strict=True):
        match levels.names[band].split():
            case ["up", "to", high]:
                assert value <= float(high)
            case ["above", low]:
                assert value > float(low)
            case [low, "to", high]:
                assert float(low) <= value <= float(high)
            case [only]:
                assert value == float(only)


def test_float32_is_formatted_as_it_was_written() -> None:
    assert [format_float32(np.float32(x)) for x in (2.51, 40, 0.1, 123456, 16777216)] == [
        "2.51",
        "40",
        "0.1",
        "123,456",
        "16,777,216",
    ]
    assert shortest_decimal(np.float32(2.51)) == 2.51
