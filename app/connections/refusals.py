"""The problems that a connection itself answers, because the request never reaches the application."""

from collections.abc import Sequence

import httptools

from app.core.errors import Problem

CLOSE = {"Connection": "close"}
RETRY = {"Retry-After": "1"}  # second
HEAD_BYTES = 64 * 1024
HEAD_LINES = 100
TARGET_BYTES = 8 * 1024


def invalid_http() -> Problem:
    return Problem(400, "invalid-http", "The request is not valid HTTP.", headers=CLOSE)


def no_proxy() -> Problem:
    """Return the answer to CONNECT, which asks for a tunnel."""
    headers = CLOSE | {"Allow": "GET, HEAD, OPTIONS, POST"}
    return Problem(405, "method-not-allowed", "This service is no proxy.", headers=headers)


def too_slow(message_part: str) -> Problem:
    """Return the answer to a client that takes too long for a part of its request."""
    return Problem(
        408, "request-timeout", f"The {message_part} of the request came too slowly.", headers=CLOSE
    )


def head_too_large() -> Problem:
    detail = f"The head of a request may have at most {HEAD_BYTES} bytes and {HEAD_LINES} lines."
    return Problem(431, "head-too-large", detail, headers=CLOSE)


def target_too_long() -> Problem:
    detail = f"The target of a request may have at most {TARGET_BYTES} bytes."
    return Problem(414, "target-too-long", detail, headers=CLOSE)


def overloaded() -> Problem:
    detail = "The replica has more requests than it can answer in time. Send this one again later."
    return Problem(503, "overloaded", detail, headers=RETRY)


def out_of_time() -> Problem:
    detail = "The service could not answer in time. Try again later."
    return Problem(503, "overloaded", detail, headers=RETRY)


def out_of_room() -> Problem:
    """Return the answer when connections or their bodies fill what the worker may hold."""
    detail = "The service holds too many requests. Try again later."
    return Problem(503, "overloaded", detail, headers=CLOSE | RETRY)


def check_head(target: bytes, headers: Sequence[tuple[bytes, bytes]], received: int = 0) -> None:
    """Raise the problem of a head that is too large, of which so many bytes were received at least."""
    if len(target) > TARGET_BYTES:
        raise target_too_long()
    parsed = sum(len(name) + len(value) for name, value in headers)
    if len(headers) > HEAD_LINES or max(parsed, received) > HEAD_BYTES:
        raise head_too_large()


def check_target(target: bytes) -> None:
    """Raise the problem of a target that is neither a path nor a URL with a path, as a proxy sends it."""
    try:
        path = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        path = None
    if path is None:
        raise invalid_http()
