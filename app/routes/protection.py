"""What the OpenAPI document says of API keys and of the rate limit, where there are any."""

from collections.abc import Collection, Iterator
from typing import Any

from app.monitoring.readiness import CHECKS
from app.routes.openapi import problem_responses

SCHEMES = {
    "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def describe_keys(document: dict[str, Any], public: Collection[str]) -> None:
    """Add the schemes for Authorize in /docs, and the 401 of every path that is not public."""
    document["components"]["securitySchemes"] = SCHEMES
    for operation in _operations(document, public):
        operation["security"] = [{name: []} for name in SCHEMES]
        _add_problem(operation, 401, "There is no API key, or it is unknown.", "WWW-Authenticate")


def describe_limit(document: dict[str, Any]) -> None:
    """Add the 429 of every path that the rate limit holds for."""
    for operation in _operations(document, CHECKS):
        _add_problem(operation, 429, "The client sends more than RATE_LIMIT allows.", "Retry-After")


def _operations(document: dict[str, Any], excluded: Collection[str]) -> Iterator[dict[str, Any]]:
    for path, operations in document["paths"].items():
        if path not in excluded:
            yield from operations.values()


def _add_problem(operation: dict[str, Any], status: int, description: str, header: str) -> None:
    response = problem_responses({status: description})[status]
    headers = {header: {"schema": {"type": "string"}}}
    operation["responses"] = dict(
        sorted((operation["responses"] | {str(status): response | {"headers": headers}}).items())
    )
