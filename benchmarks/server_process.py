"""Starts a server on one core, asks it, and stops it with all that it started."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from benchmarks import process_stats
from benchmarks.errors import BenchmarkError
from benchmarks.servers import Server
from benchmarks.workspace import ROOT

HOST = "127.0.0.1"
JSON = "application/json"
TIMEOUT_SECONDS = 120  # of a start, and of one answer
STOP_SECONDS = 15
POLL_SECONDS = 0.005
IDLE_SECONDS = 0.05
LONGEST_SETTLE_SECONDS = 10  # some servers are never quite idle


@dataclass(frozen=True)
class ServerProcess:
    """A server that is ready."""

    server: Server
    port: int
    pid: int
    ready_seconds: float

    def url(self, rows: int) -> str:
        return f"http://{HOST}:{self.port}{self.server.path.format(rows=rows)}"

    def ask(self, rows: int, body: bytes, content_type: str = JSON) -> bytes:
        """Send one request and return the answer; raise BenchmarkError unless its status is 200."""
        path = self.server.path.format(rows=rows)
        status, answer = _request(self.port, "POST", path, body, content_type)
        if status != HTTPStatus.OK:
            raise BenchmarkError(f"the status of an answer is {status}: {answer[:200]!r}")
        return answer

    def is_ready(self) -> bool:
        return _request(self.port, "GET", self.server.ready_path)[0] == HTTPStatus.OK

    def settle(self) -> None:
        """Wait until the server is idle: the load generator ends without waiting for the last answers."""
        before = -1.0
        deadline = time.monotonic() + LONGEST_SETTLE_SECONDS
        while before != (now := process_stats.cpu_seconds(self.pid)) and time.monotonic() < deadline:
            before = now
            time.sleep(IDLE_SECONDS)


@contextmanager
def running(server: Server, core: int, log: Path) -> Iterator[ServerProcess]:
    """Start a server on this core, and stop it in the end.

    Raises:
        BenchmarkError: the server ended or was not ready in time; the sentence has its last line of output.
    """
    port = free_port()
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *(part.format(port=port) for part in server.command)],
            env=_environment(server, port),
            cwd=server.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(server, process, port, log)
        yield ServerProcess(server, port, process.pid, time.perf_counter() - started)
    finally:
        _stop(process)


def _environment(server: Server, port: int) -> dict[str, str]:
    """Leave out the settings of the caller: the benchmark measures the defaults."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {name: value.format(port=port) for name, value in server.environment.items()}
    return inherited | {"PYTHONPATH": str(ROOT)} | own


def _wait_until_ready(server: Server, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchmarkError(f"the server ended with {process.returncode}: {last_line(log)}")
        with suppress(OSError, http.client.HTTPException):
            if _request(port, "GET", server.ready_path)[0] == HTTPStatus.OK:
                return
        time.sleep(POLL_SECONDS)
    raise BenchmarkError(f"the server was not ready after {TIMEOUT_SECONDS} s: {last_line(log)}")


def _request(
    port: int, method: str, path: str, body: bytes | None = None, content_type: str = JSON
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, {"Content-Type": content_type})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the whole session: with SIGTERM, and after STOP_SECONDS with SIGKILL."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signal_number)
            process.wait(STOP_SECONDS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no output"
