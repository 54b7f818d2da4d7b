"""What a feature accepts beyond its own values, in JSON and in cells, and what the model reads then."""

from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from pydantic_core import to_json

from app.core.base_feature import Default, Missing
from app.core.columns import ColumnEncoder
from app.core.contract import Target
from app.core.encoders import Encoder, column_encoder, row_encoder
from app.core.errors import Problem
from app.core.features import Feature, IntegerFeature, Other, Words
from app.core.replacements import names_of_replaceable, settle
from app.core.schemas import row_schema
from app.core.validation import RowValidator
from tests.support.features import date, grade, rate, secured, years, zip_code

MISSING = Missing()
OTHER = grade(unknown="other")
CODES = grade(unknown="other", categories=("3", "0", "true", "B"))
CODED = Words(true=("2",), false=("1",))


def read(feature: Feature, *values: Any) -> tuple[list[float], dict[str, int]]:
    """Return the codes of values in rows of JSON, and how many were replaced for each reason."""
    body = to_json({"inputs": [{} if value is ... else {feature.name: value} for value in values]})
    rows, replaced = settle(RowValidator([feature]).parse(body), names_of_replaceable([feature]))
    codes: list[float] = Encoder([feature])(rows)[:, 0].tolist()
    return codes, {reason: count for (_, reason), count in replaced.items()}


def read_cells(feature: Feature, *cells: str) -> tuple[list[float], dict[str, int]]:
    encoded = ColumnEncoder([feature])([cells])
    assert encoded.refused == []
    codes: list[float] = encoded.codes[:, 0].tolist()
    return codes, {reason: count for (_, reason), count in encoded.replaced.items()}


@pytest.mark.parametrize(
    ("feature", "values", "codes", "replaced"),
    [
        (OTHER, ["A", "D", "B", "E"], [0, 3, 1, 3], {"unknown": 2}),
        (OTHER, ["(other)"], [3], {}),
        (OTHER, [7], [3], {"unknown": 1}),
        (grade(unknown="missing", missing=MISSING), ["D", None], [3, 3], {"unknown": 1}),
        (grade(unknown="other", other=Other(name="rest")), ["rest", "D"], [3, 3], {"unknown": 1}),
        (years(outside="clip"), [0, 1, 30, 31, 1e300], [1, 1, 30, 30, 30], {"outside": 3}),
        (rate(outside="clip"), [-0.5, 2.5, 20.5], [0, 2.5, 20], {"outside": 2}),
        (rate(outside="clip", missing=MISSING), [None, 21], [np.nan, 20], {"outside": 1}),
        (secured(words=Words(true=("ja",), false=("nein", "2"))), ["JA", "nein", 2, "yes"], [1, 0, 0, 1], {}),
        (grade(categories=("true", "B", "7"), example="B"), [True, "true", 7], [0, 0, 2], {}),
        (secured(words=CODED), [1, 1.0, 2, 2.0, "2"], [0, 0, 1, 1, 1], {}),
        (CODES, ["3.0", "-0.0", -0.0, "TRUE", "True", "4.0"], [0, 1, 1, 2, 2, 4], {"unknown": 1}),
    ],
)
def test_values_and_cells_are_read_alike(
    feature: Feature, values: list[Any], codes: list[float], replaced: dict[str, int]
) -> None:
    by_value, by_cell = read(feature, *values), read_cells(feature, *map(as_cell, values))
    np.testing.assert_array_equal(by_value[0], codes)
    np.testing.assert_array_equal(by_cell[0], codes)
    assert by_value[1] == by_cell[1] == replaced


def as_cell(value: Any) -> str:
    return "" if value is None else str(value)


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (OTHER, " A"),
        (OTHER, ""),
        (OTHER, "D" * 201),
        (OTHER, None),
        (OTHER, True),
        (OTHER, "\x1cD"),
        (grade(), "(other)"),
        (years(outside="clip"), 40.5),
        (years(outside="clip"), "40"),
        (rate(outside="clip"), True),
        (secured(words=Words(true=("ja",))), "nein"),
        (zip_code(), ""),
        (zip_code(), " 1"),
        (zip_code(), None),
        (zip_code(), 1.5),
    ],
)
def test_other_values_are_still_refused(feature: Feature, value: Any) -> None:
    with pytest.raises(Problem) as caught:
        read(feature, value)
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize(
    ("feature", "cell"),
    [
        (OTHER, ""),
        *(
            (feature(outside="clip"), cell)
            for feature in (years, rate)
            for cell in ("1e999", "-1e999", "-inf")
        ),
        (zip_code(), " "),
    ],
)
def test_other_cells_are_still_refused(feature: Feature, cell: str) -> None:
    assert ColumnEncoder([feature])([[cell]]).refused == [0]


def test_a_wide_range_of_numbers_needs_no_declaration() -> None:
    feature = rate(minimum=-3.4e38, maximum=3.4e38)
    assert read(feature, -1e30, 5)[0] == [float(np.float32(-1e30)), 5]


