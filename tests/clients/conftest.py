"""One service, direct and through nginx. Skip nothing: make test-clients says what it needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.nginx import KEEP_ALIVE, WEBSOCKET, proxy
from tests.support.service_process import ServiceProcess, serving

LIMIT = 1_000_000


@pytest.fixture(scope="session")
def service(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("service") / "log"
    with serving(tiny_model, log, MAX_BODY_BYTES=str(LIMIT)) as service:
        yield service


@pytest.fixture(scope="session")
def ports(service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """Ports of the service itself, of a buffering nginx, and of one that passes upgrades on."""
    directory = tmp_path_factory.mktemp("nginx")
    with (
        proxy(directory / "plain", service.port, KEEP_ALIVE) as plain,
        proxy(directory / "websocket", service.port, WEBSOCKET) as websocket,
    ):
        yield {"direct": service.port, "nginx": plain, "nginx for websockets": websocket}
