from collections.abc import AsyncIterator

import httpx
import pytest

from app import __version__
from app.core.contract import Contract
from app.main import Service
from app.routes.health import describe
from tests.support.clients import client_of
from tests.support.problems import assert_problem, problem


@pytest.fixture
async def probe(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service whose lifespan has not begun."""
    async with client_of(service) as probe:
        yield probe


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
            "fitted_on": "training rows",
            "metrics_of": "this model",
        },
    }


async def test_health_names_the_versions_and_the_model(client: httpx.AsyncClient, contract: Contract) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, health(contract, "ok"))
    assert response.headers["content-type"] == "application/json"


def test_health_says_that_a_refitted_model_has_learnt_from_the_test_rows(contract: Contract) -> None:
    provenance = contract.provenance.model_copy(update={"fitted_on": "training and test rows"})
    model = describe(contract.model_copy(update={"provenance": provenance})).model
    assert (model.fitted_on, model.metrics_of) == (
        "training and test rows",
        "the model before the refit, which saw only the training rows",
    )


async def test_ready_is_503_before_the_service_starts_and_200_after(
    service: Service, probe: httpx.AsyncClient
) -> None:
    before = await probe.get("/ready")
    assert_problem(before, problem(503, "not-ready", "The replica is starting."))
    async with service.router.lifespan_context(service):
        after = await probe.get("/ready")
    assert (after.status_code, after.json()) == (200, {"status": "ready"})


async def test_draining_replica_wants_no_traffic_and_still_predicts(
    service: Service, probe: httpx.AsyncClient, contract: Contract
) -> None:
    async with service.router.lifespan_context(service):
        service.readiness.drain()
        ready, alive = await probe.get("/ready"), await probe.get("/health")
        answer = await probe.post("/predict", json=contract.example)
    assert_problem(ready, problem(503, "not-ready", "The replica is draining."))
    assert (alive.status_code, alive.json()) == (503, health(contract, "draining"))
    assert answer.status_code == 200