@pytest.mark.parametrize(
    ("feature", "code"),
    [
        (years(default=Default(value=7)), 7),
        (rate(default=Default(value=None), missing=MISSING), np.nan),
        (grade(default=Default(value="C")), 2),
        (grade(default=Default(value="(other)"), other=Other()), 3),
        (secured(default=Default(value=False)), 0),
        (zip_code(default=Default(value=1234)), zip_code().encode("1234")),
        (zip_code(default=Default(value="1234.0")), zip_code().encode("1234")),
        (date(default=Default(value="1970-01-02")), 86400),
    ],
)
def test_an_absent_field_or_column_has_the_default(feature: Feature, code: float) -> None:
    codes, replaced = read(feature, ...)
    np.testing.assert_array_equal(codes, [code])
    assert replaced == {"default": 1}
    encoded = ColumnEncoder([rate(name="other"), feature])([["1", "2"], None])
    np.testing.assert_array_equal(encoded.codes[:, 1], [code, code])
    assert encoded.replaced == {(feature.name, "default"): 2}


def test_a_default_of_the_training_rows_is_none_before_the_training() -> None:
    feature = rate(default=Default(training="mean"))
    assert feature.absent is None
    with pytest.raises(Problem):
        read(feature, ...)


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda: grade(unknown="missing"), "unknown: missing needs missing: {}"),
        (lambda: grade(other=Other(name="A")), "categories and missing markers must differ, A appears twice"),
        (lambda: grade(default=Default(value="D")), "default.value must be one of A, B, C"),
        (
            lambda: grade(default=Default(training="mean")),
            "this type must be one of: mode",
        ),
        (lambda: years(default=Default(value=31)), "default.value must lie in 1 to 30"),
        (lambda: years(default=Default(value=2.5)), "default.value must be a whole number"),
        (lambda: rate(default=Default(value=None)), "default.value must lie in 0 to 20"),
        (lambda: secured(default=Default(value="ja")), "default.value must be true or false"),
        (lambda: secured(words=Words(true=("ja",), false=("JA",))), "words and missing markers must differ"),
        (lambda: date(default=Default(value="yesterday")), "default.value must be a date"),
        (lambda: zip_code(default=Default(value="")), "default.value must be text"),
        (lambda: zip_code(default=Default(value=" 1")), "default.value must be text"),
        (lambda: zip_code(default=Default(value=1.5), missing=MISSING), "default.value must be text"),
        (lambda: zip_code(example=" 1"), "example must have no space at its ends"),
        (Default, "give either a value, or training"),
        (lambda: Default(value=1, training="mean"), "give either a value, or training"),
        (lambda: rate(maximum=1e30, scale=1e-10), "divided by scale, must be within float32"),
        (lambda: years(maximum=2**24 + 2, offset=1), "Declare an offset, from which the model reads"),
        (
            lambda: Target(name="paid", labels=("0", "1"), positive="1", titles={"2": "late"}),
            "titles has '2'; the labels are 0, 1",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declare: Any, problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        declare()
    assert problem in str(caught.value)


def test_a_number_is_read_from_its_offset_in_double() -> None:
    feature = years(
        minimum=1_700_000_000, maximum=1_700_009_999, offset=1_700_000_000, scale=2, example=1_700_000_001
    )
    rows = RowValidator([feature]).parse(b'{"inputs": [{"years": 1700000001}, {"years": 1700000002}]}')
    by_row = row_encoder((feature,), ())(rows)
    np.testing.assert_array_equal(by_row, np.array([[0.5], [1]], np.float32))
    by_column = column_encoder((feature,), ())([["1700000001", "1700000002"]])
    np.testing.assert_array_equal(by_column.codes, by_row)


def test_an_open_category_is_the_bucket_of_its_text() -> None:
    feature = zip_code(missing=Missing(markers=("-",)), buckets=16)
    codes, _ = read(feature, "01234", 1234, "-", None)
    assert codes[0] != codes[1]
    assert codes[2:] == [16, 16]
    assert read(feature, "01234", "1234.0", "-", None)[0] == codes
    assert read_cells(feature, "01234", "1234.0", "-", "")[0] == codes
    assert all(0 <= code < 16 for code in read(feature, *map(str, range(100)))[0])


def test_labels_have_titles() -> None:
    target = Target(name="paid", labels=("0", "1"), positive="1", titles={"1": "paid back"})
    assert [target.describe(label) for label in target.labels] == ["0", "1 (paid back)"]
    assert len({target, target}) == 1


def test_an_integer_without_a_range_says_how_large_it_may_be() -> None:
    feature = IntegerFeature(type="integer", name="years", title="Years", example=5)
    with pytest.raises(Problem) as caught:
        read(feature, 2**24 + 1)
    assert caught.value.errors[0]["msg"] == "Must be a whole number from -16777216 to 16777216."


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        (OTHER, ["A", "D", 7, "D" * 200, "A\nB"]),
        (CODES, [3, "3.0", False, True, "False"]),
        (zip_code(), ["01234", 1234, "größe"]),
        (secured(words=Words(true=("ja", "2"), false=("n/a",))), ["JA", "ja", 2, "2", "N/a", True, "off"]),
    ],
)
def test_the_schema_accepts_what_the_service_does(feature: Feature, values: list[Any]) -> None:
    schema = Draft202012Validator(row_schema([feature]))
    for value in values:
        read(feature, value)
        assert schema.is_valid({feature.name: value})


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        (OTHER, ["", " D", "D ", "\x1cD", "D" * 201, 1.5, True, None]),
        (zip_code(), ["", " 1", "1" * 201, 1.5, None]),
        (secured(words=Words(true=("ja",))), ["jaja", 2, None]),
    ],
)
def test_the_schema_refuses_what_the_service_does(feature: Feature, values: list[Any]) -> None:
    schema = Draft202012Validator(row_schema([feature]))
    for value in values:
        assert not schema.is_valid({feature.name: value})
        with pytest.raises(Problem):
            read(feature, value)
