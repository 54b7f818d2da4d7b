import re

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.middleware.security_headers import SecurityHeaders
from tests.support.asgi import http_scope, run_asgi
from tests.support.tiny import ROW

OF_DATA = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
OF_PAGES = OF_DATA | {"x-frame-options": "DENY", "referrer-policy": "no-referrer"}
NAMES = {*OF_PAGES, "strict-transport-security"}


def security(response: httpx.Response) -> dict[str, str]:
    """Return the security headers of an answer."""
    assert len(response.headers.multi_items()) == len(response.headers)
    return {name: value for name, value in response.headers.items() if name in NAMES}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/health", "/metrics", "/openapi.json", "/predict", "/nothing", "/static/swagger/swagger-ui.css"]
)
async def test_every_answer_has_the_headers_whatever_its_status(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    assert security(await client.request(method, path)) == OF_PAGES


@pytest.mark.parametrize("path", ["/predict", "/predict/file", "/health", "/nothing", "/docs"])
async def test_an_answer_to_post_has_the_headers_of_data(client: httpx.AsyncClient, path: str) -> None:
    assert security(await client.post(path, json=ROW)) == OF_DATA


async def test_a_file_that_the_browser_has_is_304_with_the_headers(client: httpx.AsyncClient) -> None:
    path = "/static/swagger/swagger-ui.css"
    tag = (await client.get(path)).headers["etag"]
    response = await client.get(path, headers={"If-None-Match": tag})
    assert response.status_code == 304
    assert security(response) == OF_PAGES


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/card", "/docs"])
async def test_a_page_keeps_its_own_policy_which_runs_no_script_but_its_own(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    headers = security(await client.request(method, path))
    policy = dict(part.split(" ", 1) for part in headers.pop("content-security-policy").split("; "))
    assert headers == {name: value for name, value in OF_PAGES.items() if name in headers}
    assert len(headers) == 3
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'none'"
    assert re.fullmatch(r"'self'|'sha256-[\w+/]{43}='", policy.get("script-src", "'self'"))


async def test_the_policy_of_a_page_is_not_that_of_its_errors(client: httpx.AsyncClient) -> None:
    response = await client.delete("/docs")
    assert response.status_code == 405
    assert security(response) == OF_PAGES


async def answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(("scheme", "count"), [("http", 0), ("https", 1)])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_strict_transport_security_is_sent_over_tls_only(scheme: str, count: int, method: str) -> None:
    scope = http_scope("/", method) | {"scheme": scheme}
    start: Message = (await run_asgi(SecurityHeaders(answer), scope, []))[0]
    assert start["headers"].count((b"strict-transport-security", b"max-age=31536000")) == count
    assert start["headers"][0] == (b"x-own", b"1")
