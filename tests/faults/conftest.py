"""A service of the tiny model with one fault each. docs/operations.md promises what happens then."""

from pathlib import Path

import pytest

from tests.support.service_process import ServiceProcess, Start, wait_for
from tests.support.tiny import ROW, batch


@pytest.fixture
def body() -> bytes:
    return batch(ROW)


@pytest.fixture(params=[1, 2], ids=["1 worker", "2 workers"])
def worker_count(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.fixture
def service(start: Start, tiny_model: Path, worker_count: int) -> ServiceProcess:
    service = start(MODEL_DIR=tiny_model, WEB_CONCURRENCY=str(worker_count))
    service.wait_until_ready()
    wait_for(lambda: len(service.workers) == worker_count, "all workers are there")
    return service
