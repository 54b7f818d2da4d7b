"""Rows that are accepted, and their values."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.core.base_feature import Missing
from app.core.chunks import run_at_once
from app.core.features import Feature
from app.core.schemas import BOOLEAN_FORMS, row_schema
from app.core.validation import LARGE_ROW, RowValidator
from app.core.values import Row
from tests.app.core.loans import FEATURES, ROW, row_text, without
from tests.support.features import grade, rate, secured

validator = RowValidator(FEATURES, max_rows=3)


def in_chunks(validator: RowValidator, body: bytes) -> list[Row]:
    return run_at_once(validator.parse_in_chunks(body))


def test_bare_row_is_one_row() -> None:
    assert validator.parse(json.dumps(ROW).encode()) == [ROW]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("start", ['{"inputs":', ' \r\n\t{ "inputs" : '])
def test_batch_is_its_rows_in_their_order(count: int, start: str) -> None:
    rows = [ROW | {"years": 1 + number} for number in range(count)]
    assert validator.parse(f"{start}{json.dumps(rows)}}}".encode()) == rows


def test_values_are_returned_in_the_order_of_the_features() -> None:
    reversed_row = dict(reversed(without("years").items())) | {"term": 7}
    (row,) = validator.parse(json.dumps(reversed_row).encode())
    assert list(row.items()) == list((ROW | {"years": 7.0}).items())


@pytest.mark.parametrize("alias", ["duration-years", "term"])
def test_alias_stands_for_the_name(alias: str) -> None:
    assert validator.parse(json.dumps(without("years") | {alias: 5}).encode()) == [ROW]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("years", "30", 30),
        ("years", "1.0", 1),
        ("years", "5e0", 5),
        ("years", "0.3E+2", 30),
        ("rate", "7", 7.0),
        ("rate", "-0.5", -0.5),
        ("rate", "1234567.25", 1234567.25),
        ("rate", "null", None),
        ("rate", '"n/a"', None),
        ("rate", '"-"', None),
        ("grade", "null", None),
        ("grade", '"?"', "?"),
        ("grade", '"\\u0041"', "A"),
        ("secured", "false", False),
        ("insured", "null", None),
    ],
)
def test_value_is_accepted(name: str, text: str, value: Any) -> None:
    (row,) = validator.parse(row_text(name, text).encode())
    assert row == ROW | {name: value}
    assert type(row[name]) is type(value)


def test_last_of_equal_keys_counts() -> None:
    text = row_text("years", '"wrong", "years": 7')
    assert validator.parse(text.encode()) == [ROW | {"years": 7.0}]
    assert validator.parse(f'{{"inputs": "wrong", "inputs": [{text}]}}'.encode()) == [ROW | {"years": 7.0}]


def test_rows_of_python_values_are_accepted_alike() -> None:
    rows = [ROW, ROW | {"grade": "?", "rate": None}]
    assert run_at_once(validator.check_in_chunks(rows)) == rows


SIGNS: list[Feature] = [
    grade(
        name="[urn]:{kind}",
        aliases=("kind[[}",),
        categories=("a", "[0, 18)", '"}, {"'),
        example="a",
        missing=Missing(markers=("[[[[}],",)),
    ),
    rate(missing=Missing(markers=("n[[a",))),
    secured(name="s]}"),
]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"[urn]:{kind}": "a", "rate": 1, "s]}": True}, {"[urn]:{kind}": "a", "rate": 1, "s]}": True}),
        (
            {"[urn]:{kind}": "[[[[}],", "rate": "n[[a", "s]}": True},
            {"[urn]:{kind}": "[[[[}],", "rate": None, "s]}": True},
        ),
        (
            {"kind[[}": '"}, {"', "rate": "n[[a", "s]}": False},
            {"[urn]:{kind}": '"}, {"', "rate": None, "s]}": False},
        ),
    ],
    ids=["few signs", "most signs", "like two rows"],
)
@pytest.mark.parametrize("max_rows", [5000, None])
@pytest.mark.parametrize("read_body", [RowValidator.parse, in_chunks])
def test_as_many_rows_as_allowed_are_accepted_whatever_signs_they_hold(
    read_body: Callable[[RowValidator, bytes], list[Row]],
    max_rows: int | None,
    sent: dict[str, Any],
    read: dict[str, Any],
) -> None:
    body = json.dumps({"inputs": [sent] * 5000}, indent=1).encode()
    assert len(body) > LARGE_ROW
    assert read_body(RowValidator(SIGNS, max_rows), body) == [read] * 5000


@pytest.mark.parametrize("spaces", [10, 1_000_000])
def test_white_space_around_rows_may_be_long(spaces: int) -> None:
    blank = " \r\n\t" * (spaces // 4)
    body = (
        f'{blank}{{{blank}"inputs"{blank}:{blank}[{blank}{json.dumps(ROW)}{blank}]{blank}}}{blank}'.encode()
    )
    assert validator.parse(body) == [ROW]


def test_schema_of_a_row_describes_every_feature() -> None:
    assert row_schema(FEATURES) == {
        "type": "object",
        "title": "Row",
        "properties": {
            "years": {
                "title": "Years",
                "description": "Also accepted as: duration-years, term.",
                "type": "integer",
                "minimum": 1,
                "maximum": 30,
                "examples": [5],
            },
            "rate": {
                "title": "Rate",
                "description": "Unit: percent.",
                "anyOf": [
                    {"type": "number", "minimum": -0.5, "maximum": 1234567.25},
                    {"enum": ["n/a", "-", None]},
                ],
                "examples": [2.5],
            },
            "grade": {
                "title": "Grade",
                "type": ["string", "null"],
                "enum": ["A", "B", "C", "?", None],
                "examples": ["B"],
            },
            "secured": {"title": "Secured", "anyOf": BOOLEAN_FORMS, "examples": [True]},
            "insured": {
                "title": "Insured",
                "anyOf": [*BOOLEAN_FORMS, {"enum": [None]}],
                "examples": [False],
            },
            "use": {"title": "Use", "type": "string", "enum": ["car", "home"], "examples": ["car"]},
        },
        "required": ["years", "rate", "grade", "secured", "insured", "use"],
        "additionalProperties": False,
        "examples": [ROW],
    }
