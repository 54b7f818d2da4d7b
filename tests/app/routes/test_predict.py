import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import numpy as np
import pytest

from app.core.chunks import rows_per_chunk
from app.core.features import Matrix, Row
from app.core.model import Model
from app.main import Service, create_app
from app.monitoring.metrics import Metrics
from app.prediction.predictor import LARGE_BODY, MANY_ROWS, Predictor, is_large
from app.routes.predict import negotiate_response
from app.settings import Settings
from tests.support.asgi import LEAVE, body_messages, http_scope, run_asgi
from tests.support.problems import INTERNAL, problem

SECRET = "xyzzy-secret"  # noqa: S105 - stands for anything that must not reach a client
JSON = {"Content-Type": "application/json"}
AS_CSV = {"Content-Type": "text/csv"}
ROW: dict[str, Any] = {"years": 5, "rate": 2.5, "grade": "B", "secured": True}
POOR: dict[str, Any] = {"years": 30, "rate": "n/a", "grade": None, "secured": False}
YEARS = "a whole number from 1 to 30"
RATE = "a number from 0 to 20; or, when missing, null or n/a"
GRADE = "one of A, B, C; or, when missing, null or ?"
COLUMNS = "The features are: years, rate, grade, secured."
A_ROW_HAS = "A row has: years, rate, grade, secured."
UNKNOWN = f"Unknown field, or one given twice under two names. {A_ROW_HAS}"


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return Model.load(tiny_model)


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service, to which the service's exceptions are answers too."""
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def expected(model: Model, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole answer that the model itself gives for rows in the order of the features."""
    probabilities = model.probabilities(model.encode(rows)).tolist()
    return {
        "model_lib_version": "1.2.3",
        "timestamp": ANY,
        "predictions": ["yes" if yes >= 0.6 else "no" for _, yes in probabilities],
        "probabilities": [
            {"no": pytest.approx(no, abs=1e-7), "yes": pytest.approx(yes, abs=1e-7)}
            for no, yes in probabilities
        ],
    }


def invalid(where: str, message: str, loc: list[str | int], kind: str) -> dict[str, Any]:
    return problem(422, "invalid-rows", f"At {where}: {message}", (loc, message, kind))


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"inputs": [ROW]}, [ROW]),
        (ROW, [ROW]),
        ({"inputs": [ROW, POOR, ROW | {"grade": "A"}]}, [ROW, POOR, ROW | {"grade": "A"}]),
        ({"inputs": [POOR] * 5}, [POOR] * 5),
        ({"secured": True, "grade": "B", "rate": 2.5, "duration-years": 5.0}, [ROW]),
        ({"inputs": [ROW | {"grade": "?", "rate": None}]}, [ROW | {"grade": None, "rate": "n/a"}]),
    ],
    ids=["one row", "a bare row", "several rows", "as many rows as allowed", "alias", "missing values"],
)
async def test_rows_are_answered_as_the_model_answers(
    client: httpx.AsyncClient, model: Model, body: Any, rows: list[dict[str, Any]]
) -> None:
    response = await client.post("/predict", json=body)
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == expected(model, rows)


def test_probabilities_sum_to_one_and_the_label_follows_the_threshold(model: Model) -> None:
    grid = product([1, 8, 15, 22, 30], np.linspace(0, 20, 21).tolist(), ["A", "B", "C", None], [True, False])
    rows = [dict(zip(ROW, values, strict=True)) for values in grid]
    predictor = Predictor(model, Metrics(model.contract), max_rows=len(rows))
    answer = json.loads(predictor.answer(json.dumps({"inputs": rows}).encode()))
    yes = [each["yes"] for each in answer["probabilities"]]
    assert [each["no"] + each["yes"] for each in answer["probabilities"]] == pytest.approx(
        [1] * len(rows), abs=1e-6
    )
    assert answer["predictions"] == ["yes" if each >= 0.6 else "no" for each in yes]
    assert min(yes) < 0.5
    assert any(0.5 < each < 0.6 for each in yes)
    assert max(yes) > 0.6


@pytest.mark.parametrize(
    ("content", "document"),
    [
        (
            b"",
            problem(
                400, "invalid-json", "The body is not JSON: EOF while parsing a value at line 1 column 0."
            ),
        ),
        (
            b"years=5&rate=2",
            problem(400, "invalid-json", "The body is not JSON: expected value at line 1 column 1."),
        ),
        (
            b'{"inputs": [',
            problem(
                400, "invalid-json", "The body is not JSON: EOF while parsing a list at line 1 column 12."
            ),
        ),
        (
            b'{"inputs": [{"years": 5 "rate": 2}]}',
            problem(400, "invalid-json", "The body is not JSON: expected `,` or `}` at line 1 column 25."),
        ),
        (
            b'{"grade": "\xe4"}',
            problem(
                400, "invalid-json", "The body is not JSON: invalid unicode code point at line 1 column 12."
            ),
        ),
        (
            b"[" * 1500,
            problem(
                400, "invalid-json", "The body is not JSON: recursion limit exceeded at line 1 column 202."
            ),
        ),
        (b"null", invalid("body", f"Must be an object. {A_ROW_HAS}", [], "dict_type")),
        (b"[]", invalid("body", f"Must be an object. {A_ROW_HAS}", [], "dict_type")),
        (b'"text"', invalid("body", f"Must be an object. {A_ROW_HAS}", [], "dict_type")),
        (b'{"inputs": {}}', invalid("inputs", "Must be an array of rows.", ["inputs"], "list_type")),
        (b'{"inputs": null}', invalid("inputs", "Must be an array of rows.", ["inputs"], "list_type")),
        (b'{"inputs": []}', invalid("inputs", "At least one row is needed.", ["inputs"], "too_short")),
        (
            {"inputs": [ROW] * 6},
            invalid("inputs", "At most 5 rows are allowed in one request.", ["inputs"], "too_long"),
        ),
        (
            {"inputs": [ROW, 5]},
            invalid("inputs.1", f"Must be an object. {A_ROW_HAS}", ["inputs", 1], "dict_type"),
        ),
        (
            {"inputs": [ROW], "more": 1},
            invalid("more", UNKNOWN, ["more"], "extra_forbidden"),
        ),
        (ROW | {"salary": 1}, invalid("salary", UNKNOWN, ["salary"], "extra_forbidden")),
        (
            ROW | {"duration-years": 5},
            invalid("duration-years", UNKNOWN, ["duration-years"], "extra_forbidden"),
        ),
        (ROW | {"years": 0}, invalid("years", f"Must be {YEARS}.", ["years"], "greater_than_equal")),
        (ROW | {"years": 31}, invalid("years", f"Must be {YEARS}.", ["years"], "less_than_equal")),
        (ROW | {"years": 5.5}, invalid("years", f"Must be {YEARS}.", ["years"], "multiple_of")),
        (ROW | {"years": "5"}, invalid("years", f"Must be {YEARS}.", ["years"], "float_type")),
        (ROW | {"years": None}, invalid("years", f"Must be {YEARS}.", ["years"], "float_type")),
        (ROW | {"years": True}, invalid("years", f"Must be {YEARS}.", ["years"], "float_type")),
        (ROW | {"rate": float("nan")}, invalid("rate", f"Must be {RATE}.", ["rate"], "finite_number")),
        (ROW | {"rate": float("inf")}, invalid("rate", f"Must be {RATE}.", ["rate"], "finite_number")),
        (ROW | {"rate": 20.01}, invalid("rate", f"Must be {RATE}.", ["rate"], "less_than_equal")),
        (ROW | {"rate": "?"}, invalid("rate", f"Must be {RATE}.", ["rate"], "float_type")),
        (ROW | {"grade": "D"}, invalid("grade", f"Must be {GRADE}.", ["grade"], "literal_error")),
        (ROW | {"grade": 1}, invalid("grade", f"Must be {GRADE}.", ["grade"], "literal_error")),
        (ROW | {"secured": "yes"}, invalid("secured", "Must be true or false.", ["secured"], "bool_type")),
        (ROW | {"secured": None}, invalid("secured", "Must be true or false.", ["secured"], "bool_type")),
        (
            {key: value for key, value in ROW.items() if key != "grade"},
            invalid("grade", f"Required: {GRADE}.", ["grade"], "missing"),
        ),
        (
            {"inputs": [ROW, ROW | {"years": 99, "grade": "D"}]},
            problem(
                422,
                "invalid-rows",
                f"2 errors, the first at inputs.1.years: Must be {YEARS}.",
                (["inputs", 1, "years"], f"Must be {YEARS}.", "less_than_equal"),
                (["inputs", 1, "grade"], f"Must be {GRADE}.", "literal_error"),
            ),
        ),
    ],
)
async def test_bad_body_is_a_problem_that_says_what_is_allowed(
    client: httpx.AsyncClient, content: Any, document: dict[str, Any]
) -> None:
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = await client.post("/predict", content=content, headers=JSON)
    assert response.status_code == document["status"]
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == document


ACCEPTED = {"accept-post": "application/json, text/csv"}
NOT_PLAIN = {"accept-encoding": "identity"}
MUST_BE_TEXT = "The Content-Type must be application/json or text/csv, in UTF-8."
IS_A_FORM = f"{MUST_BE_TEXT} curl -d sends a form unless it is told: add -H 'Content-Type: application/json'."
MUST_BE_PLAIN = "Compressed bodies are not accepted; send the body without Content-Encoding."


@pytest.mark.parametrize(
    ("headers", "detail", "advice"),
    [
        ({"Content-Type": "text/plain"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "application/x-www-form-urlencoded"}, IS_A_FORM, ACCEPTED),
        ({"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}, IS_A_FORM, ACCEPTED),
        ({"Content-Type": "application/jsonl"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "application/json; charset=latin-1"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "application/json; charset=utf-16"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "text/csv; charset=latin-1"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "text/csvs"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "multipart/form-data; boundary=b"}, MUST_BE_TEXT, ACCEPTED),
        (JSON | {"Content-Encoding": "gzip"}, MUST_BE_PLAIN, NOT_PLAIN),
        ({"Content-Type": "text/csv", "Content-Encoding": "gzip"}, MUST_BE_PLAIN, NOT_PLAIN),
        (JSON | {"Content-Encoding": "identity, br"}, MUST_BE_PLAIN, NOT_PLAIN),
    ],
)
async def test_body_not_declared_as_plain_text_of_a_known_kind_is_415_and_says_what_is_accepted(
    client: httpx.AsyncClient, headers: dict[str, str], detail: str, advice: dict[str, str]
) -> None:
    response = await client.post("/predict", content=json.dumps(ROW).encode(), headers=headers)
    assert response.status_code == 415
    assert dict(response.headers) == advice | {
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == problem(415, "unsupported-media-type", detail)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "application/json;charset=UTF-8"},
        {"Content-Type": 'Application/JSON; charset="utf-8"'},
        {"Content-Type": "application/json;"},
        JSON | {"Content-Encoding": "identity"},
    ],
)
async def test_body_that_is_json_in_other_words_or_undeclared_is_accepted(
    client: httpx.AsyncClient, model: Model, headers: dict[str, str]
) -> None:
    response = await client.post("/predict", content=json.dumps(ROW).encode(), headers=headers)
    assert (response.status_code, response.json()) == (200, expected(model, [ROW]))


async def test_path_with_a_slash_at_its_end_answers_as_without(
    client: httpx.AsyncClient, model: Model
) -> None:
    response = await client.post("/predict/", json=ROW)
    assert (response.status_code, response.json()) == (200, expected(model, [ROW]))
    assert (await client.get("/predict/")).status_code == 405


def as_csv(*lines: str, header: str = "years,rate,grade,secured") -> bytes:
    return "\n".join([header, *lines, ""]).encode()


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (as_csv("5,2.5,B,true"), [ROW]),
        (
            as_csv("5,2.5,B,true", "30,n/a,?,false", "5,,,true"),
            [ROW, POOR, ROW | {"rate": None, "grade": None}],
        ),
        (as_csv("true,B,2.5,5.0", header="secured,grade,rate,duration-years"), [ROW]),
        (as_csv("yes,5,2.5,B,true", ",30,,,0", header="paid,years,rate,grade,secured"), [ROW, POOR]),
        (
            b"\xef\xbb\xbf" + as_csv("5,2.5,B,true", "", '"5","2.5","B","1"').replace(b"\n", b"\r\n"),
            [ROW, ROW],
        ),
        (as_csv(*["5,2.5,B,true"] * 5), [ROW] * 5),
    ],
    ids=[
        "one row",
        "missing values",
        "alias",
        "target",
        "as a spreadsheet writes it",
        "as many rows as allowed",
    ],
)
@pytest.mark.parametrize("content_type", ["text/csv", 'Text/CSV; charset="UTF-8"'])
async def test_rows_as_csv_are_answered_as_the_same_rows_as_json(
    client: httpx.AsyncClient, model: Model, content: bytes, rows: list[dict[str, Any]], content_type: str
) -> None:
    response = await client.post("/predict", content=content, headers={"Content-Type": content_type})
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == expected(model, rows)
    as_json = await client.post("/predict", json={"inputs": rows})
    assert response.json() == as_json.json() | {"timestamp": ANY}


@pytest.mark.parametrize("accept", ["text/csv", "application/xml, text/csv;q=0.9"])
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (json.dumps({"inputs": [ROW, POOR]}).encode(), "application/json"),
        (as_csv("5,2.5,B,true", "30,n/a,?,false"), "text/csv"),
    ],
    ids=["from JSON", "from CSV"],
)
async def test_client_that_accepts_csv_gets_a_line_for_each_row(
    client: httpx.AsyncClient, model: Model, content: bytes, content_type: str, accept: str
) -> None:
    headers = {"Content-Type": content_type, "Accept": accept}
    response = await client.post("/predict", content=content, headers=headers)
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "text/csv",
        "content-length": str(len(response.content)),
    }
    lines = [
        f"{'yes' if yes >= 0.6 else 'no'},{no:.9g},{yes:.9g}"
        for no, yes in model.probabilities(model.encode([ROW, POOR])).tolist()
    ]
    assert response.text == "\n".join(["prediction,probability no,probability yes", *lines, ""])


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "text/*", "text/plain"])
async def test_other_client_gets_json(client: httpx.AsyncClient, model: Model, accept: str) -> None:
    response = await client.post("/predict", json=ROW, headers={"Accept": accept})
    assert (response.headers["content-type"], response.json()) == ("application/json", expected(model, [ROW]))


@pytest.mark.parametrize("accept", ["*/*", "text/csv"])
@pytest.mark.parametrize(
    ("content", "document"),
    [
        (b"", invalid("line 1 years", "The column years is missing.", ["line", 1, "years"], "missing")),
        (b"{}", invalid("line 1", f"Unknown column. {COLUMNS}", ["line", 1], "extra_forbidden")),
        (as_csv(), invalid("body", "At least one row is needed.", [], "too_short")),
        (
            as_csv(*["5,2.5,B,true"] * 6),
            invalid("body", "At most 5 rows are allowed in one request.", [], "too_long"),
        ),
        (b"\xff", problem(400, "invalid-csv", "The body is not text in UTF-8.")),
        (as_csv('"'), problem(400, "invalid-csv", "Line 2 is not CSV: unexpected end of data.")),
        (
            as_csv("5,2.5,B,true", "5,2.5,B"),
            invalid("line 3", "Has 3 cells where the header has 4.", ["line", 3], "cells"),
        ),
        (
            as_csv("5,2.5,B,true", "", "31,2.5,B,true"),
            invalid("line 4 years", f"Must be {YEARS}.", ["line", 4, "years"], "less_than_equal"),
        ),
        (
            as_csv("5.5,2.5,B,true", header="duration-years,rate,grade,secured"),
            invalid(
                "line 2 duration-years", f"Must be {YEARS}.", ["line", 2, "duration-years"], "multiple_of"
            ),
        ),
        (
            as_csv(",2.5,B,true"),
            invalid("line 2 years", f"Must be {YEARS}.", ["line", 2, "years"], "float_type"),
        ),
        (
            as_csv("5,nan,B,true"),
            invalid("line 2 rate", f"Must be {RATE}.", ["line", 2, "rate"], "finite_number"),
        ),
        (
            as_csv(f"5,{'9' * 400},B,true"),
            invalid("line 2 rate", f"Must be {RATE}.", ["line", 2, "rate"], "finite_number"),
        ),
        (
            as_csv("5,2.5,B\0,true"),
            invalid("line 2 grade", f"Must be {GRADE}.", ["line", 2, "grade"], "literal_error"),
        ),
        (
            as_csv("5,2.5,B,"),
            invalid("line 2 secured", "Must be true or false.", ["line", 2, "secured"], "bool_type"),
        ),
        (
            as_csv("5,2.5,B,true", "99,2.5,D,true"),
            problem(
                422,
                "invalid-rows",
                f"2 errors, the first at line 3 years: Must be {YEARS}.",
                (["line", 3, "years"], f"Must be {YEARS}.", "less_than_equal"),
                (["line", 3, "grade"], f"Must be {GRADE}.", "literal_error"),
            ),
        ),
    ],
)
async def test_bad_csv_is_a_problem_that_names_the_line(
    client: httpx.AsyncClient, content: bytes, document: dict[str, Any], accept: str
) -> None:
    headers = {"Content-Type": "text/csv", "Accept": accept}
    response = await client.post("/predict", content=content, headers=headers)
    assert response.status_code == document["status"]
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == document


async def test_huge_cell_is_the_fault_of_the_request(tiny_model: Path) -> None:
    cells = [(131_072, 422), (131_073, 400)]
    async with serving(create_app(Settings(model_dir=tiny_model))) as client:
        responses = [
            await client.post("/predict", content=as_csv(f"{'5' * size},2.5,B,true"), headers=AS_CSV)
            for size, _ in cells
        ]
    assert [response.status_code for response in responses] == [status for _, status in cells]
    assert responses[0].json() == invalid(
        "line 2 years", f"Must be {YEARS}.", ["line", 2, "years"], "finite_number"
    )
    detail = "Line 2 is not CSV: field larger than field limit (131072)."
    assert responses[1].json() == problem(400, "invalid-csv", detail)


class Chunks:
    """A body in pieces, which counts how many were asked for."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.pulled = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.pulled += 1
            yield chunk


TOO_LARGE = problem(413, "body-too-large", "The body may have at most 2000 bytes.")


@pytest.mark.parametrize(
    ("headers", "pulled"),
    [({"Content-Length": "50000"}, 0), ({}, 5), ({"Content-Length": "1"}, 5)],
    ids=["declared", "streamed", "declared too low"],
)
async def test_body_too_large_is_413_and_read_no_further(
    client: httpx.AsyncClient, headers: dict[str, str], pulled: int
) -> None:
    body = Chunks(*[b" " * 500] * 100)
    response = await client.post("/predict", content=body, headers=JSON | headers)
    assert body.pulled == pulled
    assert response.status_code == 413
    assert dict(response.headers) == {
        "connection": "close",
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == TOO_LARGE


@pytest.mark.parametrize(("length", "status"), [(2000, 200), (2001, 413)])
@pytest.mark.parametrize("streamed", [False, True])
async def test_body_of_exactly_the_limit_is_accepted(
    client: httpx.AsyncClient, length: int, status: int, streamed: bool
) -> None:
    body = json.dumps(ROW).encode().ljust(length)
    content = Chunks(body[:10], b"", body[10:]) if streamed else body
    response = await client.post("/predict", content=content, headers=JSON)
    assert response.status_code == status


async def test_body_in_pieces_is_put_together(client: httpx.AsyncClient, model: Model) -> None:
    body = json.dumps({"inputs": [ROW, POOR]}).encode()
    chunks = Chunks(*[body[start : start + 7] for start in range(0, len(body), 7)])
    response = await client.post("/predict", content=chunks, headers=JSON)
    assert (response.status_code, response.json()) == (200, expected(model, [ROW, POOR]))


async def test_wrong_media_type_is_refused_before_the_body_is_read(client: httpx.AsyncClient) -> None:
    body = Chunks(b"{}")
    response = await client.post("/predict", content=body, headers={"Content-Type": "text/plain"})
    assert (response.status_code, body.pulled) == (415, 0)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_method_is_405_and_says_which_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == problem(405, "method-not-allowed", "This path answers POST only.")


@pytest.mark.parametrize("path", ["/predictions", "/predict/1", "/static/swagger/none.js", "/redoc"])
async def test_other_path_is_404_and_says_where_to_look(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, json=ROW) if "static" not in path else await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == problem(
        404, "not-found", "There is nothing at this path. See /docs for what there is."
    )


@pytest.mark.parametrize("before", [[], [b'{"inputs": ['], [b"", json.dumps(ROW).encode()]])
async def test_client_that_leaves_while_sending_gets_no_answer(tiny_model: Path, before: list[bytes]) -> None:
    scope = http_scope("/predict", headers=[(b"content-type", b"application/json")])
    service = create_app(Settings(model_dir=tiny_model))
    assert await run_asgi(service, scope, [*body_messages(before, more=True), LEAVE]) == []


def fail(*_: object) -> None:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("size", [0, LARGE_BODY + 1], ids=["small body", "large body"])
async def test_unexpected_error_is_500_without_a_word_and_logged_once_with_the_traceback(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    service = create_app(Settings(model_dir=tiny_model))
    monkeypatch.setattr(Model, "probabilities", fail)
    async with serving(service) as client:
        response = await client.post("/predict", content=json.dumps(ROW).encode().ljust(size), headers=JSON)
    assert response.status_code == 500
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == INTERNAL
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.name, record.getMessage()) == ("app.middleware.problems", "unhandled error at /predict")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


@pytest.mark.parametrize(
    ("body", "media_type", "large"),
    [
        (b" " * LARGE_BODY, b"application/json", False),
        (b" " * (LARGE_BODY + 1), b"application/json", True),
        (b"{" * MANY_ROWS, b"application/json", False),
        (b"{" * (MANY_ROWS + 1), b"application/json", True),
        (b"\n" * (MANY_ROWS + 1), b"application/json", False),
        (b"\n" * MANY_ROWS, b"text/csv", False),
        (b"\n" * (MANY_ROWS + 1), b"text/csv", True),
    ],
)
def test_a_body_is_large_by_its_bytes_or_its_rows(body: bytes, media_type: bytes, large: bool) -> None:
    assert is_large(body, media_type) is large


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (b"*/*", b"application/json"),
        (b"text/csv", b"text/csv"),
        (b"Text/CSV; q=0.5, */*", b"text/csv"),
        (b"text/csv;q=0", b"application/json"),
        (b"text/csv;q=0, application/json", b"application/json"),
        (b"application/json, text/csv", b"application/json"),
        (b"application/json;q=0.5, text/csv", b"text/csv"),
        (b"text/csv;q=high", b"text/csv"),
        (b"text/csvx", b"application/json"),
    ],
)
def test_csv_is_answered_to_who_prefers_it(accept: bytes, answered: bytes) -> None:
    assert negotiate_response({b"accept": accept}) == answered


async def test_small_requests_are_answered_between_the_parts_of_a_large_one(
    tiny_model: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_of_predictions: list[int] = []
    predict = Predictor.predict

    def note(predictor: Predictor, rows: Sequence[Row]) -> tuple[list[int], Matrix]:
        rows_of_predictions.append(len(rows))
        return predict(predictor, rows)

    monkeypatch.setattr(Predictor, "predict", note)
    part = rows_per_chunk(len(ROW))
    large_body = json.dumps({"inputs": [POOR] * (2 * part + 1)}).encode()
    async with serving(create_app(Settings(model_dir=tiny_model))) as client:
        large = asyncio.create_task(client.post("/predict", content=large_body, headers=JSON))
        while len(rows_of_predictions) < 1:
            await asyncio.sleep(0)
        small = await client.post("/predict", json=ROW)
        assert not large.done()
        answered = await large
    assert sorted(rows_of_predictions) == [1, 1, part, part]
    assert small.json() == expected(model, [ROW])
    assert answered.json() == expected(model, [POOR] * (2 * part + 1))
