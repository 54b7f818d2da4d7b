"""python -m benchmarks.overload: what becomes of the service when more is asked than it can answer."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.markdown import Markdown

from app.core.errors import ServiceError
from benchmarks import machine, open_loop, process_stats, slow_clients
from benchmarks.errors import BenchmarkError
from benchmarks.open_loop import Health, Phase
from benchmarks.report import MB, table
from benchmarks.server_process import running
from benchmarks.servers import own_servers
from benchmarks.workloads import ONE_ROW
from benchmarks.workspace import ROOT, Workspace

RESULTS = ROOT / "benchmarks" / "results"
CONNECTIONS = 1000
LOWEST_RATE = 1000.0
LADDER_STEPS = 14
LADDER_FACTOR = 1.2
NORMAL = 0.6
MULTIPLES = (NORMAL, 1.0, 2.0, 4.0, 10.0)
LEAST_GOODPUT = 0.95
MOST_P99 = 5.0


@dataclass(frozen=True)
class Overload:
    """The phases are those of `titles`."""

    machine: dict[str, Any]
    peak: float
    phases: list[Phase]
    health: Health
    pss_before: int
    pss_after: int


def measure(workspace: Workspace, seconds: float) -> Overload:
    """Find the peak on a ladder of rates, then offer multiples of it."""
    workspace.write_bodies([service.write_body for service in own_servers(workspace)[:1]])
    bodies = workspace.bodies(own_servers(workspace)[0].write_body, ONE_ROW.rows)
    program, cores = workspace.directory / "open_loop", machine.choose_cores()
    open_loop.compile_to(program)
    described = machine.describe()
    ladder = [(LOWEST_RATE * LADDER_FACTOR**step, seconds / 3) for step in range(LADDER_STEPS)]
    with running(own_servers(workspace)[0], cores.server, workspace.log("service")) as process:
        climb = open_loop.run(program, cores.load, process.port, CONNECTIONS, bodies, ladder)
        peak = max(phase.goodput for phase in climb.phases)
        before = process_stats.pss_bytes(process.pid)
        phases = [(peak * multiple, seconds) for multiple in MULTIPLES]
        recovery = [(peak * NORMAL, 1.0), (peak * NORMAL, seconds)]
        load = open_loop.run(program, cores.load, process.port, CONNECTIONS, bodies, [*phases, *recovery])
        with slow_clients.beside(process.port):
            slow = open_loop.run(program, cores.load, process.port, CONNECTIONS, bodies, recovery[1:])
        after = process_stats.pss_bytes(process.pid)
        return Overload(described, peak, load.phases + slow.phases, load.health, before, after)


def page(results: Overload) -> str:
    phases, normal = results.phases, results.phases[0]
    header = ["offered", "requests/s", "goodput, × peak", "refused/s", "unsent/s", "p50 ms", "p99 ms"]
    header += [f"p99, × that at {NORMAL:g}"]
    rows = [
        [
            title,
            f"{phase.rate:,.0f}",
            f"{phase.goodput / results.peak:.2f}",
            f"{phase.refused / phase.seconds:,.0f}",
            f"{phase.unsent / phase.seconds:,.0f}",
            f"{phase.p50_ms:.1f}",
            f"{phase.p99_ms:.1f}",
            f"{phase.p99_ms / normal.p99_ms:.1f}",
        ]
        for title, phase in zip(titles(), phases, strict=True)
    ]
    health = results.health
    lines = [
        "# Overload",
        "Written by `make bench-overload`; do not edit.",
        f"{results.machine['date']}: {results.machine['cpu']}, a core for the service and one for the load; "
        f"load average before: {results.machine['load_before']}. One row a request, {CONNECTIONS:,} "
        f"connections, constant arrival rates. Peak: {results.peak:,.0f} answers a second. Goodput counts "
        "answers with 200. Latency counts from the time at which a request was due. A request that is due "
        "while no connection is free is unsent.",
        "![Goodput by offered load](overload.svg)",
        table(header, rows),
        f"/health, asked ten times a second on new connections: {health.answered} answers, {health.failed} "
        f"failures, p99 {health.p99_ms:.0f} ms. Memory before {results.pss_before / MB:.0f} MB, after "
        f"{results.pss_after / MB:.0f} MB.",
        f"Aims: goodput at least {LEAST_GOODPUT} of the peak, p99 at most {MOST_P99:g} × that at {NORMAL:g} "
        "of the peak, no failed health check.",
    ]
    return "\n\n".join(lines) + "\n"


def titles() -> Sequence[str]:
    return [
        *(f"{multiple:g} × peak" for multiple in MULTIPLES),
        f"then {NORMAL:g}, first second",
        f"{NORMAL:g}, after it",
        f"{NORMAL:g}, beside {slow_clients.EACH_KIND} clients of {len(slow_clients.KINDS)} slow kinds each",
    ]


def draw(results: Overload) -> Figure:
    """Draw goodput by offered load, beside what an ideal service would answer."""
    plot = Figure((6, 3.4), layout="constrained")
    axes = plot.subplots()
    goodput = [phase.goodput / results.peak for phase in results.phases[: len(MULTIPLES)]]
    axes.plot(MULTIPLES, [min(multiple, 1) for multiple in MULTIPLES], "--", color="#5a6675", label="ideal")
    axes.plot(MULTIPLES, goodput, "o-", color="#14577f", label="measured")
    axes.set(xscale="log", xlabel="offered load, × peak", ylabel="goodput, × peak", ylim=(0, 1.1))
    axes.set_xticks(MULTIPLES, [f"{multiple:g}" for multiple in MULTIPLES], minor=False)
    axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
    axes.legend(loc="lower right")
    return plot


def write(results: Overload, directory: Path) -> None:
    """Write overload.json, overload.md and overload.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "overload.json").write_text(json.dumps(asdict(results), indent=2) + "\n")
    (directory / "overload.md").write_text(page(results))
    draw(results).savefig(directory / "overload.svg", metadata={"Date": None})


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="run one second each, to see that all works")
    arguments.add_argument("--model", type=Path, default=ROOT / "model", help="directory of the baked model")
    options = arguments.parse_args()
    console = Console(highlight=False)
    try:
        with TemporaryDirectory(prefix="benchmark-") as directory:
            workspace = Workspace(options.model.resolve(), Path(directory))
            results = measure(workspace, 1.0 if options.quick else 10.0)
    except (BenchmarkError, ServiceError) as error:
        console.print(f"✗ {error}", style="bold red", soft_wrap=True, markup=False)
        sys.exit(1)
    write(results, RESULTS / "quick" if options.quick else RESULTS)
    console.print(Markdown(page(results)))


if __name__ == "__main__":
    main()
