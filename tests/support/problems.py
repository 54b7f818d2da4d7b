"""Problem documents, whole, as a client must see them."""

from typing import Any

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


INTERNAL = problem(500, "internal-server-error", "The service failed. It is not the request's fault.")
