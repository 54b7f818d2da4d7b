from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app import __version__
from app.core.contract import Contract, load_contract
from app.main import Service, create_app
from app.settings import Settings


@pytest.fixture
def service(tiny_model: Path) -> Service:
    return create_app(Settings(model_dir=tiny_model))


@pytest.fixture
async def probe(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose lifespan has not begun."""
    transport = httpx.ASGITransport(service)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as probe:
        yield probe


@pytest.fixture(scope="module")
def contract(tiny_model: Path) -> Contract:
    return load_contract(tiny_model)


def health(contract: Contract, status: str) -> dict[str, object]:
    return {
        "status": status,
        "name": "tiny",
        "api_version": __version__,
        "model_lib_version": "1.2.3",
        "model": {
            "name": "tiny",
            "sha256": contract.files["model.onnx"],
            "data_source": "real",
            "trained_at": f"{contract.provenance.trained_at:%Y-%m-%dT%H:%M:%SZ}",
        },
    }


def not_ready(detail: str) -> dict[str, object]:
    return {"type": "urn:problem:not-ready", "title": "Not ready", "status": 503, "detail": detail}


async def test_health_names_what_answers(client: httpx.AsyncClient, contract: Contract) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, health(contract, "ok"))
    assert response.headers["content-type"] == "application/json"


async def test_ready_is_503_before_the_service_starts_and_200_after(
    service: Service, probe: httpx.AsyncClient
) -> None:
    before = await probe.get("/ready")
    assert (before.status_code, before.json()) == (503, not_ready("The replica is starting."))
    assert before.headers["content-type"] == "application/problem+json"
    async with service.router.lifespan_context(service):
        after = await probe.get("/ready")
    assert (after.status_code, after.json()) == (200, {"status": "ready"})


async def test_replica_that_drains_wants_no_traffic_and_answers_all_the_same(
    service: Service, probe: httpx.AsyncClient, contract: Contract
) -> None:
    async with service.router.lifespan_context(service):
        service.readiness.drain()
        ready, alive = await probe.get("/ready"), await probe.get("/health")
        answer = await probe.post("/predict", json=contract.example)
    assert (ready.status_code, ready.json()) == (503, not_ready("The replica is draining."))
    assert (alive.status_code, alive.json()) == (503, health(contract, "draining"))
    assert answer.status_code == 200
