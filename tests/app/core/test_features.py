import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.base_feature import Missing
from app.core.encoders import Encoder
from app.core.features import LARGEST_INTEGER, LARGEST_NUMBER, TOO_LARGE, Feature, check_names
from app.core.values import Value
from tests.support.features import GRADE, RATE, SECURED, YEARS, grade, rate, secured, years

MISSING = Missing(markers=("?", "n/a"))


@pytest.mark.parametrize(
    ("feature", "codes"),
    [
        (years(), {}),
        (rate(), {}),
        (grade(), {"A": 0.0, "B": 1.0, "C": 2.0}),
        (secured(), {False: 0.0, True: 1.0}),
        (grade(missing=MISSING), {"A": 0.0, "B": 1.0, "C": 2.0, None: 3.0, "?": 3.0, "n/a": 3.0}),
        (secured(missing=MISSING), {False: 0.0, True: 1.0, None: 2.0, "?": 2.0, "n/a": 2.0}),
        (grade(missing=Missing()), {"A": 0.0, "B": 1.0, "C": 2.0, None: 3.0}),
        (secured(missing=Missing()), {False: 0.0, True: 1.0, None: 2.0}),
    ],
)
def test_codes_of_a_feature_follow_its_levels(feature: Feature, codes: dict[Value, float]) -> None:
    assert feature.codes == codes


@pytest.mark.parametrize(
    ("feature", "levels"),
    [
        (years(), ()),
        (rate(missing=MISSING), ()),
        (grade(missing=MISSING), ("A", "B", "C")),
        (secured(missing=MISSING), ("false", "true")),
    ],
)
def test_levels_are_the_values_of_a_categorical_feature(feature: Feature, levels: tuple[str, ...]) -> None:
    assert (feature.levels, feature.is_categorical) == (levels, bool(levels))


@pytest.mark.parametrize("feature", [years(missing=MISSING), rate(missing=MISSING)])
def test_missing_number_is_nan_under_null_and_every_marker(feature: Feature) -> None:
    assert list(feature.codes) == [None, "?", "n/a"]
    assert all(math.isnan(code) for code in feature.codes.values())


def test_names_are_the_name_and_then_the_aliases() -> None:
    assert years(aliases=("duration-years", "term")).names == ("years", "duration-years", "term")


def test_encoder_writes_one_column_for_each_feature_in_order() -> None:
    encode = Encoder([years(missing=MISSING), rate(), grade(missing=MISSING), secured()])
    matrix = encode(
        [
            {"years": 5.0, "rate": 2.5, "grade": "C", "secured": True},
            {"years": None, "rate": 0.0, "grade": None, "secured": False},
            {"years": "n/a", "rate": 20, "grade": "?", "secured": False},
        ]
    )
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(
        matrix, np.array([[5, 2.5, 2, 1], [np.nan, 0, 3, 0], [np.nan, 20, 3, 0]], dtype=np.float32)
    )


def test_encoder_of_no_rows_keeps_the_width() -> None:
    assert Encoder([years(), rate()])([]).shape == (0, 2)


@pytest.mark.parametrize(
    "rows",
    [
        [{}],
        [{"years": 5.0}],
        [{"years": 5.0, "rate": 2.5, "grade": 1.0}],
        [{"years": 5.0, "rate": 2.5}, {"years": 5.0}],
        [{"years": 5.0, "rate": 2.5, "grade": 1.0}, {"years": 5.0}],
        [{"years": 5.0}, {"years": 5.0, "rate": 2.5, "grade": 1.0}],
        [{}, {"years": 5.0, "rate": 2.5, "grade": 1.0, "secured": 1.0}],
    ],
    ids=["empty", "short", "long", "then short", "long, short", "short, long", "empty, twice"],
)
def test_encoder_refuses_a_row_of_another_width(rows: list[dict[str, Value]]) -> None:
    with pytest.raises(ValueError, match=r"^every row must have 2 values$"):
        Encoder([years(), rate()])(rows)


def test_every_allowed_integer_survives_float32() -> None:
    matrix = Encoder([years()])([{"years": value} for value in (LARGEST_INTEGER - 1, LARGEST_INTEGER)])
    assert matrix.astype(int).tolist() == [[LARGEST_INTEGER - 1], [LARGEST_INTEGER]]


def test_every_allowed_number_is_finite_in_float32() -> None:
    matrix = Encoder([rate()])([{"rate": value} for value in (-LARGEST_NUMBER, LARGEST_NUMBER)])
    assert matrix.tolist() == [[-LARGEST_NUMBER], [LARGEST_NUMBER]]


