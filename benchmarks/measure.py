"""One run of one server under one workload, and what a server takes when it starts."""

import json
import os
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path
from statistics import median

from benchmarks import bodies, installed, wrk
from benchmarks.cores import Cores
from benchmarks.errors import BenchmarkError, RefusedError, SkippedError
from benchmarks.figures import Footprint, Run
from benchmarks.lineup import Setup
from benchmarks.server import ROOT, Running, Server, running
from benchmarks.workloads import SINGLES, Workload

SETTLE_SECONDS = 0.05
SETTLE_MOST_SECONDS = 10
WARM_UP_SECONDS = 1
LEAST_BESIDE_SECONDS = 3  # or a slow server answers nothing but the large body


def run(up: Running, workload: Workload, prepared: Path, seconds: float, cores: Cores) -> Run:
    """Load a server that is up, and read its own account of the CPU before and after.

    Raises:
        RefusedError: a request was not answered with 2xx, or a socket failed.
        SkippedError: the server does not take CSV.
    """
    probe(up, workload, prepared)
    settle(up)
    if workload.beside:
        seconds = max(seconds, LEAST_BESIDE_SECONDS)
    beside = _send(up, workload.beside, prepared, seconds, cores) if workload.beside else None
    before = up.cpu_seconds()
    load = wrk.finish(_send(up, workload, prepared, seconds, cores))
    after = up.cpu_seconds()
    return Run(
        requests=load.requests,
        seconds=load.seconds,
        cpu_seconds=after - before,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        answer_bytes=load.answer_bytes,
        beside_requests=wrk.finish(beside).requests if beside else 0,
    )


def warm_up(up: Running, workload: Workload, prepared: Path, cores: Cores) -> None:
    wrk.finish(_send(up, workload, prepared, WARM_UP_SECONDS, cores))


def _send(
    up: Running, workload: Workload, prepared: Path, seconds: float, cores: Cores
) -> "subprocess.Popen[str]":
    return wrk.start(up.server.url(up.port, workload.rows), workload, prepared, seconds, cores.load)


def probe(up: Running, workload: Workload, prepared: Path) -> bytes:
    """Ask once and return the answer: what is refused or redirected is not worth a run."""
    body = bodies.read(prepared, workload)[0]
    status, answer = up.ask(workload.rows, body, workload.media_type)
    if workload.body == "csv" and status in {HTTPStatus.NOT_FOUND, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}:
        raise SkippedError(f"it answers {status} to {workload.media_type}")
    if status != HTTPStatus.OK:
        raise RefusedError(f"{up.server.name} answers {status} to {workload.title}: {answer[:200]!r}")
    return answer


def labels(up: Running, workload: Workload, prepared: Path) -> list[str] | None:
    """Return the labels that a server gives to the first body, None for a floor."""
    answer = probe(up, workload, prepared)
    return up.server.labels(json.loads(answer)) if up.server.labels else None


def settle(up: Running) -> None:
    """Wait until the server has nothing more to do: wrk leaves without the last answers."""
    before = -1.0
    deadline = time.monotonic() + SETTLE_MOST_SECONDS  # some servers are never quite idle
    while before != (now := up.cpu_seconds()) and time.monotonic() < deadline:
        before = now
        time.sleep(SETTLE_SECONDS)


def footprint(server: Server, setup: Setup, cores: Cores, starts: int) -> Footprint:
    """Start a server, alone, several times; its memory is that after a second of work."""
    ready: list[float] = []
    memory: list[float] = []
    for _ in range(starts):
        with running(server, cores.servers, setup.log(server.name)) as up:
            ready.append(up.ready_seconds)
            probe(up, SINGLES, setup.bodies(server.body))
            warm_up(up, SINGLES, setup.bodies(server.body), cores)
            memory.append(up.pss_bytes())
    size = installed.size(server.packages, server.site_packages)
    return Footprint(median(ready), median(memory), size)


def limit(workload: Workload, setup: Setup, seconds: float, cores: Cores) -> Run:
    """Measure the service's own work without HTTP, on the core of the servers."""
    prepared = setup.bodies(bodies.as_inputs) / workload.bodies
    module = [sys.executable, "-m", "benchmarks.servers.in_process", str(prepared), str(seconds)]
    done = subprocess.run(
        ["taskset", "-c", str(cores.server[0]), *module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "MODEL_DIR": str(setup.model_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"The in-process limit failed: {done.stderr.strip().splitlines()[-1]}")
    return Run(**json.loads(done.stdout))
