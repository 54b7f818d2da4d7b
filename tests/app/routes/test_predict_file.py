import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import numpy as np
import pytest
from sklearn import metrics

from app.main import create_app
from app.settings import Settings
from tests.support.asgi import LEAVE, body_messages, http_scope, run_asgi
from tests.support.problems import problem

SECRET = "xyzzy-secret"  # noqa: S105 - stands for anything that a client may send
HEADER = b"years,rate,grade,secured\n"
LINE = b"5,2.5,B,true\n"
FORM = {"Content-Type": "multipart/form-data; boundary=frontier"}
GRADE = "one of A, B, C; or, when missing, null or ?"


NO_FORM = problem(
    400,
    "invalid-form",
    "The body must be a multipart form with a CSV file in the field 'file' or 'csv_file', and nothing else.",
)


def part(content: bytes, disposition: bytes = b'form-data; name="file"; filename="people.csv"') -> bytes:
    return b"--frontier\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join([*parts, b"--frontier--\r\n"])


@pytest.fixture
async def uploads(tiny_model: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with the limits that are set by default; what it raises is raised here."""
    transport = httpx.ASGITransport(create_app(Settings(model_dir=tiny_model)))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def table(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file, under the names of its columns."""
    header, *lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    return [dict(zip(header, line, strict=True)) for line in lines]


def written(rows: list[dict[str, str]], without: str = "") -> bytes:
    """Return rows as CSV, without one of the columns."""
    names = [name for name in rows[0] if name != without]
    lines = [",".join(row[name] for name in names) for row in rows]
    return "\n".join([",".join(names), *lines, ""]).encode()


@pytest.fixture(scope="module")
def people(tiny_data: Path) -> list[dict[str, str]]:
    return table((tiny_data / "loans.csv").read_text())


async def test_file_is_answered_as_the_same_rows_as_csv(
    uploads: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    content = written(people, without="paid")
    response = await uploads.post("/predict/file", files={"file": ("people.csv", content, "text/csv")})
    assert response.status_code == 200
    assert dict(response.headers) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    plain = await uploads.post("/predict", content=content, headers={"Content-Type": "text/csv"})
    assert plain.status_code == 200
    assert response.json() == plain.json() | {"timestamp": ANY}
    assert len(response.json()["predictions"]) == len(people)


async def test_file_with_the_target_is_answered_with_the_figures_of_scikit_learn(
    uploads: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    response = await uploads.post("/predict/file", files={"file": written(people)})
    plain = await uploads.post("/predict/file", files={"file": written(people, without="paid")})
    assert (response.status_code, plain.status_code) == (200, 200)

    truth, predicted = [row["paid"] for row in people], response.json()["predictions"]
    shown = [[each["no"], each["yes"]] for each in response.json()["probabilities"]]
    probabilities = np.array(shown, dtype=np.float32)
    yes, is_yes = probabilities[:, 1], [label == "yes" for label in truth]
    assert 0 < predicted.count("yes") < len(predicted)
    figures = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "log_loss": metrics.log_loss(truth, probabilities),
        "precision": metrics.precision_score(truth, predicted, pos_label="yes"),
        "recall": metrics.recall_score(truth, predicted, pos_label="yes"),
        "f1": metrics.f1_score(truth, predicted, pos_label="yes"),
        "roc_auc": metrics.roc_auc_score(is_yes, yes),
        "brier": metrics.brier_score_loss(is_yes, yes),
    }
    assert response.json() == plain.json() | {
        "timestamp": ANY,
        "metrics": {
            "rows": len(people),
            "labels": ["no", "yes"],
            "confusion_matrix": metrics.confusion_matrix(truth, predicted).tolist(),
        }
        | {name: pytest.approx(value, abs=1e-6) for name, value in figures.items()},
    }


async def test_figure_that_the_file_does_not_define_is_null(uploads: httpx.AsyncClient) -> None:
    content = b"paid," + HEADER + b"no," + LINE
    response = await uploads.post("/predict/file", files={"file": content})
    (probability,) = response.json()["probabilities"]
    positive = probability["yes"] >= 0.6
    assert response.json()["metrics"] == {
        "rows": 1,
        "labels": ["no", "yes"],
        "confusion_matrix": [[int(not positive), int(positive)], [0, 0]],
        "accuracy": float(not positive),
        "log_loss": pytest.approx(-np.log(probability["no"]), abs=1e-6),
        "precision": 0.0 if positive else None,
        "recall": None,
        "f1": 0.0 if positive else None,
        "roc_auc": None,
        "brier": pytest.approx(probability["yes"] ** 2, abs=1e-6),
    }


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="file"; filename=""',
        b'form-data; name="file"; filename="../../etc/passwd"',
        b'form-data; name="file"; filename="<script>.csv"',
        b'form-data; name="file"; filename="a\\"b;c=d\\\\.csv"',
        b'form-data; name="file"; filename="\xff\xfe\x00%00.csv"',
        'form-data; name="file"; filename="größe \u202e.csv"'.encode(),
        b'form-data; name="file"; filename="x"; filename*=UTF-8\'\'%e2%82%ac.csv',
        b"form-data; name=file; filename=people.csv",
        b'FORM-DATA; filename="x.exe"; name="file"',
        b'form-data; name="csv_file"; filename="people.csv"',
    ],
)
async def test_name_of_the_file_does_not_matter_and_the_field_has_two_names(
    uploads: httpx.AsyncClient, disposition: bytes
) -> None:
    response = await uploads.post(
        "/predict/file", content=form(part(HEADER + LINE, disposition)), headers=FORM
    )
    plain = await uploads.post("/predict/file", files={"file": HEADER + LINE})
    assert (response.status_code, plain.status_code) == (200, 200)
    assert response.json() == plain.json() | {"timestamp": ANY}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (form(part(HEADER + LINE, b'form-data; name="people"; filename="people.csv"')), FORM),
        (form(part(HEADER + LINE, b'form-data; name="file"')), FORM),
        (form(part(HEADER + LINE, b'form-data; filename="people.csv"')), FORM),
        (form(part(HEADER + LINE, b"")), FORM),
        (form(part(HEADER + LINE), part(HEADER + LINE)), FORM),
        (form(part(HEADER + LINE), part(HEADER + LINE, b'form-data; name="csv_file"; filename="a"')), FORM),
        (form(part(HEADER + LINE), part(b"5", b'form-data; name="more"')), FORM),
        (form(), FORM),
        (b"", FORM),
        (HEADER + LINE, FORM),
        (b"--another\r\n\r\n--another--\r\n", FORM),
        (part(HEADER + LINE).replace(b": ", b"\0 "), FORM),
        (part(HEADER + LINE)[:30], FORM),
        (b"--frontier\r\n" + b"x" * 100_000, FORM),
        (form(part(HEADER + LINE)), {"Content-Type": "multipart/form-data"}),
        (form(part(HEADER + LINE)), {"Content-Type": "multipart/form-data; boundary="}),
        (form(part(HEADER + LINE)), {"Content-Type": "multipart/form-data; boundary=" + "x" * 1000}),
        (form(part(HEADER + LINE)), {"Content-Type": "multipart/form-data-2; boundary=frontier"}),
        (form(part(HEADER + LINE)), FORM | {"Content-Type": FORM["Content-Type"] + "; charset=undefined"}),
        (form(part(HEADER + LINE)), FORM | {"Content-Type": FORM["Content-Type"] + "; charset=punycode"}),
        (form(part(HEADER + LINE)), FORM | {"Content-Type": FORM["Content-Type"] + '; charset="a\0b"'}),
    ],
    ids=[
        "other field",
        "field without a file",
        "file without a field",
        "no disposition",
        "two files",
        "a file in each field",
        "file and field",
        "no part",
        "empty",
        "no form",
        "other boundary",
        "broken header",
        "cut header",
        "huge header",
        "no boundary",
        "empty boundary",
        "huge boundary",
        "other kind",
        "charset without text",
        "charset that can't decode",
        "charset with a NUL",
    ],
)
async def test_form_without_exactly_the_one_file_is_400(
    uploads: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    response = await uploads.post("/predict/file", content=content, headers=headers)
    assert (response.status_code, response.json()) == (400, NO_FORM)
    assert dict(response.headers) == {
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/csv"},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/mixed; boundary=frontier"},
    ],
)
async def test_body_that_is_no_form_is_415_and_says_what_is_accepted(
    uploads: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await uploads.post("/predict/file", content=form(part(HEADER + LINE)), headers=headers)
    assert response.status_code == 415
    assert dict(response.headers) == {
        "accept-post": "multipart/form-data",
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == problem(
        415, "unsupported-media-type", "The Content-Type must be multipart/form-data."
    )


@pytest.mark.parametrize(
    ("content", "document"),
    [
        (
            b"",
            problem(
                422,
                "invalid-rows",
                "At line 1 years: The column years is missing.",
                errors=[
                    {"loc": ["line", 1, "years"], "msg": "The column years is missing.", "type": "missing"}
                ],
            ),
        ),
        (
            HEADER,
            problem(
                422,
                "invalid-rows",
                "At body: At least one row is needed.",
                errors=[{"loc": [], "msg": "At least one row is needed.", "type": "too_short"}],
            ),
        ),
        (
            HEADER + LINE + LINE.replace(b"B", SECRET.encode()),
            problem(
                422,
                "invalid-rows",
                f"At line 3 grade: Must be {GRADE}.",
                errors=[{"loc": ["line", 3, "grade"], "msg": f"Must be {GRADE}.", "type": "literal_error"}],
            ),
        ),
        (
            b"paid," + HEADER + b"yes," + LINE + SECRET.encode() + b"," + LINE,
            problem(
                422,
                "invalid-rows",
                "At line 3 paid: Must be one of no, yes.",
                errors=[
                    {"loc": ["line", 3, "paid"], "msg": "Must be one of no, yes.", "type": "literal_error"}
                ],
            ),
        ),
        (
            HEADER + LINE * 10_001,
            problem(
                422,
                "invalid-rows",
                "At body: At most 10000 rows are allowed in one request.",
                errors=[
                    {"loc": [], "msg": "At most 10000 rows are allowed in one request.", "type": "too_long"}
                ],
            ),
        ),
        (HEADER + b"\xff", problem(400, "invalid-csv", "The body is not text in UTF-8.")),
        (
            HEADER + b'"' + SECRET.encode(),
            problem(400, "invalid-csv", "Line 2 is not CSV: unexpected end of data."),
        ),
        (
            HEADER + b"x" * 2_000_000,
            problem(400, "invalid-csv", "Line 2 is not CSV: field larger than field limit (131072)."),
        ),
    ],
    ids=["empty", "header", "value", "label", "too many rows", "not UTF-8", "open quote", "huge cell"],
)
async def test_bad_file_is_a_problem_that_names_the_line(
    uploads: httpx.AsyncClient, content: bytes, document: dict[str, Any]
) -> None:
    response = await uploads.post("/predict/file", files={"file": content})
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()) == (document["status"], document)


async def chunks(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_path_with_a_slash_at_its_end_answers_as_without(uploads: httpx.AsyncClient) -> None:
    response = await uploads.post("/predict/file/", files={"file": HEADER + LINE})
    assert (response.status_code, len(response.json()["predictions"])) == (200, 1)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_form_in_pieces_is_put_together(uploads: httpx.AsyncClient, size: int) -> None:
    content = form(part(HEADER + LINE))
    response = await uploads.post("/predict/file", content=chunks(content, size), headers=FORM)
    assert (response.status_code, len(response.json()["predictions"])) == (200, 1)


@pytest.mark.parametrize(("length", "status"), [(2000, 200), (2001, 413)])
async def test_form_of_exactly_the_limit_is_accepted(
    client: httpx.AsyncClient, length: int, status: int
) -> None:
    padding = b"\n" * (length - len(form(part(HEADER + LINE))))
    content = form(part(HEADER + LINE + padding))
    response = await client.post("/predict/file", content=content, headers=FORM)
    assert (len(content), response.status_code) == (length, status)


@pytest.mark.parametrize("begun", [b"", part(HEADER + LINE)[:-2]])
async def test_form_too_large_is_413_and_read_no_further(client: httpx.AsyncClient, begun: bytes) -> None:
    pulled = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pulled
        yield begun
        while True:
            pulled += 1
            yield b"\n" * 500

    response = await client.post("/predict/file", content=endless(), headers=FORM)
    assert response.status_code == 413
    assert dict(response.headers) == {
        "connection": "close",
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == problem(413, "body-too-large", "The body may have at most 2000 bytes.")
    assert pulled <= 5


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_method_is_405_and_says_which_is_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/predict/file")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json() == problem(405, "method-not-allowed", "This path answers POST only.")


@pytest.mark.parametrize("before", [[], [b"--front"], [part(HEADER)[:-2]]])
async def test_client_that_leaves_while_sending_gets_no_answer(tiny_model: Path, before: list[bytes]) -> None:
    scope = http_scope("/predict/file", headers=[(b"content-type", FORM["Content-Type"].encode())])
    service = create_app(Settings(model_dir=tiny_model))
    assert await run_asgi(service, scope, [*body_messages(before, more=True), LEAVE]) == []


async def test_a_compressed_form_is_415(uploads: httpx.AsyncClient) -> None:
    headers = FORM | {"Content-Encoding": "gzip"}
    response = await uploads.post("/predict/file", content=form(part(HEADER + LINE)), headers=headers)
    assert response.json() == problem(
        415,
        "unsupported-media-type",
        "Compressed bodies are not accepted; send the body without Content-Encoding.",
    )
    assert response.headers["accept-encoding"] == "identity"
