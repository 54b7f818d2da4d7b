"""Runs all servers under all workloads, in rounds, so that other work of the machine disturbs all alike."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks import machine, process_stats, wrk
from benchmarks.errors import BenchmarkError, NoAnswerError
from benchmarks.metrics import Footprint, Metrics, Results
from benchmarks.server_process import ServerProcess, running
from benchmarks.servers import LIMIT, LIMIT_TITLE, SERVICE, Server
from benchmarks.workloads import (
    BODY_SIZES,
    HUNDRED_ROWS,
    ONE_ROW,
    THOUSAND_ROWS,
    WORKLOADS,
    BodyWriter,
    Workload,
    as_csv,
    as_inputs,
)
from benchmarks.workspace import ROOT, Workspace

LEAST_MIXED_SECONDS = 3  # in less time, a slow server answers only the large body
IN_PROCESS = (ONE_ROW, HUNDRED_ROWS, THOUSAND_ROWS)
"""The workloads of which the in-process limit is measured; without HTTP, it has no connections."""
MICROSECONDS = 1e6


@dataclass(frozen=True)
class Schedule:
    """How long to measure."""

    rounds: int = 5
    seconds: int = 3
    warm_up_seconds: int = 1


QUICK = Schedule(rounds=1, seconds=1, warm_up_seconds=0)


def may_skip(server: Server, error: BenchmarkError) -> bool:
    """Say whether the benchmark goes on: a slow machine must not stop it, a failure of the service must."""
    return server.is_optional or isinstance(error, NoAnswerError)


def body_writer(server: Server, workload: Workload) -> BodyWriter:
    return as_csv if workload.is_csv else server.write_body


class Runner:
    """One benchmark."""

    def __init__(self, workspace: Workspace, schedule: Schedule, log: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._schedule = schedule
        self._log = log
        self._cores = machine.choose_cores()
        contract = workspace.contract
        self._results = Results(
            machine=machine.describe(),
            model={
                "name": contract.name,
                "version": contract.model_version,
                "data_source": contract.provenance.data_source,
            },
            schedule=asdict(schedule),
        )

    def skip(self, name: str, error: BenchmarkError) -> None:
        """Leave a server or one of its runs out of the results, with the reason."""
        self._results.skipped[name] = str(error)
        self._log(f"skipped {name}: {error}")

    def run(self, servers: Sequence[Server]) -> Results:
        """Measure the servers; the first must be the service, whose answers the floors repeat.

        Raises:
            BenchmarkError: a server that is not optional failed, or gives other labels than the service.
        """
        self._workspace.write_bodies([as_csv, *(server.write_body for server in servers)])
        with ExitStack() as stack:
            processes = [process for server in servers if (process := self._start(stack, server))]
            self._results.titles[LIMIT] = LIMIT_TITLE
            for number in range(self._schedule.rounds):
                self._run_round(number, processes)
            for process in processes:
                memory = process_stats.pss_bytes(process.pid)
                self._results.footprints[process.server.name] = Footprint(process.ready_seconds, memory)
        return self._results

    def _start(self, stack: ExitStack, server: Server) -> ServerProcess | None:
        self._log(f"starting {server.title}")
        try:
            log = self._workspace.log(server.name)
            process = stack.enter_context(running(server, self._cores.server, log))
            if server.name == SERVICE:
                self._save_answers(process)
            self._check_labels(process)
        except BenchmarkError as error:
            self._skip_or_raise(server, server.name, error)
            return None
        self._results.titles[server.name] = server.title
        return process

    def _skip_or_raise(self, server: Server, name: str, error: BenchmarkError) -> None:
        if not may_skip(server, error):
            raise BenchmarkError(f"{name}: {error}") from error
        self.skip(name, error)

    def _save_answers(self, service: ServerProcess) -> None:
        for size in BODY_SIZES:
            self._workspace.save_answer(size, self._ask(service, size))

    def _ask(self, process: ServerProcess, size: int) -> bytes:
        return process.ask(size, self._workspace.first_body(process.server.write_body, size))

    def _check_labels(self, process: ServerProcess) -> None:
        """Raise BenchmarkError if the server has a model that gives other labels than the service."""
        read_predictions, size = process.server.read_predictions, HUNDRED_ROWS.rows
        if read_predictions is None:
            return
        names = self._workspace.contract.target.labels
        predictions = read_predictions(json.loads(self._ask(process, size)))
        labels = [label if isinstance(label, str) else names[int(label)] for label in predictions]
        if labels != self._workspace.saved_labels(size):
            raise BenchmarkError("the server gives other labels than the service")

    def _run_round(self, number: int, processes: Sequence[ServerProcess]) -> None:
        """Run every workload at all servers; in each round, another server is the first."""
        first = number % len(processes)
        for workload in WORKLOADS:
            self._log(f"round {number + 1} of {self._schedule.rounds}: {workload.title}")
            for process in [*processes[first:], *processes[:first]]:
                if process.server.reads_csv or not workload.is_csv:
                    self._run(process, workload)
            if workload in IN_PROCESS:
                self._results.add(LIMIT, workload, self._measure_limit(workload))

    def _run(self, process: ServerProcess, workload: Workload) -> None:
        name = f"{process.server.name}, {workload.title}"
        if name in self._results.skipped:
            return
        try:
            body = self._workspace.first_body(body_writer(process.server, workload), workload.rows)
            process.ask(workload.rows, body, workload.content_type)
            if self._schedule.warm_up_seconds and workload.background is None:
                wrk.finish(self._load(process, workload, self._schedule.warm_up_seconds))
            process.settle()
            self._results.add(process.server.name, workload, self._measure(process, workload))
        except BenchmarkError as error:
            self._results.runs.pop((process.server.name, workload.name), None)
            self._skip_or_raise(process.server, name, error)

    def _measure(self, process: ServerProcess, workload: Workload) -> Metrics:
        """Load the server, and read its CPU time before and after."""
        seconds = self._schedule.seconds
        background = None
        before = process_stats.cpu_seconds(process.pid)
        if workload.background:
            seconds = max(seconds, LEAST_MIXED_SECONDS)
            background = self._load(process, workload.background, seconds)
        load = wrk.finish(self._load(process, workload, seconds))
        background_requests = wrk.finish(background).requests if background else 0
        cpu_seconds = process_stats.cpu_seconds(process.pid) - before
        return Metrics(
            requests_per_second=load.requests / load.seconds,
            cpu_us=cpu_seconds / load.requests * MICROSECONDS,
            p50_ms=load.p50_ms,
            p99_ms=load.p99_ms,
            background_requests=background_requests,
        )

    def _load(self, process: ServerProcess, workload: Workload, seconds: int) -> "subprocess.Popen[str]":
        bodies = self._workspace.bodies(body_writer(process.server, workload), workload.rows)
        url, content_type = process.url(workload.rows), workload.content_type
        return wrk.start(url, workload.connections, bodies, content_type, seconds, self._cores.load)

    def _measure_limit(self, workload: Workload) -> Metrics:
        """Measure the work of the service without HTTP, on the core of the servers."""
        bodies = self._workspace.bodies(as_inputs, workload.rows)
        script = ["-m", "benchmarks.apps.in_process", str(bodies), str(self._schedule.seconds)]
        done = subprocess.run(
            ["taskset", "-c", str(self._cores.server), sys.executable, *script],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]} | self._workspace.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchmarkError(f"{LIMIT_TITLE}: {done.stderr.strip().splitlines()[-1]}")
        return Metrics(**json.loads(done.stdout))
