"""run.sh as in production: a process of its own, which gets requests over a socket."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port
from tests.support.prometheus import series

ROOT = Path(__file__).parents[2]
DEADLINE = 30.0


def wait_for(condition: Callable[[], bool], description: str) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not in {DEADLINE} s: {description}"
        time.sleep(0.05)


class ServiceProcess:
    """run.sh in a session of its own, so that its workers can be killed with it."""

    def __init__(
        self, log: Path | int, settings: Mapping[str, str | Path], limits: Mapping[int, int] | None = None
    ) -> None:
        """Start it with these settings and limits of resources; the log is a file or a pipe."""
        self.port = free_port()
        self._log = log
        environment = {"PATH": os.environ["PATH"], "PYTHON": sys.executable, "PORT": str(self.port)}
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if isinstance(log, Path) else log

        def set_limits() -> None:
            for kind, limit in (limits or {}).items():
                resource.setrlimit(kind, (limit, limit))

        self._process = subprocess.Popen(
            [ROOT / "run.sh"],
            env=environment | {name: str(value) for name, value in settings.items()},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=set_limits,  # noqa: PLW1509 - the tests have no other threads at that moment
        )
        if isinstance(log, Path):
            os.close(output)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the master."""
        return self._process.pid

    @property
    def lines(self) -> list[str]:
        """The lines of standard output and standard error."""
        return self._log.read_text().splitlines() if isinstance(self._log, Path) else []

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def messages(self) -> list[str]:
        return [record["message"] for record in self.records]

    @property
    def started_workers(self) -> list[int]:
        """The process ids of all workers that were started, oldest first."""
        booting = [message for message in self.messages if message.startswith("Booting worker with pid")]
        return [int(message.rpartition(" ")[2]) for message in booting]

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers that live."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self._process.poll() is None, f"it ended: {self.lines}"
            return self._answers_ready()

        wait_for(is_ready, f"ready: {self.lines}")

    def _answers_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def request(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        """Return status and body of an answer, over a connection of its own: any worker may answer."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)) as connection:
            connection.request(method, path, body, {"Content-Type": content_type} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def metrics(self) -> dict[str, float]:
        """Return every number of /metrics."""
        return series(self.request("GET", "/metrics")[1].decode())

    def send(self, number: signal.Signals) -> None:
        """Send the master a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Return the exit code."""
        return self._process.wait(DEADLINE)

    def kill(self) -> None:
        """Kill what still runs, workers too."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


Start = Callable[..., ServiceProcess]
"""Starts a service with these settings, and with `log` and `limits` if they are given."""


@contextmanager
def serving(model: Path, log: Path, **settings: str) -> Iterator[ServiceProcess]:
    """Run the service in one worker."""
    service = ServiceProcess(log, {"MODEL_DIR": model, "WEB_CONCURRENCY": "1", **settings})
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.kill()
