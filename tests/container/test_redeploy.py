"""Three replicas behind the load balancer are replaced, and one is killed, under the load of 64 clients."""

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.container.conftest import Record
from tests.container.docker import PORT, ROOT, Container, inspect, run, token, until
from tests.support.ports import free_port

REPLICAS = 3
CLIENTS = 64
REQUESTS = 50_000
SCRIPT = Path(__file__).with_name("predict.lua")
LOSSES = ("connect", "read", "write", "timeout", "status")

# The load balancer's image has no socat, but the perl of every Debian.
ASK_LOAD_BALANCER = """
use IO::Socket::UNIX;
my $admin = IO::Socket::UNIX->new(Peer => "/tmp/haproxy.sock") or die "no socket: $!";
print $admin "$ARGV[0]\\n";
print while <$admin>;
"""


@dataclass(frozen=True)
class Stack:
    """The `scale` profile of docker-compose.yaml, as a project of its own."""

    project: str
    override: Path
    port: int

    def compose(self, *arguments: str) -> str:
        files = ("--file", str(ROOT / "docker-compose.yaml"), "--file", str(self.override))
        return run(
            *("docker", "compose", "--ansi=never", *files, "--project-name", self.project, "--profile=scale"),
            *arguments,
            env=os.environ | {"LOAD_BALANCER_PORT": f"127.0.0.1:{self.port}"},
        )

    def scale(self, replicas: int) -> None:
        """Start replicas until there are so many; those that run are not touched."""
        scale = ("--no-build", "--no-recreate", "--scale", f"replica={replicas}")
        self.compose("up", "--detach", *scale, "load-balancer", "replica")

    def add_replica(self) -> None:
        """Start one more replica, and wait until it serves.

        The load balancer uses a new replica before its first check. Several that do not serve yet would
        use up the retries of a request; one does not.
        """
        self.scale(len(self.replicas()) + 1)
        new = self.replicas()[-1]
        until(
            lambda: new.execute("python", "-m", "app.healthcheck").returncode == 0, 60, "the replica serves"
        )

    def replicas(self) -> list[Container]:
        """Return the running replicas, the oldest first."""
        ids = self.compose("ps", "--quiet", "replica").split()
        return sorted(map(Container, ids), key=lambda replica: replica.state["StartedAt"])

    def load_balancer(self, command: str) -> str:
        """Send a command to the load balancer's runtime API."""
        perl = ("perl", "-e", ASK_LOAD_BALANCER, command)
        return self.compose("exec", "--no-TTY", "load-balancer", *perl)

    def up(self) -> list[str]:
        """Return the addresses of the replicas that the load balancer found healthy."""
        return [
            server["addr"]
            for server in self.servers()
            if server["status"] == "UP" and server["check_status"] == "L7OK"
        ]

    def servers(self) -> list[dict[str, str]]:
        """Return the load balancer's row for each replica, and for each free slot."""
        return self._statistics("replicas", 4)

    def requests(self) -> int:
        """Return how many requests the load balancer has received."""
        (public,) = self._statistics("public", 1)
        return int(public["req_tot"])

    def _statistics(self, proxy: str, kind: int) -> list[dict[str, str]]:
        table = self.load_balancer(f"show stat {proxy} {kind} -1").removeprefix("# ")
        return list(csv.DictReader(table.splitlines()))

    def slot(self, address: str) -> str:
        """Return the load balancer's name for the replica at this address."""
        return next(server["svname"] for server in self.servers() if server["addr"] == address)

    def count(self, slots: list[str], *columns: str) -> int:
        """Return the sum of some of the load balancer's counts for some replicas."""
        servers = [server for server in self.servers() if server["svname"] in slots]
        return sum(int(server[column]) for server in servers for column in columns)


@pytest.fixture(scope="module")
def project(override: Path) -> Iterator[Stack]:
    stack = Stack(token(), override, free_port())
    try:
        yield stack
    finally:
        stack.compose("down", "--timeout", "0", "--volumes", "--remove-orphans")


@pytest.fixture
def stack(project: Stack) -> Iterator[Stack]:
    """The load balancer, with all replicas up."""
    project.scale(REPLICAS)
    until(lambda: len(project.up()) == REPLICAS, 60, "every replica is up", every=0.5)
    yield project
    print(project.compose("logs", "--no-log-prefix", "load-balancer"))  # noqa: T201 - shown when the test fails


def address(replica: Container) -> str:
    """Return the address at which the load balancer reaches the replica."""
    (network,) = inspect("container", replica.id)["NetworkSettings"]["Networks"].values()
    return f"{network['IPAddress']}:{PORT}"


