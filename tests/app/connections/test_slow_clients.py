"""200 slow clients of every kind are dropped, and the service answers everybody else all the while."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest

from tests.support.prometheus import series
from tests.support.service_process import ServiceProcess
from tests.support.tiny import ROW, batch

CLIENTS = 200
SLOW_SECONDS = 3
DEADLINE = 60
REFUSED = "http_requests_refused_total"
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
FIRST = {
    "head": HEAD,
    "body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "reader": b"GET /static/swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n",
    "idle": b"",
}
MORE = {"head": b"a: b\r\n", "body": b" ", "idle": b"\r\n"}
"""What a client sends from time to time; a reader reads a byte."""


@pytest.fixture
def service(tiny_model: Path, tmp_path: Path) -> Iterator[ServiceProcess]:
    settings: dict[str, str | Path] = {
        "MODEL_DIR": tiny_model,
        "WEB_CONCURRENCY": "1",
        "SLOW_SECONDS": str(SLOW_SECONDS),
    }
    service = ServiceProcess(tmp_path / "log", settings)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.kill()


class Others:
    """A client that requests predictions, one every hundredth of a second."""

    def __init__(self, service: ServiceProcess) -> None:
        self.statuses: list[int] = []
        self._service = service
        self._ends = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(0.01):
            status, _ = self._service.request("POST", "/predict", batch(ROW))
            self.statuses.append(status)


def connect(port: int, kind: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel takes the whole answer
    client.connect(("127.0.0.1", port))
    client.sendall(FIRST[kind])
    client.setblocking(False)
    time.sleep(0.02)  # they are slow, not a burst, which the service may refuse
    return client


def go_on(client: socket.socket, kind: str) -> None:
    with suppress(OSError):  # it was dropped
        if kind == "reader":
            client.recv(1)
        else:
            client.send(MORE[kind])


def count(service: ServiceProcess, kind: str) -> float:
    """Return how many clients were dropped, or refused by a busy machine; 0 if this request is refused."""
    status, text = service.request("GET", "/metrics")
    numbers = series(text.decode()) if status == 200 else {}
    dropped = numbers.get(f'connections_dropped_total{{reason="{kind}"}}', 0)
    return dropped + sum(number for name, number in numbers.items() if name.startswith(REFUSED))


@pytest.mark.parametrize("kind", FIRST)
def test_slow_clients_are_dropped_and_disturb_nobody(service: ServiceProcess, kind: str) -> None:
    with ExitStack() as stack:
        others = stack.enter_context(Others(service))
        clients = [stack.enter_context(connect(service.port, kind)) for _ in range(CLIENTS)]
        end = time.monotonic() + DEADLINE
        while count(service, kind) < CLIENTS and time.monotonic() < end:
            for client in clients:
                go_on(client, kind)
            time.sleep(0.5)
        assert count(service, kind) >= CLIENTS
    assert len(others.statuses) > 50
    assert set(others.statuses) <= {200, 503}
    assert others.statuses.count(200) > 0.9 * len(others.statuses)
