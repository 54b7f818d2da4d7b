import csv
import io
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import numpy as np
import pytest
from sklearn import metrics

from app.core.csv_table import NOT_UTF_8
from app.main import create_app
from app.settings import Settings
from tests.support.bodies import FORM, form, part, split
from tests.support.clients import client_of
from tests.support.headers import own
from tests.support.problems import SECRET, assert_problem, invalid_rows, problem
from tests.support.tiny import HEADER, LINE, MUST_BE, csv_body

CSV = csv_body(LINE)

NO_FORM = problem(
    400,
    "invalid-form",
    "The body must be a multipart form with a CSV file in the field 'file' or 'csv_file', and nothing else.",
)


@pytest.fixture
async def uploads(tiny_model: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service with the default limits; an exception of the service is raised here."""
    async with client_of(create_app(Settings(model_dir=tiny_model))) as client:
        yield client


def parse_csv(text: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file, under the names of its columns."""
    header, *lines = csv.reader(io.StringIO(text), skipinitialspace=True)
    return [dict(zip(header, line, strict=True)) for line in lines]


def write_csv(rows: list[dict[str, str]], without: str = "") -> bytes:
    """Return rows as CSV, without one of the columns."""
    names = [name for name in rows[0] if name != without]
    lines = [",".join(row[name] for name in names) for row in rows]
    return "\n".join([",".join(names), *lines, ""]).encode()


@pytest.fixture(scope="module")
def people(tiny_data: Path) -> list[dict[str, str]]:
    return parse_csv((tiny_data / "loans.csv").read_text())


async def test_file_is_answered_as_the_same_rows_as_csv(
    uploads: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    content = write_csv(people, without="paid")
    response = await uploads.post("/predict/file", files={"file": ("people.csv", content, "text/csv")})
    assert response.status_code == 200
    assert own(response) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    plain = await uploads.post("/predict", content=content, headers={"Content-Type": "text/csv"})
    assert plain.status_code == 200
    assert response.json() == plain.json() | {"timestamp": ANY}
    assert len(response.json()["predictions"]) == len(people)


async def test_file_with_the_target_is_answered_with_the_metrics_of_scikit_learn(
    uploads: httpx.AsyncClient, people: list[dict[str, str]]
) -> None:
    response = await uploads.post("/predict/file", files={"file": write_csv(people)})
    plain = await uploads.post("/predict/file", files={"file": write_csv(people, without="paid")})
    assert (response.status_code, plain.status_code) == (200, 200)

    truth, predicted = [row["paid"] for row in people], response.json()["predictions"]
    served = [[row["no"], row["yes"]] for row in response.json()["probabilities"]]
    probabilities = np.array(served, dtype=np.float32)
    yes, is_yes = probabilities[:, 1], [label == "yes" for label in truth]
    assert 0 < predicted.count("yes") < len(predicted)
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "log_loss": metrics.log_loss(truth, probabilities),
        "precision": metrics.precision_score(truth, predicted, pos_label="yes"),
        "recall": metrics.recall_score(truth, predicted, pos_label="yes"),
        "f1": metrics.f1_score(truth, predicted, pos_label="yes"),
        "roc_auc": metrics.roc_auc_score(is_yes, yes),
        "average_precision": metrics.average_precision_score(is_yes, yes),
        "brier": metrics.brier_score_loss(is_yes, yes),
    }
    assert response.json() == plain.json() | {
        "timestamp": ANY,
        "metrics": {
            "rows": len(people),
            "labels": ["no", "yes"],
            "confusion_matrix": metrics.confusion_matrix(truth, predicted).tolist(),
        }
        | {name: pytest.approx(value, abs=1e-6) for name, value in expected.items()},
    }


async def test_metric_that_the_file_does_not_define_is_null(uploads: httpx.AsyncClient) -> None:
    content = csv_body(f"no,{LINE}", header=f"paid,{HEADER}")
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
        "average_precision": None,
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
async def test_file_may_have_any_name_and_its_field_two_names(
    uploads: httpx.AsyncClient, disposition: bytes
) -> None:
    response = await uploads.post("/predict/file", content=form(part(CSV, disposition)), headers=FORM)
    plain = await uploads.post("/predict/file", files={"file": CSV})
    assert (response.status_code, plain.status_code) == (200, 200)
    assert response.json() == plain.json() | {"timestamp": ANY}


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"\r\n" + form(part(CSV)), FORM["Content-Type"]),
        (form(part(CSV)) + b"text after the end", FORM["Content-Type"]),
        (form(part(CSV)).replace(b"frontier\r", b"frontier \t\r"), FORM["Content-Type"]),
        (form(part(CSV)), 'Multipart/Form-Data ; charset="undefined"; boundary="frontier"'),
    ],
    ids=["empty line before", "text after", "spaces after the separator", "other spelling"],
)
async def test_form_may_be_written_in_several_ways(
    uploads: httpx.AsyncClient, content: bytes, content_type: str
) -> None:
    response = await uploads.post("/predict/file", content=content, headers={"Content-Type": content_type})
    assert (response.status_code, len(response.json()["predictions"])) == (200, 1)


