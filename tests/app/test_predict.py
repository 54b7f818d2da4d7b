import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import numpy as np
import pytest
from starlette.types import Message

from app.contract import Contract, Target
from app.main import create_app
from app.model import Model
from app.predict import AnswerWriter, Predict
from app.settings import Settings

Error = tuple[list[str | int], str, str]  # loc, msg, type
JSON = {"Content-Type": "application/json"}
ROW: dict[str, Any] = {"years": 5, "rate": 2.5, "grade": "B", "secured": True}
POOR = {"years": 30, "rate": "n/a", "grade": None, "secured": False}
YEARS = "a whole number from 1 to 30"
RATE = "a number from 0 to 20; or, when missing, null or n/a"
GRADE = "one of A, B, C; or, when missing, null or ?"
A_ROW_HAS = "A row has: years, rate, grade, secured."
UNKNOWN = f"Unknown field, or one given twice under two names. {A_ROW_HAS}"


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return Model.load(tiny_model)


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


def problem(status: int, name: str, detail: str, *errors: Error) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": f"urn:problem:{name}",
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    listed = {"errors": [{"loc": loc, "msg": msg, "type": kind} for loc, msg, kind in errors]}
    return document | listed if errors else document


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


async def test_answer_is_stamped_with_the_time_in_utc(client: httpx.AsyncClient) -> None:
    before = datetime.now(UTC)
    response = await client.post("/predict", json=ROW)
    stamp = datetime.fromisoformat(response.json()["timestamp"])
    assert stamp.utcoffset() == timedelta(0)
    assert before <= stamp <= datetime.now(UTC)


def test_probabilities_sum_to_one_and_the_label_follows_the_threshold(tiny_model: Path, model: Model) -> None:
    grid = product([1, 8, 15, 22, 30], np.linspace(0, 20, 21).tolist(), ["A", "B", "C", None], [True, False])
    rows = [dict(zip(ROW, values, strict=True)) for values in grid]
    answer = json.loads(
        Predict(model, Settings(model_dir=tiny_model)).answer(json.dumps({"inputs": rows}).encode())
    )
    yes = [each["yes"] for each in answer["probabilities"]]
    assert [each["no"] + each["yes"] for each in answer["probabilities"]] == pytest.approx(
        [1] * len(rows), abs=1e-6
    )
    assert answer["predictions"] == ["yes" if each >= 0.6 else "no" for each in yes]
    assert min(yes) < 0.5
    assert any(0.5 < each < 0.6 for each in yes)
    assert max(yes) > 0.6


def with_target(contract: Contract, target: Target) -> Contract:
    return contract.model_copy(update={"target": target})


def test_writer_escapes_labels_and_keeps_seven_digits(model: Model) -> None:
    labels = ('100% "sure"', "<=50K", "größer\n")
    contract = with_target(model.contract, Target(name="sum", labels=labels))
    probabilities = np.array(
        [[0.25, 0.125, 0.625], [1, 0, 0], [1e-9, 0.1234567, 0.8765433]], dtype=np.float32
    )
    assert json.loads(AnswerWriter(contract).write(probabilities)) == {
        "model_lib_version": "1.2.3",
        "timestamp": ANY,
        "predictions": ["größer\n", '100% "sure"', "größer\n"],
        "probabilities": [
            {'100% "sure"': 0.25, "<=50K": 0.125, "größer\n": 0.625},
            {'100% "sure"': 1, "<=50K": 0, "größer\n": 0},
            {'100% "sure"': 1e-9, "<=50K": 0.1234567, "größer\n": 0.8765433},
        ],
    }


@pytest.mark.parametrize("labels", [("no", "yes"), ("yes", "no")])
def test_writer_labels_as_positive_from_exactly_the_threshold_on(
    model: Model, labels: tuple[str, str]
) -> None:
    target = Target(name="paid", labels=labels, positive="yes", threshold=0.6)
    columns = {"yes": [0.6, 0.59, 1], "no": [0.4, 0.41, 0]}
    probabilities = np.array([columns[label] for label in labels], dtype=np.float32).T
    assert json.loads(AnswerWriter(with_target(model.contract, target)).write(probabilities)) == {
        "model_lib_version": "1.2.3",
        "timestamp": ANY,
        "predictions": ["yes", "no", "yes"],
        "probabilities": [{"yes": 0.6, "no": 0.4}, {"yes": 0.59, "no": 0.41}, {"yes": 1, "no": 0}],
    }


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


NOT_JSON = {"accept-post": "application/json"}
NOT_PLAIN = {"accept-encoding": "identity"}
MUST_BE_JSON = "The Content-Type must be application/json, in UTF-8."
MUST_BE_PLAIN = "Compressed bodies are not accepted; send the body without Content-Encoding."


@pytest.mark.parametrize(
    ("headers", "detail", "advice"),
    [
        ({}, MUST_BE_JSON, NOT_JSON),
        ({"Content-Type": ""}, MUST_BE_JSON, NOT_JSON),
        ({"Content-Type": "text/plain"}, MUST_BE_JSON, NOT_JSON),
        ({"Content-Type": "application/x-www-form-urlencoded"}, MUST_BE_JSON, NOT_JSON),
        ({"Content-Type": "application/jsonl"}, MUST_BE_JSON, NOT_JSON),
        ({"Content-Type": "application/json; charset=latin-1"}, MUST_BE_JSON, NOT_JSON),
        ({"Content-Type": "application/json; charset=utf-16"}, MUST_BE_JSON, NOT_JSON),
        (JSON | {"Content-Encoding": "gzip"}, MUST_BE_PLAIN, NOT_PLAIN),
        (JSON | {"Content-Encoding": "identity, br"}, MUST_BE_PLAIN, NOT_PLAIN),
    ],
)
async def test_body_not_declared_as_plain_json_is_415_and_says_what_is_accepted(
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
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "application/json;charset=UTF-8"},
        {"Content-Type": 'Application/JSON; charset="utf-8"'},
        {"Content-Type": "application/json;"},
        JSON | {"Content-Encoding": "identity"},
    ],
)
async def test_json_declared_in_other_words_is_accepted(
    client: httpx.AsyncClient, model: Model, headers: dict[str, str]
) -> None:
    response = await client.post("/predict", content=json.dumps(ROW).encode(), headers=headers)
    assert (response.status_code, response.json()) == (200, expected(model, [ROW]))


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


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
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
    messages: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in before]
    messages.append({"type": "http.disconnect"})
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/predict",
        "raw_path": b"/predict",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }
    await create_app(Settings(model_dir=tiny_model))(scope, receive, send)
    assert (sent, messages) == ([], [])
