"""python -m benchmarks.soak: whether memory, descriptors or latency grow while the service works for long."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from scipy.stats import theilslopes

from app.core.errors import ServiceError
from benchmarks import machine, mixed_clients, open_loop, process_stats
from benchmarks.errors import BenchmarkError
from benchmarks.open_loop import OpenLoad
from benchmarks.report import MB, table
from benchmarks.server_process import ServerProcess, running
from benchmarks.servers import own_servers
from benchmarks.workloads import ONE_ROW, read_rows
from benchmarks.workspace import ROOT, Workspace

RESULTS = ROOT / "benchmarks" / "results"
CONNECTIONS = 64
LADDER = [(1000.0 * 1.2**step, 1.0) for step in range(12)]
SHARE = 0.5
"""Of the peak that single rows arrive at; the mix beside them makes it about 60 %."""
WARM_UP_SECONDS = 5.0
PROBES = 5
LONG_SECONDS = 300
"""Only a run that is as long judges latency: in a short one, other processes of the machine decide it."""


@dataclass(frozen=True)
class Sample:
    """The service at one moment."""

    seconds: float
    """Since the beginning."""
    memory: float
    """Of all processes, in MB."""
    descriptors: float
    latency: float
    """The median of some answers to /ready, in ms; they wait for the event loop as predictions do."""


@dataclass(frozen=True)
class Growth:
    """By how much a metric grew in the second half of the run: the slope of Theil and Sen times the time.

    The slope is the median of the slopes between all pairs of samples, so that single peaks do not count.
    """

    metric: str
    unit: str
    median: float
    low: float
    """The lower end of the confidence interval of 95 %."""
    estimate: float
    most: float
    """A lower end above this is a failure."""
    is_judged: bool

    @property
    def has_failed(self) -> bool:
        return self.is_judged and self.low > self.most


@dataclass(frozen=True)
class Soak:
    machine: dict[str, Any]
    peak: float
    load: OpenLoad
    answers: dict[int, int]
    """Of the mix, by status."""
    growths: list[Growth]
    samples: list[Sample]


def measure(workspace: Workspace, seconds: float) -> Soak:
    """Find the peak, then offer a part of it for so many seconds, beside a bit of everything."""
    server = own_servers(workspace)[0]
    workspace.write_bodies([server.write_body])
    bodies = workspace.bodies(server.write_body, ONE_ROW.rows)
    rows = read_rows(workspace.rows, workspace.contract.features)
    program, cores = workspace.directory / "open_loop", machine.choose_cores()
    open_loop.compile_to(program)
    described = machine.describe()
    with running(server, cores.server, workspace.log("service")) as process, ThreadPoolExecutor(1) as pool:
        offer = (program, cores.load, process.port, CONNECTIONS, bodies)
        peak = max(phase.goodput for phase in open_loop.run(*offer, LADDER).phases)
        requests = mixed_clients.mix(rows)
        with mixed_clients.beside(process.port, requests) as clients:
            load = pool.submit(open_loop.run, *offer, [(peak * SHARE, WARM_UP_SECONDS + seconds)])
            time.sleep(WARM_UP_SECONDS)
            samples = list(sample_until(load, process))
        answers = dict(sorted(clients.answers.items()))
        return Soak(described, peak, load.result(), answers, growths_of(samples), samples)


def sample_until(load: "Future[OpenLoad]", process: ServerProcess) -> Iterator[Sample]:
    """Yield a sample every second until the load ends."""
    started = time.perf_counter()
    while not load.done():
        time.sleep(1)
        yield Sample(
            seconds=time.perf_counter() - started,
            memory=process_stats.pss_bytes(process.pid) / MB,
            descriptors=process_stats.descriptors(process.pid),
            latency=median(timed(process.is_ready) for _ in range(PROBES)),
        )


def timed(action: Callable[[], object]) -> float:
    """Return the milliseconds that it lasts."""
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)


def growths_of(samples: Sequence[Sample]) -> list[Growth]:
    """Return the growth of each metric in the second half.

    A leak of 16 bytes a request, the smallest that there is, is 8 MB after 500,000 requests, and ten minutes
    have more than that in their second half.
    """
    half = samples[len(samples) // 2 :]
    is_long = samples[-1].seconds >= LONG_SECONDS
    typical = median(sample.latency for sample in half)
    return [
        growth(half, "memory", "MB", 8.0),
        growth(half, "descriptors", "", 4.0),
        growth(half, "latency", "ms", typical / 2, is_judged=is_long),
    ]


def growth(
    samples: Sequence[Sample], metric: str, unit: str, most: float, *, is_judged: bool = True
) -> Growth:
    values = [getattr(sample, metric) for sample in samples]
    times = [sample.seconds for sample in samples]
    duration = times[-1] - times[0]
    slopes = theilslopes(values, times)
    return Growth(
        metric,
        unit,
        median=median(values),
        low=float(slopes.low_slope) * duration,
        estimate=float(slopes.slope) * duration,
        most=most,
        is_judged=is_judged,
    )


def page(soak: Soak) -> str:
    (phase,) = soak.load.phases
    header = ["metric", "median", "growth", "at least", "allowed", "result"]
    rows = [
        [
            f"{growth.metric}, {growth.unit}" if growth.unit else growth.metric,
            f"{growth.median:.1f}",
            f"{growth.estimate:+.2f}",
            f"{growth.low:+.2f}",
            f"{growth.most:.1f}",
            "fails" if growth.has_failed else "passes" if growth.is_judged else "not judged",
        ]
        for growth in soak.growths
    ]
    answers = ", ".join(f"{count:,} × {status}" for status, count in soak.answers.items())
    health = soak.load.health
    lines = [
        "# Soak",
        f"Written by `make soak` in runs of at least {LONG_SECONDS} s; do not edit.",
        f"{soak.machine['date']}: {soak.machine['cpu']}; load average before: {soak.machine['load_before']}. "
        f"{phase.seconds:,.0f} s of single rows at {phase.rate:,.0f} a second, of a peak of "
        f"{soak.peak:,.0f}: {phase.ok:,} answers, {phase.refused:,} refused, {phase.broken:,} broken, "
        f"p50 {phase.p50_ms:.1f} ms, p99 {phase.p99_ms:.1f} ms. Beside them a mix: {answers}. "
        f"/health: {health.answered:,} answers, {health.failed:,} failures, p99 {health.p99_ms:.0f} ms.",
        f"{len(soak.samples):,} samples, a second apart. Growth in the second half, by the slope of Theil "
        "and Sen, and the lower end of its confidence interval of 95 %:",
        table(header, rows),
    ]
    return "\n\n".join(lines) + "\n"


def write(soak: Soak, directory: Path) -> None:
    """Write soak.json, without the samples, and soak.md."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {name: value for name, value in asdict(soak).items() if name != "samples"}
    (directory / "soak.json").write_text(json.dumps(document, indent=2) + "\n")
    (directory / "soak.md").write_text(page(soak))


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    arguments.add_argument("--seconds", type=int, default=600)
    arguments.add_argument("--model", type=Path, default=ROOT / "model", help="directory of the baked model")
    options = arguments.parse_args()
    console = Console(highlight=False)
    try:
        with TemporaryDirectory(prefix="benchmark-") as directory:
            soak = measure(Workspace(options.model.resolve(), Path(directory)), options.seconds)
    except (BenchmarkError, ServiceError) as error:
        console.print(f"✗ {error}", style="bold red", soft_wrap=True, markup=False)
        sys.exit(1)
    if options.seconds >= LONG_SECONDS:
        write(soak, RESULTS)
    console.print(Markdown(page(soak)))
    sys.exit(any(growth.has_failed for growth in soak.growths))


if __name__ == "__main__":
    main()
