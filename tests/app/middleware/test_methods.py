from unittest.mock import ANY

import httpx
import pytest

from tests.support.headers import own
from tests.support.problems import assert_problem, problem

PAGES = ["/", "/health", "/ready", "/metrics", "/card", "/docs", "/openapi.json"]


@pytest.mark.parametrize("path", PAGES)
async def test_head_answers_as_get_without_the_body(client: httpx.AsyncClient, path: str) -> None:
    head, get = await client.head(path), await client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    sizes_differ = {"content-length": ANY} if path == "/metrics" else {}
    assert dict(head.headers) == dict(get.headers) | sizes_differ


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, "GET, HEAD, OPTIONS") for path in PAGES),
        ("/predict", "POST, OPTIONS"),
        ("/predict/file", "POST, OPTIONS"),
        ("/static/swagger/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_lists_the_allowed_methods(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    response = await client.options(path)
    assert (response.status_code, response.content) == (204, b"")
    assert own(response) == {"allow": allowed}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_unknown_path_is_404_for_every_method(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/nothing")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


async def test_head_of_a_path_for_post_is_405(client: httpx.AsyncClient) -> None:
    response = await client.head("/predict")
    assert (response.status_code, response.headers["allow"], response.content) == (405, "POST", b"")


@pytest.mark.parametrize("path", ["/", "/health", "/docs"])
async def test_other_method_is_405_and_names_the_allowed_ones(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path)
    document = problem(405, "method-not-allowed", "This path answers GET and HEAD only.")
    assert_problem(response, document, {"allow": "GET, HEAD"})
