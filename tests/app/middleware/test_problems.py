import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.contract import Contract
from app.core.errors import Problem
from app.middleware.measure import Measure
from app.middleware.problems import Problems, reraise
from app.monitoring.metrics import Metrics
from tests.support.asgi import http_scope, run_asgi
from tests.support.clients import client_of
from tests.support.problems import INTERNAL, SECRET, assert_problem, problem


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
def metrics(contract: Contract) -> Metrics:
    return Metrics(contract)


@pytest.fixture
async def browser(metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the framework in the middleware; an exception that leaves the middleware is raised here."""
    app = Starlette(routes=ROUTES, exception_handlers={HTTPException: reraise, Exception: reraise})
    async with client_of(Problems(app, metrics)) as browser:
        yield browser


async def test_raised_problem_is_answered_in_utf_8_with_its_headers(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/problem")
    assert_problem(response, problem(409, "wrong-moment", "Not now: à bientôt."), {"retry-after": "5"})
    assert "à bientôt".encode() in response.content


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
async def test_refusal_of_the_framework_is_a_problem_document(
    browser: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], document: dict[str, object]
) -> None:
    response = await browser.request(method, path)
    assert_problem(response, document, headers)


async def test_unexpected_error_is_500_and_logged_once_with_its_traceback(
    browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await browser.get("/failure")
    assert_problem(response, INTERNAL)
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (record.name, record.getMessage()) == ("app.middleware.problems", "unhandled error at /failure")
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == SECRET


def failing_after_the_start(error: Exception) -> ASGIApp:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    return app


async def test_error_amid_a_response_is_raised_for_the_server_to_close_the_connection(
    metrics: Metrics,
) -> None:
    app = Measure(Problems(failing_after_the_start(RuntimeError(SECRET)), metrics), metrics)
    with pytest.raises(RuntimeError, match=f"^{SECRET}$"):
        await run_asgi(app, http_scope("/failure"), [])


async def test_client_that_left_gets_no_answer(metrics: Metrics) -> None:
    async def leave(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ClientDisconnect

    assert await run_asgi(Problems(leave, metrics), http_scope("/predict"), []) == []
