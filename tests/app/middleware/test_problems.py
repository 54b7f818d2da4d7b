import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.contract import load_contract
from app.core.errors import Problem
from app.middleware.measure import Measure
from app.middleware.problems import Problems, reraise
from app.monitoring.metrics import Metrics
from tests.support.asgi import http_scope, run_asgi
from tests.support.problems import INTERNAL, problem

SECRET = "the-secret"  # noqa: S105 - stands for anything that must not reach a client


async def get_problem(_request: Request) -> Response:
    raise Problem(409, "wrong-moment", "Not now: à bientôt.", headers={"Retry-After": "5"})


async def get_teapot(_request: Request) -> Response:
    raise HTTPException(418, detail=SECRET, headers={"X-Kind": "pot"})


async def get_failure(_request: Request) -> Response:
    raise RuntimeError(SECRET)


ROUTES = [
    Route("/problem", get_problem, methods=["GET"]),
    Route("/teapot", get_teapot),
    Route("/failure", get_failure),
    Route("/post", get_problem, methods=["POST"]),
]


@pytest.fixture
def metrics(tiny_model: Path) -> Metrics:
    return Metrics(load_contract(tiny_model))


@pytest.fixture
async def browser(metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the framework within the middleware; what leaves the middleware is raised here."""
    app = Starlette(routes=ROUTES, exception_handlers={HTTPException: reraise, Exception: reraise})
    transport = httpx.ASGITransport(Problems(app, metrics))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as browser:
        yield browser


async def test_raised_problem_is_answered_in_utf_8_with_its_headers(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/problem")
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "5"
    assert json.loads(response.content.decode("utf-8")) == problem(409, "wrong-moment", "Not now: à bientôt.")


@pytest.mark.parametrize(
    ("method", "path", "headers", "document"),
    [
        (
            "GET",
            "/nothing",
            {},
            problem(404, "not-found", "There is nothing at this path. See /docs for what there is."),
        ),
        (
            "DELETE",
            "/problem",
            {"allow": "GET, HEAD"},
            problem(405, "method-not-allowed", "This path answers GET and HEAD only."),
        ),
        (
            "DELETE",
            "/post",
            {"allow": "POST"},
            problem(405, "method-not-allowed", "This path answers POST only."),
        ),
        ("GET", "/teapot", {"x-kind": "pot"}, problem(418, "i'm-a-teapot", "I'm a Teapot.")),
    ],
)
async def test_refusal_of_the_framework_has_the_one_shape(
    browser: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], document: dict[str, object]
) -> None:
    response = await browser.request(method, path)
    assert response.status_code == document["status"]
    assert response.headers["content-type"] == "application/problem+json"
    assert {name: response.headers[name] for name in headers} == headers
    assert response.json() == document


async def test_unexpected_error_is_500_without_a_word_and_logged_once_with_the_traceback(
    browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await browser.get("/failure")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == INTERNAL
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (record.name, record.getMessage()) == ("app.middleware.problems", "unhandled error at /failure")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


def failing_after_the_start(error: Exception) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return app


async def test_error_amid_an_answer_goes_on_to_the_server_which_closes_the_connection(
    metrics: Metrics,
) -> None:
    app = Measure(Problems(failing_after_the_start(RuntimeError(SECRET)), metrics), metrics)
    with pytest.raises(RuntimeError, match=f"^{SECRET}$"):
        await run_asgi(app, http_scope("/failure"), [])


async def test_client_that_left_gets_no_answer(metrics: Metrics) -> None:
    async def leave(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ClientDisconnect

    assert await run_asgi(Problems(leave, metrics), http_scope("/predict"), []) == []
