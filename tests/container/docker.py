"""The docker command: every helper is one command, or a wait with a time limit."""

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PORT = 8001

# Runs in a container and prints the children of its process 1. A health check is no child of it.
PROCESSES = """
import json, pathlib
parents = {}
for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    try:
        parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        pass
print(json.dumps([pid for pid, parent in parents.items() if parent == 1]))
"""


def attempt(*command: str, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command, and return its result even when it fails."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(command, text=True, timeout=timeout, check=False, **streams)


def run(*command: str, timeout: float = 120, **options: Any) -> str:
    """Return the standard output of the command; fail with its message when it fails."""
    done = attempt(*command, timeout=timeout, **options)
    assert done.returncode == 0, (
        f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr or done.stdout}"
    )
    return done.stdout.strip()


def until(holds: Callable[[], Any], seconds: float, what: str, every: float = 0.02) -> float:
    """Wait until `holds()`, and return how long that took; fail after `seconds`."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
        time.sleep(every)
    return time.monotonic() - began


def token() -> str:
    """Return a name that nothing else on this engine has."""
    return f"census-test-{secrets.token_hex(4)}"


def inspect(kind: str, name: str) -> dict[str, Any]:
    details: dict[str, Any] = json.loads(run("docker", kind, "inspect", name))[0]
    return details


@dataclass(frozen=True)
class Container:
    """A container, running or not."""

    id: str

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = inspect("container", self.id)["State"]
        return state

    @property
    def port(self) -> int:
        """The port on this machine at which it is published."""
        return int(run("docker", "port", self.id, f"{PORT}/tcp").splitlines()[0].rpartition(":")[2])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def logs(self) -> str:
        return run("docker", "logs", self.id, stderr=subprocess.STDOUT)

    @property
    def contract(self) -> dict[str, Any]:
        contract: dict[str, Any] = json.loads(self.python("print(open('model/contract.json').read())"))
        return contract

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, and return its result even when it fails."""
        return attempt("docker", "exec", self.id, *command)

    def python(self, code: str) -> str:
        return run("docker", "exec", self.id, "python", "-c", code)

    def workers(self) -> list[int]:
        """Return the process ids of the workers, as the container numbers them."""
        pids: list[int] = json.loads(self.python(PROCESSES))
        return sorted(pids)

    def kill(self, signal: str) -> None:
        run("docker", "kill", "--signal", signal, self.id)

    def kill_worker(self, pid: int) -> None:
        self.python(f"import os; os.kill({pid}, 9)")

    def exit_code(self, seconds: float) -> int:
        """Wait until it ends; fail after `seconds`."""
        return int(run("docker", "wait", self.id, timeout=seconds))

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until /ready answers 200; fail with the log when the container has ended instead."""
        assert not self.ended(), self.logs
        with httpx.Client(base_url=self.url, timeout=5) as client:
            until(lambda: status(client, "/ready") == 200 or self.ended(), seconds, "ready")
        assert not self.ended(), self.logs

    def ended(self) -> bool:
        return bool(self.state["Status"] == "exited")


def status(client: httpx.Client, path: str, **request: Any) -> int | None:
    """Return the status of the answer on a connection of its own, None when there is none."""
    method = "POST" if "content" in request else "GET"
    headers = {"Content-Type": "application/json", "Connection": "close"}
    try:
        return client.request(method, path, headers=headers, **request).status_code
    except httpx.TransportError:
        return None


@contextmanager
def running(
    image: str, *options: str, command: tuple[str, ...] = (), env: Mapping[str, object] | None = None
) -> Iterator[Container]:
    """Run the image, published at a free port of the loopback address; remove the container at the end."""
    settings = [f"--env={name}={value}" for name, value in (env or {}).items()]
    published = [] if "none" in options else [f"--publish=127.0.0.1::{PORT}"]
    name = token()
    try:
        yield Container(
            run("docker", "run", "--detach", "--name", name, *published, *settings, *options, image, *command)
        )
    finally:
        run("docker", "rm", "--force", "--volumes", name)


def body(contract: dict[str, Any]) -> bytes:
    """Return a request body with one row: the examples of the contract."""
    row = {feature["name"]: feature["example"] for feature in contract["features"]}
    return json.dumps({"inputs": [row]}).encode()
