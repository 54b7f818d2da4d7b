"""The problems that a connection itself answers, because the request never reaches the application."""

import httptools

from app.core.errors import Problem

CLOSE = {"Connection": "close"}


def invalid_http() -> Problem:
    return Problem(400, "invalid-http", "The request is not valid HTTP.", headers=CLOSE)


def no_proxy() -> Problem:
    """Return the answer to CONNECT, which asks for a tunnel."""
    headers = CLOSE | {"Allow": "GET, HEAD, OPTIONS, POST"}
    return Problem(405, "method-not-allowed", "This service is no proxy.", headers=headers)


def check_target(target: bytes) -> None:
    """Raise the problem of a target that is neither a path nor a URL with a path, as a proxy sends it."""
    try:
        path = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        path = None
    if path is None:
        raise invalid_http()
