import json
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.errors import HANDLERS, Problem, ProblemDocument

SECRET = "the-secret"  # noqa: S105 - stands for anything that must not reach a client


async def get_problem(_request: Request) -> Response:
    raise Problem(409, "wrong-moment", "Not now: à bientôt.", headers={"Retry-After": "5"})


async def get_teapot(_request: Request) -> Response:
    raise HTTPException(418, detail=SECRET, headers={"X-Kind": "pot"})


async def get_failure(_request: Request) -> Response:
    raise RuntimeError(SECRET)


ROUTES = [Route("/problem", get_problem), Route("/teapot", get_teapot), Route("/failure", get_failure)]


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=ROUTES, exception_handlers=HANDLERS)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as browser:
        yield browser


def test_document_of_a_problem_has_four_members() -> None:
    document = Problem(413, "body-too-large", "The body may have at most 5 bytes.").document()
    assert document == {
        "type": "urn:problem:body-too-large",
        "title": "Body too large",
        "status": 413,
        "detail": "The body may have at most 5 bytes.",
    }


def test_document_of_a_problem_lists_errors_and_counts_those_left_out() -> None:
    errors = [{"loc": ["inputs", 0, "years"], "msg": "Must be true or false.", "type": "bool_type"}]
    document = Problem(422, "invalid-rows", "2 errors.", errors=errors, errors_omitted=1).document()
    assert document == {
        "type": "urn:problem:invalid-rows",
        "title": "Invalid rows",
        "status": 422,
        "detail": "2 errors.",
        "errors": [{"loc": ["inputs", 0, "years"], "msg": "Must be true or false.", "type": "bool_type"}],
        "errors_omitted": 1,
    }
    assert ProblemDocument.model_validate(document).model_dump() == document


async def test_raised_problem_is_answered_in_utf_8_with_its_headers(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/problem")
    assert response.status_code == 409
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "5"
    assert json.loads(response.content.decode("utf-8")) == {
        "type": "urn:problem:wrong-moment",
        "title": "Wrong moment",
        "status": 409,
        "detail": "Not now: à bientôt.",
    }


@pytest.mark.parametrize(
    ("method", "path", "headers", "document"),
    [
        (
            "GET",
            "/nothing",
            {},
            {
                "type": "urn:problem:not-found",
                "title": "Not found",
                "status": 404,
                "detail": "There is nothing at this path. See /docs for what there is.",
            },
        ),
        (
            "DELETE",
            "/problem",
            {"allow": "GET, HEAD"},
            {
                "type": "urn:problem:method-not-allowed",
                "title": "Method not allowed",
                "status": 405,
                "detail": "This path answers GET, HEAD only.",
            },
        ),
        (
            "GET",
            "/teapot",
            {"x-kind": "pot"},
            {
                "type": "urn:problem:i'm-a-teapot",
                "title": "I'm a teapot",
                "status": 418,
                "detail": "I'm a Teapot.",
            },
        ),
    ],
)
async def test_refusal_of_the_framework_has_the_one_shape(
    browser: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], document: dict[str, object]
) -> None:
    response = await browser.request(method, path)
    assert response.status_code == document["status"]
    assert response.headers["content-type"] == "application/problem+json"
    assert {name: ", ".join(sorted(response.headers[name].split(", "))) for name in headers} == headers
    shown = response.json()
    shown["detail"] = shown["detail"].replace("HEAD, GET", "GET, HEAD")  # a set has no order
    assert shown == document


async def test_our_own_mistake_is_500_without_a_word(
    browser: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = await browser.get("/failure")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:problem:internal-server-error",
        "title": "Internal server error",
        "status": 500,
        "detail": "The service failed. It is not the request's fault.",
    }
    assert [record for record in caplog.records if record.name.startswith("app.")] == []


async def test_our_own_mistake_goes_on_to_the_server_which_logs_it() -> None:
    app = Starlette(routes=ROUTES, exception_handlers=HANDLERS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as browser:
        with pytest.raises(RuntimeError, match=f"^{SECRET}$"):
            await browser.get("/failure")
