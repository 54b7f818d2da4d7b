"""POST /predict: what the client declares to send, and what it asks for."""

import json

import httpx
import pytest

from app.core.model import Model
from app.routes.predict import negotiate_response
from tests.support.bodies import Chunks
from tests.support.headers import own
from tests.support.problems import assert_problem, problem
from tests.support.tiny import LINE, POOR, ROW, batch, csv_body, response_to

JSON = {"Content-Type": "application/json"}


ACCEPTED = {"accept-post": "application/json, text/csv"}
NOT_PLAIN = {"accept-encoding": "gzip, identity"}
MUST_BE_TEXT = (
    "The Content-Type must be application/json in UTF-8, or text/csv in UTF-8, UTF-16 or windows-1252."
)
IS_A_FORM = f"{MUST_BE_TEXT} curl -d sends a form unless it is told: add -H 'Content-Type: application/json'."
MUST_BE_PLAIN = (
    "The Content-Encoding must be gzip, or the body plain. Zstandard, Brotli and others are not read."
)


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
        ({"Content-Type": "text/csv; header=absent"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "text/csv; charset=cp1252; header=absent"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "text/csvs"}, MUST_BE_TEXT, ACCEPTED),
        ({"Content-Type": "multipart/form-data; boundary=b"}, MUST_BE_TEXT, ACCEPTED),
        (JSON | {"Content-Encoding": "zstd"}, MUST_BE_PLAIN, NOT_PLAIN),
        ({"Content-Type": "text/csv", "Content-Encoding": "br"}, MUST_BE_PLAIN, NOT_PLAIN),
        (JSON | {"Content-Encoding": "identity, br"}, MUST_BE_PLAIN, NOT_PLAIN),
    ],
)
async def test_other_media_type_or_encoding_is_415_and_says_what_is_accepted(
    client: httpx.AsyncClient, headers: dict[str, str], detail: str, advice: dict[str, str]
) -> None:
    response = await client.post("/predict", content=json.dumps(ROW).encode(), headers=headers)
    assert_problem(response, problem(415, "unsupported-media-type", detail), advice)


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
async def test_json_is_accepted_however_it_is_declared_or_not_at_all(
    client: httpx.AsyncClient, model: Model, headers: dict[str, str]
) -> None:
    response = await client.post("/predict", content=json.dumps(ROW).encode(), headers=headers)
    assert (response.status_code, response.json()) == (200, response_to(model, [ROW]))


async def test_wrong_media_type_is_refused_before_the_body_is_read(client: httpx.AsyncClient) -> None:
    body = Chunks(b"{}")
    response = await client.post("/predict", content=body, headers={"Content-Type": "text/plain"})
    assert (response.status_code, body.read) == (415, 0)


@pytest.mark.parametrize("accept", ["text/csv", "application/xml, text/csv;q=0.9"])
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (batch(ROW, POOR), "application/json"),
        (csv_body(LINE, "30,n/a,?,false"), "text/csv"),
    ],
    ids=["from JSON", "from CSV"],
)
async def test_client_that_accepts_csv_gets_a_line_for_each_row(
    client: httpx.AsyncClient, model: Model, content: bytes, content_type: str, accept: str
) -> None:
    headers = {"Content-Type": content_type, "Accept": accept}
    response = await client.post("/predict", content=content, headers=headers)
    assert response.status_code == 200
    assert own(response) == {
        "content-type": "text/csv",
        "content-length": str(len(response.content)),
    }
    lines = [
        f"{'yes' if yes >= 0.6 else 'no'},{no:.9g},{yes:.9g}"
        for no, yes in model.probabilities(model.encode([ROW, POOR])).tolist()
    ]
    assert response.text == "\n".join(["prediction,probability no,probability yes", *lines, ""])


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "text/*", "text/plain"])
async def test_client_that_does_not_name_csv_gets_json(
    client: httpx.AsyncClient, model: Model, accept: str
) -> None:
    response = await client.post("/predict", json=ROW, headers={"Accept": accept})
    assert (response.headers["content-type"], response.json()) == (
        "application/json",
        response_to(model, [ROW]),
    )


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
def test_csv_is_answered_if_the_client_prefers_it(accept: bytes, answered: bytes) -> None:
    assert negotiate_response({b"accept": accept}) == answered