@dataclass(frozen=True)
class Load:
    """The counts of wrk."""

    counts: dict[str, Any]

    @property
    def losses(self) -> dict[str, int]:
        """Return the requests that were lost, by kind: socket errors, no answer within 10 s, not 2xx."""
        return {kind: self.counts[kind] for kind in LOSSES if self.counts[kind]}

    def __str__(self) -> str:
        requests, seconds = self.counts["requests"], self.counts["seconds"]
        p50, p99, slowest = (f"{self.counts[name] * 1e3:.0f}" for name in ("p50", "p99", "slowest"))
        lost = ", ".join(f"{count} {kind}" for kind, count in self.losses.items()) or "none"
        return (
            f"{requests:,} requests in {seconds:.0f} s ({requests / seconds:,.0f}/s); lost: {lost}\n"
            f"latency: p50 {p50} ms, p99 {p99} ms, slowest {slowest} ms"
        )


@contextmanager
def load(stack: Stack, body: Path, seconds: float) -> Iterator[Callable[[], Load]]:
    """Yield a function that ends the load, after so many seconds at the earliest, and returns the counts."""
    url = f"http://127.0.0.1:{stack.port}/predict"
    command = [
        "wrk",
        "-t2",
        f"-c{CLIENTS}",
        "-d600s",
        "--timeout=10s",
        f"--script={SCRIPT}",
        url,
        "--",
        str(body),
    ]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:

        def end() -> Load:
            time.sleep(max(0, began + seconds - time.monotonic()))
            wrk.send_signal(signal.SIGINT)
            output, _ = wrk.communicate(timeout=30)
            return Load(json.loads(output.splitlines()[-1]))

        try:
            yield end
        finally:
            wrk.kill()


@pytest.fixture
def body_file(request_body: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "body.json"
    path.write_bytes(request_body)
    return path


def replace_all(stack: Stack, *, deregister: bool) -> None:
    """Start as many new replicas as there are, and stop the old ones once the new ones are up, as ECS does.

    The load balancer sends a request elsewhere when a replica refuses the connection. On AWS it would answer
    502, so an old replica may not refuse any.
    """
    old = stack.replicas()
    for _ in old:
        stack.add_replica()
    until(lambda: len(stack.up()) == 2 * REPLICAS, 60, "the new replicas are up", every=0.5)
    slots = [stack.slot(address(replica)) for replica in old]
    refused = stack.count(slots, "wretr", "wredis")
    with deregistered(stack, slots) if deregister else nullcontext():
        run("docker", "stop", "-t", "60", *(replica.id for replica in old))
    assert stack.count(slots, "wretr", "wredis") == refused
    assert [replica.state["ExitCode"] for replica in old] == [0] * REPLICAS
    run("docker", "rm", *(replica.id for replica in old))


@contextmanager
def deregistered(stack: Stack, slots: list[str]) -> Iterator[None]:
    """Stop the load balancer from using some replicas, and wait until they have answered every request."""
    for slot in slots:
        stack.load_balancer(f"set server replicas/{slot} state drain")
    until(lambda: stack.count(slots, "scur") == 0, 30, "nothing is in flight", every=0.2)
    yield
    for slot in slots:
        stack.load_balancer(f"set server replicas/{slot} state ready")


@pytest.mark.parametrize("deregister", [True, False], ids=["deregistered first", "SIGTERM first"])
def test_replacing_every_replica_loses_no_request(
    stack: Stack, body_file: Path, record: Record, *, deregister: bool
) -> None:
    before = stack.replicas()
    enough = stack.requests() + REQUESTS + CLIENTS
    with load(stack, body_file, seconds=20) as end:
        replace_all(stack, deregister=deregister)
        until(lambda: stack.requests() >= enough, 300, f"{REQUESTS:,} requests", every=1)
        result = end()
    after = stack.replicas()
    record(f"redeploy, {'deregistered' if deregister else 'SIGTERM'} first", str(result))

    assert len(before) == len(after) == REPLICAS
    assert not {replica.id for replica in before} & {replica.id for replica in after}
    assert result.losses == {}
    assert result.counts["requests"] >= REQUESTS


def test_killing_a_replica_loses_at_most_the_requests_in_flight(
    stack: Stack, body_file: Path, record: Record
) -> None:
    killed, *others = stack.replicas()
    with load(stack, body_file, seconds=15) as end:
        killed.kill("KILL")
        until(lambda: len(stack.up()) == REPLICAS - 1, 20, "the load balancer notices", every=0.5)
        during = end()
    with load(stack, body_file, seconds=3) as end:
        after = end()
    record("kill -9 of one replica of three", str(during))

    assert sum(during.losses.values()) <= CLIENTS
    assert after.losses == {}
    assert after.counts["requests"] > 1000
    assert [replica.id for replica in stack.replicas()] == [replica.id for replica in others]
