"""How cost grows with the rows of a request, with workers, with features and with trees."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from benchmarks import bodies, chart, cores, generated, lineup, machine, measure, report
from benchmarks.chart import Panel
from benchmarks.cores import Cores
from benchmarks.figures import Figures, Run, medians
from benchmarks.lineup import Setup
from benchmarks.server import Running, Server, running
from benchmarks.suite import Plan, Say
from benchmarks.tables import MB, Table, markdown
from benchmarks.workloads import HUNDRED, SINGLES, Workload, named

ROWS = (1, 10, 100, 1_000, 10_000)
WORKERS = (1, 2)
FEATURES = (14, 50, 100, 200)
TREES = (50, 150, 300, 1_000)
BY_SIZE = (SINGLES, HUNDRED)


@dataclass(frozen=True)
class Point:
    """One figure to be: the service with some x, under a workload."""

    x: int
    setup: Setup
    workload: Workload
    workers: int = 1

    @property
    def cores(self) -> Cores:
        return cores.choose(self.workers)

    @property
    def server(self) -> Server:
        name = f"ours-{self.setup.work.name}-{self.workers}"
        return replace(lineup.ours(self.setup, self.workers), name=name)


@dataclass(frozen=True)
class Measured:
    """A point with its figures."""

    point: Point
    figures: Figures
    pss_bytes: int

    def document(self) -> dict[str, Any]:
        return {
            "x": self.point.x,
            "workload": self.point.workload.name,
            "pss_bytes": self.pss_bytes,
            "load_shares_a_core": cores.shared(self.point.cores),
        } | self.figures.document()


@dataclass(frozen=True)
class Growth:
    """One thing that grows, its points, and how they are drawn."""

    name: str
    title: str
    x_label: str
    points: Callable[[Path, Path, Sequence[int]], list[Point]]
    values: Sequence[int]
    panels: Callable[[Sequence[Measured]], list[Panel]]


def measure_all(arguments: argparse.Namespace, plan: Plan, out: Path, console: Console) -> None:
    """Measure each growth and write its JSON, its chart and the page of all."""
    where = machine.describe()
    directory = out / "growth"
    directory.mkdir(parents=True, exist_ok=True)
    parts = ["# How cost grows", "Written by `python -m benchmarks growth`; do not edit.", _where(where)]
    for growth in GROWTHS:
        values = (growth.values[0], growth.values[-1]) if arguments.quick else growth.values
        with TemporaryDirectory(prefix="benchmark-") as work:
            console.log(f"preparing: {growth.title}")
            points = growth.points(arguments.model.resolve(), Path(work), values)
            found = _measure(points, plan, console.log)
        table = _table(growth, found)
        report.print_table(table, console)
        drawing = directory / f"{growth.name}.svg"
        chart.lines(growth.title, growth.x_label, values, growth.panels(found), drawing)
        report.dump(_document(found, plan, where), drawing.with_suffix(".json"))
        parts += [markdown(table), f"![{growth.title}](growth/{drawing.name})"]
    (out / "growth.md").write_text("\n\n".join(parts) + "\n")
    console.print(f"Written to {directory}/")


def _document(found: Sequence[Measured], plan: Plan, where: dict[str, Any]) -> dict[str, Any]:
    points = [each.document() for each in found]
    return {"machine": where, "method": asdict(plan), "points": points}


def _where(found: dict[str, Any]) -> str:
    hardware = f"{found['cpu']}, {found['cores']} cores, Python {found['python']}"
    return f"{found['date']}: {hardware}. Load average before: {found['load_before']}."


def _measure(points: Sequence[Point], plan: Plan, say: Say) -> list[Measured]:
    """Start every server that a point needs, then go round the points."""
    runs: dict[Point, list[Run]] = {point: [] for point in points}
    with ExitStack() as stack:
        ups: dict[str, Running] = {}
        for point in points:
            server = point.server
            if server.name not in ups:
                log = point.setup.log(server.name)
                ups[server.name] = stack.enter_context(running(server, point.cores.servers, log))
        for number in range(plan.rounds):
            for point in points:
                say(f"round {number + 1} of {plan.rounds}: {point.x:,}, {point.workload.title}")
                runs[point].append(_run(ups[point.server.name], point, plan))
        return [
            Measured(point, medians(found, point.workload.rows), ups[point.server.name].pss_bytes())
            for point, found in runs.items()
        ]


def _run(up: Running, point: Point, plan: Plan) -> Run:
    prepared = point.setup.bodies(bodies.as_inputs)
    if plan.warm_up:
        measure.warm_up(up, point.workload, prepared, point.cores)
    return measure.run(up, point.workload, prepared, plan.seconds, point.cores)


def _census(model_dir: Path, work: Path, workloads: Sequence[Workload]) -> Setup:
    work.mkdir(exist_ok=True)
    setup = Setup(model_dir, work)
    setup.prepare(workloads, bodies.census_rows([each.name for each in setup.contract.features]))
    return setup


def _by_rows(model_dir: Path, work: Path, values: Sequence[int]) -> list[Point]:
    workloads = [Workload(f"{rows}x1", f"{named(rows)}, 1 connection", rows, 1) for rows in values]
    setup = _census(model_dir, work, workloads)
    return [Point(workload.rows, setup, workload) for workload in workloads]


def _by_workers(model_dir: Path, work: Path, values: Sequence[int]) -> list[Point]:
    setup = _census(model_dir, work, [SINGLES])
    return [Point(workers, setup, SINGLES, workers) for workers in values]


def _by_features(_model_dir: Path, work: Path, values: Sequence[int]) -> list[Point]:
    points = []
    for count in values:
        directory = work / str(count)
        setup = Setup(generated.with_features(count, directory), directory)
        setup.prepare(BY_SIZE, generated.rows_of(count))
        points += [Point(count, setup, workload) for workload in BY_SIZE]
    return points


def _by_trees(_model_dir: Path, work: Path, values: Sequence[int]) -> list[Point]:
    points = []
    for count in values:
        directory = work / str(count)
        setup = _census(generated.with_trees(count, directory), directory, BY_SIZE)
        points += [Point(count, setup, workload) for workload in BY_SIZE]
    return points


def _row_panels(found: Sequence[Measured]) -> list[Panel]:
    return [
        Panel("CPU µs per row", [each.figures.cpu_us / each.point.x for each in found], True),
        Panel("p50 ms", [each.figures.p50_ms for each in found], True),
    ]


def _worker_panels(found: Sequence[Measured]) -> list[Panel]:
    return [
        Panel("requests/s", [each.figures.requests_per_second for each in found]),
        Panel("CPU µs per request", [each.figures.cpu_us for each in found]),
        Panel("memory MB (PSS)", [each.pss_bytes / MB for each in found]),
    ]


def _size_panels(found: Sequence[Measured]) -> list[Panel]:
    def of(workload: Workload) -> list[float]:
        return [each.figures.cpu_us for each in found if each.point.workload is workload]

    return [Panel(f"CPU µs per request, {named(each.rows)}", of(each)) for each in BY_SIZE]


def _table(growth: Growth, found: Sequence[Measured]) -> Table:
    header = [growth.x_label, "workload", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "memory MB"]
    table = Table(growth.title, header, left=2)
    if any(cores.shared(each.point.cores) for each in found):
        table.note = "Of the last point, the load takes a core from a worker: compare CPU, not requests/s."
    for each in found:
        figures = each.figures
        measured = (figures.p50_ms, figures.p99_ms, figures.cpu_us)
        cells = [f"{figures.requests_per_second:,.0f}", *(f"{value:,.2f}" for value in measured)]
        memory = f"{each.pss_bytes / MB:,.0f}"
        table.rows.append([f"{each.point.x:,}", each.point.workload.title, *cells, memory])
    return table


GROWTHS = (
    Growth("rows", "Rows per request", "rows", _by_rows, ROWS, _row_panels),
    Growth("workers", "Workers", "workers", _by_workers, WORKERS, _worker_panels),
    Growth("features", "Features of the model", "features", _by_features, FEATURES, _size_panels),
    Growth("trees", "Trees of the model", "trees", _by_trees, TREES, _size_panels),
)
