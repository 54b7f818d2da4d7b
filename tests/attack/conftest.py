"""The real service, and its state before and after an attack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attack.target import Target
from tests.support.keys import PAIRS
from tests.support.service_process import ServiceProcess, serving

SLOW_SECONDS = 2


@pytest.fixture(scope="session")
def target(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A service that soon drops slow clients."""
    log = tmp_path_factory.mktemp("target") / "log"
    with serving(tiny_model, log, SLOW_SECONDS=str(SLOW_SECONDS)) as service:
        target = Target(service)
        yield target
        target.close()


@pytest.fixture
def service(tiny_model: Path, tmp_path: Path) -> Iterator[ServiceProcess]:
    with serving(tiny_model, tmp_path / "log") as service:
        yield service


@pytest.fixture
def service_with_keys(tiny_model: Path, tmp_path: Path) -> Iterator[ServiceProcess]:
    """A service with API keys, with a public OpenAPI document and public metrics."""
    with serving(tiny_model, tmp_path / "log", API_KEYS=PAIRS, PUBLIC="/openapi.json,/metrics") as service:
        yield service
