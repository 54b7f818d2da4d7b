"""A replica from its start to its end: how it drains, how a signal ends the drain, and what it survives."""

import errno
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.container.docker import PORT, Container, attempt, run, running, status, until

DRAIN_SECONDS = 3
CONNECT = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {PORT})))"
REFUSED = str(errno.ECONNREFUSED)


class InFlight:
    """A request whose body is half sent."""

    def __init__(self, port: int, body: bytes) -> None:
        self._rest = body[len(body) // 2 :]
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        head = f"POST /predict HTTP/1.1\r\nHost: replica\r\nContent-Length: {len(body)}\r\n"
        self._socket.sendall(
            f"{head}Content-Type: application/json\r\n\r\n".encode() + body[: len(body) // 2]
        )

    def finish(self) -> str:
        """Send the rest; return the status line."""
        self._socket.sendall(self._rest)
        with self._socket.makefile("rb") as answer:
            return answer.readline().decode().strip()

    def close(self) -> None:
        self._socket.close()


class Client(threading.Thread):
    """Requests predictions, each on a connection of its own, until there is no answer."""

    def __init__(self, url: str, body: bytes) -> None:
        super().__init__(daemon=True)
        self._url, self._body = url, body
        self.statuses: list[int] = []
        self.ended = 0.0

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=5) as client:
            while answer := status(client, "/predict", content=self._body):
                self.statuses.append(answer)
        self.ended = time.monotonic()


@dataclass(frozen=True)
class Drain:
    """The behaviour of a replica from SIGTERM to its exit."""

    noticed_after: float
    statuses: list[int]
    served_for: float
    refused_after: float
    answered: str
    exit_code: int
    exited_after: float


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def workers(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.fixture(scope="module")
def drain(image: str, request_body: bytes, workers: int) -> Drain:
    """A replica gets SIGTERM while one request is half sent, and others come in on new connections."""
    with running(image, env={"WEB_CONCURRENCY": workers, "DRAIN_SECONDS": DRAIN_SECONDS}) as container:
        container.wait_ready()
        client = Client(container.url, request_body)
        with closing(InFlight(container.port, request_body)) as in_flight, asking(container) as statuses:
            client.start()
            container.kill("TERM")
            began = time.monotonic()
            noticed = until(lambda: statuses() == {503}, 5, "503")
            until(lambda: container.python(CONNECT) == REFUSED, DRAIN_SECONDS + 10, "refused connections")
            refused = time.monotonic() - began
            client.join(10)
            answered = in_flight.finish()
            finished = time.monotonic()
            code = container.exit_code(20)
        return Drain(
            noticed_after=noticed,
            statuses=client.statuses,
            served_for=client.ended - began,
            refused_after=refused,
            answered=answered,
            exit_code=code,
            exited_after=time.monotonic() - finished,
        )


@contextmanager
def asking(container: Container) -> Iterator[Callable[[], set[int | None]]]:
    """Yield a function that requests /ready and /health so often that every worker gets a request."""
    with httpx.Client(base_url=container.url, timeout=5) as client:
        yield lambda: {status(client, path) for path in ["/ready", "/health"] * 4}


def test_health_and_ready_say_at_once_that_the_replica_drains(drain: Drain) -> None:
    assert drain.noticed_after < 0.5


def test_a_draining_replica_predicts(drain: Drain) -> None:
    assert set(drain.statuses) == {200}
    assert len(drain.statuses) > 20
    assert DRAIN_SECONDS - 0.2 < drain.served_for < DRAIN_SECONDS + 2


def test_a_drained_replica_refuses_connections(drain: Drain) -> None:
    assert DRAIN_SECONDS - 0.2 < drain.refused_after < DRAIN_SECONDS + 3


def test_a_drained_replica_answers_the_request_in_flight(drain: Drain) -> None:
    assert drain.answered == "HTTP/1.1 200 OK"


def test_a_drained_replica_exits_with_0_as_soon_as_nothing_is_in_flight(drain: Drain) -> None:
    assert drain.exit_code == 0
    assert drain.exited_after < 3


def test_the_master_is_process_1_and_has_the_workers(image: str, workers: int) -> None:
    with running(image, env={"WEB_CONCURRENCY": workers}) as container:
        container.wait_ready()
        command = container.python(r"print(*open('/proc/1/cmdline').read().rstrip('\0').split('\0'))")
        assert command == "python -m app.server"
        assert len(container.workers()) == workers


@pytest.mark.parametrize("signal", ["TERM", "INT"])
def test_a_second_signal_ends_the_drain(image: str, workers: int, signal: str) -> None:
    with running(image, env={"WEB_CONCURRENCY": workers, "DRAIN_SECONDS": 30}) as container:
        container.wait_ready()
        container.kill("TERM")
        with asking(container) as statuses:
            until(lambda: statuses() == {503}, 5, "503")
        began = time.monotonic()
        container.kill(signal)
        assert container.exit_code(20) == 0
        assert time.monotonic() - began < 3


def test_a_second_signal_does_not_wait_for_the_request_in_flight(
    image: str, workers: int, request_body: bytes
) -> None:
    settings = {"WEB_CONCURRENCY": workers, "DRAIN_SECONDS": 0, "GRACEFUL_TIMEOUT": 30}
    with running(image, env=settings) as container:
        container.wait_ready()
        with closing(InFlight(container.port, request_body)):
            container.kill("TERM")
            until(lambda: container.python(CONNECT) == REFUSED, 5, "refused connections")
            began = time.monotonic()
            container.kill("TERM")
            assert container.exit_code(20) == 0
            assert time.monotonic() - began < 3


def test_a_killed_worker_is_replaced_and_the_others_go_on(
    image: str, workers: int, request_body: bytes
) -> None:
    with running(image, env={"WEB_CONCURRENCY": workers}) as container:
        container.wait_ready()
        killed, *others = container.workers()
        container.kill_worker(killed)
        until(lambda: len(container.workers()) == workers, 5, "as many workers as before")

        after = container.workers()
        assert killed not in after
        assert set(others) < set(after)
        with httpx.Client(base_url=container.url, timeout=5) as client:
            assert {status(client, "/predict", content=request_body) for _ in range(10)} == {200}


def test_a_worker_that_starts_during_the_drain_drains_too(image: str, workers: int) -> None:
    with running(image, env={"WEB_CONCURRENCY": workers, "DRAIN_SECONDS": 30}) as container:
        container.wait_ready()
        container.kill("TERM")
        before = container.workers()
        for worker in before:
            container.kill_worker(worker)
        until(lambda: len(set(container.workers()) - set(before)) == workers, 5, "new workers")
        until(lambda: httpx_answers(container), 5, "answers")
        with asking(container) as statuses:
            assert statuses() == {503}


def httpx_answers(container: Container) -> bool:
    with httpx.Client(base_url=container.url, timeout=5) as client:
        return status(client, "/ready") is not None


def test_a_model_that_was_changed_is_never_served(image: str, replica: Container, tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    run("docker", "cp", f"{replica.id}:/srv/model/model.onnx", str(model))
    model.write_bytes(model.read_bytes() + b"\0")
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    expected = replica.contract["files"]["model.onnx"]

    with running(image, f"--volume={model}:/srv/model/model.onnx:ro") as container:
        code = container.exit_code(20)
        log = container.logs

    assert code == 1
    assert log == (f"The baked model was changed: model/model.onnx has sha256 {sha256}, not {expected}.")


def test_the_health_check_distinguishes_serving_draining_and_dead(image: str) -> None:
    check = ("python", "-m", "app.healthcheck")
    with running(image, env={"DRAIN_SECONDS": 30}) as container:
        container.wait_ready()
        serving = container.execute(*check)
        container.kill("TERM")
        until(lambda: container.execute(*check).returncode == 1, 5, "the health check fails")
        draining = container.execute(*check)
    dead = attempt("docker", "run", "--rm", image, *check)

    assert [(check.returncode, check.stderr.strip()) for check in (serving, draining, dead)] == [
        (0, ""),
        (1, "status 503"),
        (1, "no answer: Connection refused"),
    ]