@pytest.mark.parametrize(
    ("feature", "text", "value"),
    [
        (years(), "5", 5.0),
        (years(), " 5.0 ", 5.0),
        (years(), "-5e1", -50.0),
        (years(), "five", "five"),
        (years(), "", ""),
        (years(), "?", "?"),
        (years(missing=MISSING), "", None),
        (years(missing=MISSING), " ", None),
        (years(missing=MISSING), " n/a", None),
        (years(missing=MISSING), "N/A", "N/A"),
        (rate(missing=Missing()), "", None),
        (rate(missing=Missing()), "?", "?"),
        (rate(), "1e400", math.inf),
        (grade(), " A\t", "A"),
        (grade(), "a", "a"),
        (grade(), "", ""),
        (grade(missing=MISSING), "", None),
        (grade(missing=MISSING), "?", None),
        (secured(), "true", True),
        (secured(), "FALSE", False),
        (secured(), "Yes", True),
        (secured(), "no", False),
        (secured(), "1", True),
        (secured(), "0", False),
        (secured(), "1.0", True),
        (secured(), "Off", False),
        (secured(), "2.0", "2.0"),
        (grade(categories=("1", "2"), example="1"), "2.0", "2"),
        (grade(categories=("1", "2"), example="1"), "3.0", "3.0"),
        (grade(categories=("1", "1.0"), example="1"), "1.0", "1.0"),
        (secured(), "", ""),
        (secured(missing=MISSING), "n/a", None),
    ],
)
def test_text_becomes_a_value_or_stays_text(feature: Feature, text: str, value: Value) -> None:
    read = feature.from_text(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("aliases", "sentence"),
    [
        (("rate",), "feature name or alias 'rate' is taken already by feature 'years'"),
        (("years",), "feature name or alias 'years' is taken already by feature 'years'"),
        (("term", "term"), "feature name or alias 'term' is taken already by feature 'years'"),
        (
            ("inputs",),
            "feature name or alias 'inputs' is taken already by the key that holds the rows of a request",
        ),
    ],
)
def test_name_of_two_features_is_refused(aliases: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        check_names([years(aliases=aliases), rate()])


def test_distinct_names_are_accepted() -> None:
    features: list[Feature] = [years(aliases=("duration-years",)), rate(), grade(), secured()]
    check_names(features)
    assert len({name for feature in features for name in feature.names}) == 5


@pytest.mark.parametrize(
    ("declared", "where", "message"),
    [
        (YEARS | {"minimum": 30}, (), "Value error, minimum 30 must be below maximum 30"),
        (YEARS | {"minimum": 31}, (), "Value error, minimum 31 must be below maximum 30"),
        (
            YEARS | {"minimum": 10_000_001, "maximum": 10_000_000},
            (),
            "Value error, minimum 10000001 must be below maximum 10000000",
        ),
        (YEARS | {"example": 31}, (), "Value error, example 31 must lie in 1 to 30"),
        (YEARS | {"example": 0}, (), "Value error, example 0 must lie in 1 to 30"),
        (YEARS | {"example": 2.5}, ("example",), "Input should be a valid integer"),
        (YEARS | {"minimum": 1.0}, ("minimum",), "Input should be a valid integer"),
        (
            YEARS | {"minimum": -LARGEST_INTEGER - 1},
            ("minimum",),
            f"Value error, {TOO_LARGE}",
        ),
        (
            YEARS | {"maximum": LARGEST_INTEGER + 1},
            ("maximum",),
            f"Value error, {TOO_LARGE}",
        ),
        (
            RATE | {"minimum": 0.5, "maximum": 20.25, "example": 20.5},
            (),
            "Value error, example 20.5 must lie in 0.5 to 20.25",
        ),
        (RATE | {"maximum": float("inf")}, ("maximum",), "Input should be a finite number"),
        (RATE | {"minimum": float("nan")}, ("minimum",), "Input should be a finite number"),
        (
            RATE | {"minimum": -1e39},
            ("minimum",),
            "Input should be greater than or equal to -340282346638528860000000000000000000000",
        ),
        (
            RATE | {"maximum": 1e39},
            ("maximum",),
            "Input should be less than or equal to 340282346638528860000000000000000000000",
        ),
        (RATE | {"name": ""}, ("name",), "String should have at least 1 character"),
        (RATE | {"title": ""}, ("title",), "String should have at least 1 character"),
        (RATE | {"colour": "red"}, ("colour",), "Extra inputs are not permitted"),
        (GRADE | {"example": "D"}, (), "Value error, example must be one of the categories: A, B, C"),
        (
            GRADE | {"missing": Missing(markers=("?",)), "example": "?"},
            (),
            "Value error, example must be one of the categories: A, B, C",
        ),
        (
            GRADE | {"categories": ("B", "A", "B")},
            (),
            "Value error, categories and missing markers must differ, B appears twice",
        ),
        (
            GRADE | {"categories": ("A", "B"), "missing": Missing(markers=("B",))},
            (),
            "Value error, categories and missing markers must differ, B appears twice",
        ),
        (
            GRADE | {"categories": ("B",)},
            ("categories",),
            "Tuple should have at least 2 items after validation, not 1",
        ),
        (SECURED | {"example": 1}, ("example",), "Input should be a valid boolean"),
    ],
)
def test_error_in_a_declaration_is_named(
    declared: dict[str, object], where: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter[Feature](Feature).validate_python(declared)
    assert [(error["loc"][1:], error["msg"]) for error in refused.value.errors()] == [(where, message)]


@pytest.mark.parametrize("end", ["minimum", "maximum"])
@pytest.mark.parametrize("declared", [YEARS, RATE])
def test_example_may_lie_at_either_end_of_the_range(declared: dict[str, object], end: str) -> None:
    feature = TypeAdapter[Feature](Feature).validate_python(declared | {"example": declared[end]})
    assert feature.example == declared[end]


def test_feature_does_not_change_after_loading() -> None:
    feature = years()
    with pytest.raises(ValidationError, match="Instance is frozen"):
        feature.maximum = 99  # type: ignore[misc] # what the test is about
    assert feature.maximum == 30