async def test_large_file_stays_in_memory(
    uploads: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", None)
    content = csv_body(*[LINE.replace("2.5", "2.5" + "0" * 1000)] * 3000)
    assert len(content) > 3_000_000
    response = await uploads.post("/predict/file", content=form(part(content)), headers=FORM)
    assert (response.status_code, len(response.json()["predictions"])) == (200, 3000)


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (form(part(CSV, b'form-data; name="people"; filename="people.csv"')), FORM),
        (form(part(CSV, b'form-data; name="file"')), FORM),
        (form(part(CSV, b'form-data; filename="people.csv"')), FORM),
        (form(part(CSV, b"")), FORM),
        (form(part(CSV), part(CSV)), FORM),
        (form(part(CSV), part(CSV, b'form-data; name="csv_file"; filename="a"')), FORM),
        (form(part(CSV), part(b"5", b'form-data; name="more"')), FORM),
        (form(), FORM),
        (b"", FORM),
        (CSV, FORM),
        (b"--another\r\n\r\n--another--\r\n", FORM),
        (part(CSV).replace(b": ", b"\0 "), FORM),
        (part(CSV)[:30], FORM),
        (b"--frontier\r\n" + b"x" * 100_000, FORM),
        (form(part(CSV)), {"Content-Type": "multipart/form-data"}),
        (form(part(CSV)), {"Content-Type": "multipart/form-data; boundary="}),
        (form(part(CSV)), {"Content-Type": "multipart/form-data; boundary=" + "x" * 1000}),
        (b"text\r\n" + form(part(CSV)), FORM),
        (form(part(CSV)).replace(b"frontier\r", b"frontier.\r"), FORM),
        (form(part(CSV)).replace(b"\r\n", b"\n"), FORM),
        (form(part(CSV, b'form-data;\r\n name="file"; filename="a"')), FORM),
        (part(CSV), FORM),
        (part(CSV) + b"--frontierspace--\r\n", FORM),
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
        "text before",
        "text after the separator",
        "other line ends",
        "folded header",
        "no end",
        "end of another form",
    ],
)
async def test_form_without_exactly_one_file_is_400(
    uploads: httpx.AsyncClient, content: bytes, headers: dict[str, str]
) -> None:
    response = await uploads.post("/predict/file", content=content, headers=headers)
    assert_problem(response, NO_FORM)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/csv"},
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/mixed; boundary=frontier"},
        {"Content-Type": "multipart/form-data-2; boundary=frontier"},
    ],
)
async def test_other_media_type_is_415_and_says_what_is_accepted(
    uploads: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await uploads.post("/predict/file", content=form(part(CSV)), headers=headers)
    document = problem(415, "unsupported-media-type", "The Content-Type must be multipart/form-data.")
    assert_problem(response, document, {"accept-post": "multipart/form-data"})


@pytest.mark.parametrize(
    ("content", "document"),
    [
        (b"", invalid_rows(["line", 1], "The file is empty.", "missing")),
        (csv_body(), invalid_rows([], "At least one row is needed.", "too_short")),
        (
            csv_body(LINE, f"5,2.5,{SECRET},true"),
            invalid_rows(["line", 3, "grade"], MUST_BE["grade"], "literal_error"),
        ),
        (
            csv_body(f"yes,{LINE}", f"{SECRET},{LINE}", header=f"paid,{HEADER}"),
            invalid_rows(["line", 3, "paid"], "Must be one of no, yes.", "literal_error"),
        ),
        (
            csv_body(*[LINE] * 10_001),
            invalid_rows([], "At most 10000 rows are allowed in one request (MAX_ROWS).", "too_long"),
        ),
        (csv_body() + b"\xff", problem(400, "invalid-csv", NOT_UTF_8)),
        (
            csv_body(f'"{SECRET}')[:-1],
            problem(400, "invalid-csv", "Line 2 is not CSV: unexpected end of data."),
        ),
        (
            csv_body("x" * 2_000_000),
            problem(400, "invalid-csv", "Line 2 is longer than 262144 bytes."),
        ),
    ],
    ids=["empty", "header", "value", "label", "too many rows", "not UTF-8", "open quote", "huge cell"],
)
async def test_invalid_file_is_a_problem_that_names_the_line(
    uploads: httpx.AsyncClient, content: bytes, document: dict[str, Any]
) -> None:
    assert_problem(await uploads.post("/predict/file", files={"file": content}), document)


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_form_in_chunks_is_joined(uploads: httpx.AsyncClient, size: int) -> None:
    response = await uploads.post("/predict/file", content=split(form(part(CSV)), size), headers=FORM)
    assert (response.status_code, len(response.json()["predictions"])) == (200, 1)


async def test_compressed_form_is_415(uploads: httpx.AsyncClient) -> None:
    headers = FORM | {"Content-Encoding": "gzip"}
    response = await uploads.post("/predict/file", content=form(part(CSV)), headers=headers)
    detail = "A form is read without Content-Encoding; the file in it may be compressed with gzip."
    document = problem(415, "unsupported-media-type", detail)
    assert_problem(response, document, {"accept-encoding": "identity"})
