"""Refuses a body that is too large, before it fills the memory."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import Problem


class BodyLimit:
    """Raises Problem 413 when a body is read that has, or declares, more than `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, limited(scope, receive, self._limit), send)


def limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    size = 0

    async def receive_and_count() -> Message:
        nonlocal size
        if not size:
            refuse_declared(scope, limit)
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise too_large(limit)
        return message

    return receive_and_count


def refuse_declared(scope: Scope, limit: int) -> None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            if value.isdigit() and float(value) > limit:  # int() raises for thousands of zeros
                raise too_large(limit)
            return


def too_large(limit: int) -> Problem:
    """Return Problem 413. The rest of the body is not read, so the connection can't be used again."""
    detail = f"The body may have at most {limit} bytes (MAX_BODY_BYTES). Send the rows in several requests."
    return Problem(413, "body-too-large", detail, headers={"Connection": "close"})
