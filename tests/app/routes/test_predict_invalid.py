"""POST /predict: bodies that are refused, and what the problem documents say."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.csv_table import NOT_UTF_8
from app.core.validation import ONE_NUMBER
from app.main import create_app
from app.settings import Settings
from tests.support.clients import client_of
from tests.support.problems import Error, assert_problem, invalid_json, invalid_rows, problem
from tests.support.tiny import LINE, MUST_BE, ROW, csv_body

COLUMNS = "The features are: years, rate, grade, secured."
NO_COLUMN = "The first line has one column, and no known one; comma, semicolon, tab and | delimit columns."
A_ROW_HAS = "A row has: years, rate, grade, secured."
MUST_BE_OBJECT = f"Must be an object. {A_ROW_HAS}"
UNKNOWN = f"Unknown field, or one given twice under two names. {A_ROW_HAS}"


async def post_json(client: httpx.AsyncClient, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post("/predict", content=content, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"years=5&rate=2", "expected value at line 1 column 1"),
        (b'{"inputs": [', "EOF while parsing a list at line 1 column 12"),
        (b'{"inputs": [{"years": 5 "rate": 2}]}', "expected `,` or `}` at line 1 column 25"),
        (b'{"grade": "\xe4"}', "invalid unicode code point at line 1 column 12"),
        (b"[" * 1500, "recursion limit exceeded at line 1 column 202"),
    ],
)
async def test_body_that_is_not_json_is_400_and_says_where(
    client: httpx.AsyncClient, body: bytes, reason: str
) -> None:
    assert_problem(await post_json(client, body), invalid_json(reason))


@pytest.mark.parametrize(
    ("body", "loc", "message", "kind"),
    [
        (b"null", [], MUST_BE_OBJECT, "dict_type"),
        (b"[]", [], MUST_BE_OBJECT, "dict_type"),
        (b'"text"', [], MUST_BE_OBJECT, "dict_type"),
        (b'{"inputs": {}}', ["inputs"], "Must be an array of rows.", "list_type"),
        (b'{"inputs": null}', ["inputs"], "Must be an array of rows.", "list_type"),
        (b'{"inputs": []}', ["inputs"], "At least one row is needed.", "too_short"),
        (
            {"inputs": [ROW] * 6},
            ["inputs"],
            "At most 5 rows are allowed in one request (MAX_ROWS).",
            "too_long",
        ),
        ({"inputs": [ROW, 5]}, ["inputs", 1], MUST_BE_OBJECT, "dict_type"),
        ({"inputs": [ROW], "more": 1}, ["more"], UNKNOWN, "extra_forbidden"),
        (ROW | {"salary": 1}, ["salary"], UNKNOWN, "extra_forbidden"),
        (ROW | {"duration-years": 5}, ["duration-years"], UNKNOWN, "extra_forbidden"),
        (ROW | {"years": 0}, ["years"], MUST_BE["years"], "greater_than_equal"),
        (ROW | {"years": 31}, ["years"], MUST_BE["years"], "less_than_equal"),
        (ROW | {"years": 5.5}, ["years"], MUST_BE["years"], "multiple_of"),
        (ROW | {"years": "5"}, ["years"], MUST_BE["years"] + ONE_NUMBER, "float_type"),
        (ROW | {"years": None}, ["years"], MUST_BE["years"], "number_type"),
        (ROW | {"years": True}, ["years"], MUST_BE["years"], "number_type"),
        (ROW | {"rate": float("nan")}, ["rate"], MUST_BE["rate"], "finite_number"),
        (ROW | {"rate": float("inf")}, ["rate"], MUST_BE["rate"], "finite_number"),
        (ROW | {"rate": 20.01}, ["rate"], MUST_BE["rate"], "less_than_equal"),
        (ROW | {"rate": "?"}, ["rate"], MUST_BE["rate"] + ONE_NUMBER, "float_type"),
        (ROW | {"grade": "D"}, ["grade"], MUST_BE["grade"], "literal_error"),
        (ROW | {"grade": 1}, ["grade"], MUST_BE["grade"], "literal_error"),
        (ROW | {"secured": "perhaps"}, ["secured"], MUST_BE["secured"], "bool_type"),
        (ROW | {"secured": None}, ["secured"], MUST_BE["secured"], "bool_type"),
    ],
)
async def test_invalid_rows_are_422_and_the_problem_says_what_is_allowed(
    client: httpx.AsyncClient, body: Any, loc: list[str | int], message: str, kind: str
) -> None:
    assert_problem(await post_json(client, body), invalid_rows(loc, message, kind))


async def test_missing_field_is_422_and_the_problem_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    body = {key: value for key, value in ROW.items() if key != "grade"}
    message = MUST_BE["grade"].replace("Must be", "Required:")
    assert_problem(await post_json(client, body), invalid_rows(["grade"], message, "missing"))


async def test_several_errors_are_listed_and_the_first_is_the_detail(client: httpx.AsyncClient) -> None:
    body = {"inputs": [ROW, ROW | {"years": 99, "grade": "D"}]}
    detail = f"2 errors, the first at inputs.1.years: {MUST_BE['years']}"
    errors: list[Error] = [
        (["inputs", 1, "years"], MUST_BE["years"], "less_than_equal"),
        (["inputs", 1, "grade"], MUST_BE["grade"], "literal_error"),
    ]
    assert_problem(await post_json(client, body), problem(422, "invalid-rows", detail, *errors))


@pytest.mark.parametrize("accept", ["*/*", "text/csv"])
@pytest.mark.parametrize(
    ("content", "document"),
    [
        (b"", invalid_rows(["line", 1], "The file is empty.", "missing")),
        (b"{}", invalid_rows(["line", 1], f"{NO_COLUMN} {COLUMNS}", "missing")),
        (csv_body(), invalid_rows([], "At least one row is needed.", "too_short")),
        (
            csv_body(*[LINE] * 6),
            invalid_rows([], "At most 5 rows are allowed in one request (MAX_ROWS).", "too_long"),
        ),
        (b"\xff", problem(400, "invalid-csv", NOT_UTF_8)),
        (csv_body('"'), problem(400, "invalid-csv", "Line 2 is not CSV: unexpected end of data.")),
        (
            csv_body(LINE, "5,2.5,B"),
            invalid_rows(["line", 3], "Has 3 cells where the header has 4.", "cells"),
        ),
        (
            csv_body(LINE, "", "31,2.5,B,true"),
            invalid_rows(["line", 4, "years"], MUST_BE["years"], "less_than_equal"),
        ),
        (
            csv_body("5.5,2.5,B,true", header="duration-years,rate,grade,secured"),
            invalid_rows(["line", 2, "duration-years"], MUST_BE["years"], "multiple_of"),
        ),
        (
            csv_body(",2.5,B,true"),
            invalid_rows(["line", 2, "years"], MUST_BE["years"], "float_type"),
        ),
        (
            csv_body("5,nan,B,true"),
            invalid_rows(["line", 2, "rate"], MUST_BE["rate"], "finite_number"),
        ),
        (
            csv_body(f"5,{'9' * 400},B,true"),
            invalid_rows(["line", 2, "rate"], MUST_BE["rate"], "finite_number"),
        ),
        (
            csv_body("5,2.5,B\0,true"),
            invalid_rows(["line", 2, "grade"], MUST_BE["grade"], "literal_error"),
        ),
        (
            csv_body("5,2.5,B,"),
            invalid_rows(["line", 2, "secured"], MUST_BE["secured"], "bool_type"),
        ),
        (
            csv_body(LINE, "99,2.5,D,true"),
            problem(
                422,
                "invalid-rows",
                f"2 errors, the first at line 3 years: {MUST_BE['years']}",
                (["line", 3, "years"], MUST_BE["years"], "less_than_equal"),
                (["line", 3, "grade"], MUST_BE["grade"], "literal_error"),
            ),
        ),
    ],
)
async def test_invalid_csv_is_a_problem_that_names_the_line(
    client: httpx.AsyncClient, content: bytes, document: dict[str, Any], accept: str
) -> None:
    headers = {"Content-Type": "text/csv", "Accept": accept}
    response = await client.post("/predict", content=content, headers=headers)
    assert_problem(response, document)


@pytest.mark.parametrize(
    ("digits", "document"),
    [
        (131_072, invalid_rows(["line", 2, "years"], MUST_BE["years"], "finite_number")),
        (131_073, problem(400, "invalid-csv", "Line 2 is not CSV: field larger than field limit (131072).")),
    ],
)
async def test_huge_cell_is_the_fault_of_the_request(
    tiny_model: Path, digits: int, document: dict[str, Any]
) -> None:
    content = csv_body(f"{'5' * digits},2.5,B,true")
    async with client_of(create_app(Settings(model_dir=tiny_model))) as client:
        response = await client.post("/predict", content=content, headers={"Content-Type": "text/csv"})
    assert_problem(response, document)
