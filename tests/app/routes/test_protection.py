from pathlib import Path
from typing import Any

import httpx
from openapi_spec_validator import validate

from app.main import create_app
from app.settings import Settings
from tests.support.keys import KEY, PAIRS
from tests.support.tiny import ROW

SECURITY: list[dict[str, list[str]]] = [{"X-API-Key": []}, {"Bearer": []}]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}


def document_with(model: Path, **settings: str) -> dict[str, Any]:
    return create_app(Settings.model_validate({"model_dir": model} | settings)).openapi()


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {path: operation for path, methods in document["paths"].items() for operation in methods.values()}


def test_every_operation_that_needs_a_key_says_so_with_its_401(tiny_model: Path) -> None:
    document = document_with(tiny_model, api_keys=PAIRS, public="/metrics")
    validate(document)
    assert document["components"]["securitySchemes"] == {
        "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "Bearer": {"type": "http", "scheme": "bearer"},
    }
    security = {path: operation.get("security") for path, operation in operations(document).items()}
    assert security == {
        "/predict": SECURITY,
        "/predict/file": SECURITY,
        "/health": None,
        "/ready": None,
        "/metrics": None,
    }
    for path, operation in operations(document).items():
        assert operation["responses"].get("401") == (
            {
                "description": "There is no API key, or it is unknown.",
                "content": PROBLEM,
                "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
            }
            if security[path]
            else None
        )


def test_every_operation_but_health_checks_has_the_429_of_a_rate_limit(tiny_model: Path) -> None:
    document = document_with(tiny_model, rate_limit="5/s")
    validate(document)
    responses = {path: operation["responses"] for path, operation in operations(document).items()}
    limited = [path for path, answers in responses.items() if "429" in answers]
    assert limited == ["/predict", "/predict/file", "/metrics"]
    assert responses["/predict"]["429"] == {
        "description": "The client sends more than RATE_LIMIT allows.",
        "content": PROBLEM,
        "headers": {"Retry-After": {"schema": {"type": "string"}}},
    }
    assert list(responses["/predict"]) == sorted(responses["/predict"])
    assert "securitySchemes" not in document["components"]


def test_without_keys_and_limit_the_document_has_neither(tiny_model: Path) -> None:
    document = document_with(tiny_model)
    assert "securitySchemes" not in document["components"]
    for operation in operations(document).values():
        assert "security" not in operation
        assert {"401", "429"}.isdisjoint(operation["responses"])


async def test_the_documented_schemes_let_a_request_in(tiny_model: Path) -> None:
    app = create_app(Settings.model_validate({"model_dir": tiny_model, "api_keys": PAIRS}))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for scheme in app.openapi()["components"]["securitySchemes"].values():
            is_header = scheme["type"] == "apiKey"
            headers = {scheme["name"]: KEY} if is_header else {"Authorization": f"{scheme['scheme']} {KEY}"}
            assert (await client.post("/predict", json=ROW, headers=headers)).status_code == 200
