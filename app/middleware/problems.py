"""Answers every error as a problem document (RFC 9457)."""

import logging
from asyncio import CancelledError, current_task
from http import HTTPStatus
from typing import Any, NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.errors import Problem
from app.middleware.auth import KEY_NAME
from app.middleware.measure import STATUS
from app.monitoring.metrics import Metrics

INTERRUPTION = "app.interruption"
"""Key of the scope under which a connection that cancels the application says why: by the error to answer."""

log = logging.getLogger(__name__)


class Problems:
    """Turns an exception into a response, and counts errors in rows."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except (Exception, CancelledError) as raised:
            error = interruption(raised, scope)
            if isinstance(error, ClientDisconnect):
                return
            problem = describe(error)
            if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, Problem):
                log.exception("unhandled error at %s", scope["path"], extra=name_of_key(scope))
            if STATUS in scope:  # half an answer can't be taken back: the server closes the connection
                raise
            self._metrics.count_row_errors(problem.errors)
            await problem.response()(scope, receive, send)


def name_of_key(scope: Scope) -> dict[str, str]:
    """Return what a line of the log says of the client's API key, if it has one."""
    return {"key": scope[KEY_NAME]} if KEY_NAME in scope else {}


def interruption(error: BaseException, scope: Scope) -> Exception:
    """Return the error; for a cancellation by the connection, the reason. Raise any other cancellation."""
    if isinstance(error, Exception):
        return error
    if INTERRUPTION not in scope:
        raise error
    if task := current_task():
        task.uncancel()  # what comes now is the answer
    reason: Exception = scope[INTERRUPTION]
    return reason


def describe(error: Exception) -> Problem:
    """Return what a client may know of an error: nothing, if it is the service's fault."""
    match error:
        case Problem():
            return error
        case HTTPException():
            return describe_refusal(error)
    return Problem(500, "internal-server-error", "The service failed. It is not the request's fault.")


def describe_refusal(error: HTTPException) -> Problem:
    """Return a refusal of the framework (unknown path, wrong method) as a Problem."""
    phrase = HTTPStatus(error.status_code).phrase
    detail, headers = f"{phrase}.", dict(error.headers or {})
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this path. See /docs for what there is."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = allowed_methods(error)
        headers["Allow"] = ", ".join(methods)
        detail = f"This path answers {' and '.join(methods)} only."
    name = phrase.lower().replace(" ", "-")
    return Problem(error.status_code, name, detail, headers=headers)


def allowed_methods(error: HTTPException) -> list[str]:
    """Return the methods of the path that a 405 is about; whatever answers GET answers HEAD too."""
    methods = (error.headers or {}).get("Allow", "GET").split(", ")  # static files name none
    return sorted({*methods, *(["HEAD"] if "GET" in methods else [])})


async def reraise(_request: Request, error: Any) -> NoReturn:
    """Let an error out of the framework, which would answer in another shape."""
    raise error
