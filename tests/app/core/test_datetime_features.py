"""Features of the type datetime: what they declare, accept and become."""

import json
import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.core.base_feature import Missing
from app.core.datetime_feature import DatetimeFeature
from app.core.derived import Derived, compute_columns
from app.core.encoders import column_encoder, row_encoder
from app.core.errors import Problem
from app.core.features import Feature, IntegerFeature
from app.core.schemas import row_schema
from app.core.validation import RowValidator
from app.core.values import Row

OPENED: dict[str, Any] = {
    "name": "opened",
    "type": "datetime",
    "title": "Opened",
    "parts": ("year", "month", "day", "weekday", "hour", "days"),
    "days": {"since": "2024-05-01"},
    "minimum": "2020-01-01",
    "maximum": "2029-12-31",
    "example": "2024-05-06T10:30:00Z",
}
DATES = ["2024-05-06T12:00:00Z", "2020-01-01", "2024-12-31T23:59:59+14:00"]
PARTS = [[2024, 5, 6, 1, 12, 5.5], [2020, 1, 1, 3, 0, -1582], [2024, 12, 31, 2, 9, 244 + 35999 / 86400]]
ALLOWED = "a date or date-time in ISO 8601, such as 2024-05-06T10:30:00Z, from 2020-01-01 to 2029-12-31"


def opened(**changes: Any) -> DatetimeFeature:
    return DatetimeFeature.model_validate_json(json.dumps({**OPENED, **changes}))


def errors(feature: Feature, value: Any) -> list[dict[str, Any]]:
    with pytest.raises(Problem) as caught:
        RowValidator([feature]).parse(json.dumps({"inputs": [{"opened": value}]}).encode())
    assert caught.value.status == 422
    return [dict(error) for error in caught.value.errors]


def test_the_model_reads_the_parts_in_utc() -> None:
    rows = RowValidator([opened()]).parse(
        json.dumps({"inputs": [{"opened": date} for date in DATES]}).encode()
    )
    matrix = row_encoder((opened(),), ())(rows)
    np.testing.assert_array_equal(matrix, np.array(PARTS, np.float32))
    by_column, refused, _ = column_encoder((opened(),), ())([[f" {date} " for date in DATES]])
    np.testing.assert_array_equal(by_column, matrix)
    assert refused == []


def test_parts_are_columns_with_ranges() -> None:
    columns = compute_columns((opened(missing={}),), ()).columns
    assert [column.name for column in columns] == [f"opened.{part}" for part in OPENED["parts"]]
    assert [column.type for column in columns] == ["integer"] * 5 + ["number"]
    assert {column.missing for column in columns} == {Missing()}
    assert columns[3] == IntegerFeature(
        type="integer",
        name="opened.weekday",
        title="Opened, weekday",
        minimum=1,
        maximum=7,
        example=1,
        missing=Missing(),
    )


@pytest.mark.parametrize(
    "value",
    [
        "2024-02-30",
        "06.05.2024",
        "2019-12-31T23:59:59",
        "2030-01-01",
        "x" * 100,
        "",
        1714991400,
        True,
        None,
        ["a"],
    ],
)
def test_a_wrong_date_is_refused_with_what_is_allowed(value: Any) -> None:
    (error,) = errors(opened(), value)
    assert error == {"loc": ["inputs", 0, "opened"], "msg": f"Must be {ALLOWED}.", "type": "datetime"}


@pytest.mark.parametrize("value", [None, "?"])
def test_a_date_may_be_missing(value: Any) -> None:
    feature = opened(missing={"markers": ["?"]})
    rows = RowValidator([feature]).parse(json.dumps({"opened": value}).encode())
    assert np.isnan(row_encoder((feature,), ())(rows)).all()
    matrix, refused, _ = column_encoder((feature,), ())([["?", ""]])
    assert np.isnan(matrix).all()
    assert refused == []


def test_wrong_cells_are_refused() -> None:
    matrix, refused, _ = column_encoder((opened(parts=["year"], days=None),), ())(
        [["2024-05-06", "soon", "", "2030-01-01"]]
    )
    assert refused == [1, 2, 3]
    assert matrix[0, 0] == 2024


