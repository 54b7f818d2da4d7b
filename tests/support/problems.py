"""Problem documents, whole, as a client must see them."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.headers import own

SECRET = "xyzzy-secret"  # noqa: S105 - stands for anything that must not reach a client

Error = tuple[list[str | int], str, str]
"""loc, msg and type of one error of a row."""


def problem(status: int, name: str, detail: str, *errors: Error, **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": f"urn:problem:{name}",
        "title": name.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
    }
    listed = {"errors": [{"loc": loc, "msg": msg, "type": kind} for loc, msg, kind in errors]}
    return document | (listed if errors else {}) | more


def invalid_rows(loc: list[str | int], message: str, kind: str) -> dict[str, Any]:
    """Return the problem of rows with one error, in a file ("line", number, …) or elsewhere."""
    where = (" " if loc[:1] == ["line"] else ".").join(map(str, loc)) or "body"
    return problem(422, "invalid-rows", f"At {where}: {message}", (loc, message, kind))


def invalid_json(reason: str) -> dict[str, Any]:
    return problem(400, "invalid-json", f"The body is not JSON: {reason}.")


def too_large(limit: int) -> dict[str, Any]:
    """Return the problem of a body with more than `limit` bytes."""
    detail = f"The body may have at most {limit} bytes (MAX_BODY_BYTES). Send the rows in several requests."
    return problem(413, "body-too-large", detail)


INTERNAL = problem(500, "internal-server-error", "The service failed. It is not the request's fault.")


def assert_problem(
    response: httpx.Response, document: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> None:
    """Assert that the response is this problem, with these headers and no others."""
    assert response.status_code == document["status"]
    assert own(response) == {
        "content-type": "application/problem+json",
        "content-length": str(len(response.content)),
        **(headers or {}),
    }
    assert response.json() == document
