"""A client that sends more than it should reads the reason, whatever it is written in."""

import json
from typing import Any

import pytest

from tests.clients.conftest import LIMIT
from tests.clients.uploaders import UPLOADS
from tests.support.problems import problem, too_large
from tests.support.service_process import ServiceProcess

TOO_LARGE = too_large(LIMIT)
UNSUPPORTED = problem(
    415,
    "unsupported-media-type",
    "The Content-Type must be application/json in UTF-8, or text/csv in UTF-8, UTF-16 or windows-1252.",
)
NOT_FOUND = problem(404, "not-found", "There is nothing at this path. See /docs for what there is.")
NOT_ALLOWED = problem(405, "method-not-allowed", "This path answers GET and HEAD only.")
INVALID_FORM = problem(
    400,
    "invalid-form",
    "The body must be a multipart form with a CSV file in the field 'file' or 'csv_file', and nothing else.",
)
REFUSALS = {
    "413": ("/predict", "application/json", 3 * LIMIT, TOO_LARGE),
    "415": ("/predict", "text/plain", 3 * LIMIT, UNSUPPORTED),
    "404": ("/nothing", "text/plain", 3 * LIMIT, NOT_FOUND),
    "405": ("/health", "text/plain", 3 * LIMIT, NOT_ALLOWED),
    "broken form": ("/predict/file", "multipart/form-data; boundary=frontier", LIMIT, INVALID_FORM),
}


@pytest.mark.parametrize("way", ["direct", "nginx", "nginx for websockets"])
@pytest.mark.parametrize("client", UPLOADS)
@pytest.mark.parametrize("bodies", [3, 10])
def test_body_that_is_too_large_is_413(ports: dict[str, int], client: str, way: str, bodies: int) -> None:
    url = f"http://127.0.0.1:{ports[way]}/predict"
    for _ in range(3):
        status, body = UPLOADS[client](url, "application/json", bodies * LIMIT)
        assert (status, json.loads(body)) == (413, TOO_LARGE)


@pytest.mark.parametrize("way", ["direct", "nginx"])
@pytest.mark.parametrize("client", UPLOADS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_early_refusal_arrives(ports: dict[str, int], client: str, way: str, refusal: str) -> None:
    path, content_type, size, expected = REFUSALS[refusal]
    url = f"http://127.0.0.1:{ports[way]}{path}"
    status, body = UPLOADS[client](url, content_type, size)
    assert (status, json.loads(body)) == (expected["status"], expected)


def test_service_neither_failed_nor_warned(service: ServiceProcess) -> None:
    records: list[dict[str, Any]] = service.records
    assert [record for record in records if record["level"] not in {"INFO"}] == []