def test_a_declared_format_replaces_iso_8601() -> None:
    feature = opened(format="%d.%m.%Y", example="06.05.2024", parts=["day"], days=None)
    rows = RowValidator([feature]).parse(b'{"opened": "07.05.2024"}')
    assert row_encoder((feature,), ())(rows).tolist() == [[7]]
    (error,) = errors(feature, "2024-05-07")
    assert error["msg"].startswith(
        "Must be a date or date-time in the format %d.%m.%Y, such as 06.05.2024, from"
    )
    assert "format" not in row_schema([feature])["properties"]["opened"]


def test_openapi_names_the_format() -> None:
    schema = row_schema([opened()])["properties"]["opened"]
    anytime = opened(minimum="0001-01-01", maximum="9999-12-31").describe()
    assert anytime == "a date or date-time in ISO 8601, such as 2024-05-06T10:30:00Z"
    assert (schema["type"], schema["format"], schema["description"]) == (
        "string",
        "date-time",
        f"Must be {ALLOWED}.",
    )
    assert row_schema([opened(example="2024-05-06")])["properties"]["opened"]["format"] == "date"


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("days_between(opened, closed)", [1.5, math.nan]),
        ("weekday(opened) >= 6", [0, 1]),
        ('opened >= "2024-05-06T12:00"', [1, 0]),
        ("opened < closed", [1, 2]),
        ('"2024-05-05" == opened', [0, 1]),
        ("is_missing(closed)", [0, 1]),
        ("year(opened) + month(opened) / 100", [2024.05, 2024.05]),
    ],
)
def test_expressions_read_dates(expression: str, column: list[float]) -> None:
    features = (
        opened(parts=["year"], days=None),
        opened(name="closed", parts=["year"], days=None, missing={}),
    )
    rows: list[Row] = [
        {"opened": "2024-05-06T12:00", "closed": "2024-05-08"},
        {"opened": "2024-05-05", "closed": None},
    ]
    matrix = row_encoder(features, (Derived(name="x", expression=expression),))(rows)
    np.testing.assert_array_equal(matrix[:, -1], np.array(column, np.float32))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("opened", "gives a datetime; it must give a number, or true or false"),
        ("opened + 1", "column 1: must be a number, not a datetime (use days_between or one of its parts)"),
        ("opened > 'May'", 'column 10: a datetime can only be compared with another, or with "2024-05-06"'),
        ("opened > 2024", 'column 10: a datetime can only be compared with another, or with "2024-05-06"'),
        ("2024 < opened", "column 1: a number can't be compared with a datetime"),
        ("opened in ['2024-05-06']", "column 1: must be a category or a number, not a datetime"),
        ("year(2024)", "column 6: must be a datetime, not a number"),
    ],
)
def test_an_error_says_how_dates_are_read(expression: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        compute_columns((opened(),), (Derived(name="x", expression=expression),))
    assert str(caught.value) == f"derived.x.expression: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimum": "May"}, "minimum must be a date or date-time in ISO 8601, not May"),
        ({"minimum": "2030-01-01"}, "minimum 2030-01-01 must be before maximum 2029-12-31"),
        (
            {"example": "2019-01-01"},
            "example must be a date or date-time in ISO 8601, such as 2019-01-01, from 2020",
        ),
        (
            {"format": "%d.%m.%Y"},
            "example must be a date or date-time in the format %d.%m.%Y, such as 2024-05-06",
        ),
        ({"format": "day"}, "String should match pattern"),
        ({"format": "[%Y"}, "String should match pattern"),
        ({"days": None}, "days: {since: …} and the part days need each other"),
        ({"parts": ["year"]}, "days: {since: …} and the part days need each other"),
        ({"days": {"since": "then"}}, "days.since must be a date or date-time in ISO 8601, not then"),
        ({"parts": ["year", "year"], "days": None}, "every part may appear only once"),
        ({"parts": []}, "should have at least 1 item"),
        ({"parts": ["century"]}, "Input should be 'year', 'month', 'day', 'weekday', 'hour' or 'days'"),
    ],
)
def test_a_wrong_declaration_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        opened(**changes)
    assert message in str(caught.value)
