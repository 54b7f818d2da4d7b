"""A server as the benchmark sees it: a command that listens on a port and answers rows."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from benchmarks import processes
from benchmarks.bodies import Writer, as_inputs
from benchmarks.errors import SkippedError

ROOT = Path(__file__).parents[1]
HOST = "127.0.0.1"
POLL_SECONDS = 0.005
START_SECONDS = 120
STOP_SECONDS = 15


class Labels(Protocol):
    def __call__(self, answer: Any) -> list[str]:
        """Return the labels of an answer, to see that every server serves the same model."""


def predictions(answer: Any) -> list[str]:
    return list(answer["predictions"])


@dataclass(frozen=True)
class Server:
    """How to start a server and how to speak to it; `{port}` and `{rows}` are filled in."""

    name: str
    title: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: str = "/health"
    path: str = "/predict"
    packages: Sequence[str] = ()
    """The distributions that it needs installed; nothing means all that its virtual environment holds."""
    site_packages: Path | None = None
    directory: Path = ROOT
    body: Writer = as_inputs
    labels: Labels | None = predictions
    csv: bool = False
    peer: bool = False

    def url(self, port: int, rows: int) -> str:
        return f"http://{HOST}:{port}{self.path.format(rows=rows)}"


@dataclass(frozen=True)
class Running:
    """A server that is up."""

    server: Server
    port: int
    pid: int
    ready_seconds: float

    def cpu_seconds(self) -> float:
        return processes.cpu_seconds(self.pid)

    def pss_bytes(self) -> int:
        return processes.pss_bytes(self.pid)

    def ask(self, rows: int, body: bytes, media_type: str) -> tuple[int, bytes]:
        """Send one request and return its status and answer."""
        headers = {"Content-Type": media_type, "Accept": media_type}
        return request(self.port, "POST", self.server.path.format(rows=rows), body, headers)


@contextmanager
def running(server: Server, cores: str, log: Path) -> Iterator[Running]:
    """Start a server on these cores, and stop it and all that it started.

    Raises:
        SkippedError: it ended, or was not ready in time; the sentence has the last line that it printed.
    """
    port = free_port()
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *(part.format(port=port) for part in server.command)],
            env=_environment(server, port),
            cwd=server.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, process, port, log)
        yield Running(server, port, process.pid, time.perf_counter() - started)
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    """End the session of a process: politely, then not."""
    for polite in (signal.SIGTERM, signal.SIGKILL):
        if _signal(process.pid, polite):
            _wait(process, STOP_SECONDS)


def _signal(session: int, which: signal.Signals) -> bool:
    try:
        os.killpg(session, which)
    except ProcessLookupError:
        return False
    return True


def _wait(process: subprocess.Popen[Any], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _environment(server: Server, port: int) -> dict[str, str]:
    """Nothing of the caller's settings enters: the benchmark measures the defaults."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {name: value.format(port=port) for name, value in server.environment.items()}
    return kept | {"PYTHONPATH": str(ROOT)} | own


def _wait_until_ready(server: Server, process: subprocess.Popen[Any], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SkippedError(f"it ended with {process.returncode}: {last_line(log)}")
        if _answers(port, server.ready):
            return
        time.sleep(POLL_SECONDS)
    raise SkippedError(f"it was not ready after {START_SECONDS} s: {last_line(log)}")


def _answers(port: int, path: str) -> bool:
    try:
        return request(port, "GET", path)[0] == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
