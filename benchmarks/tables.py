"""Results as tables of text, for the terminal and for the docs alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.cost import Assumptions, per_million_predictions
from benchmarks.lineup import BASELINE, FLOOR_A, FLOOR_B
from benchmarks.results import Results
from benchmarks.targets import TARGETS
from benchmarks.workloads import ALONE, HUNDRED, MIXED, SINGLES, SUITE, Workload

NOTHING = "-"
MB = 1e6
REQUEST_HEADERS = 200  # bytes that a client sends beside the body, about


@dataclass
class Table:
    """Text in columns: the first `left` of them are words, the others numbers."""

    title: str
    header: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    left: int = 1
    note: str = ""


def markdown(table: Table) -> str:
    """Return a table for a page, under its title and its note."""
    rules = ["---" if position < table.left else "--:" for position in range(len(table.header))]
    lines = [f"| {' | '.join(cells)} |" for cells in [table.header, rules, *table.rows]]
    note = [table.note, ""] if table.note else []
    return "\n".join([f"## {table.title}", "", *note, *lines])


def all_tables(results: Results, assumptions: Assumptions) -> list[Table]:
    return [
        speed(results),
        mixed(results),
        footprints(results),
        cost(results, assumptions),
        targets(results),
    ]


def speed(results: Results) -> Table:
    header = ["workload", "server", "requests/s", "rows/s", "p50 ms", "p99 ms", "CPU µs/request"]
    header += ["CPU × floor A", "CPU × floor B", "requests/s × baseline"]
    note = (
        "CPU is user and system time of the server's whole process tree. "
        "Medians; each run has one core for the server and another for the load."
    )
    table = Table("Speed", header, left=2, note=note)
    for workload in SUITE:
        if workload not in {ALONE, MIXED}:
            table.rows.extend(_speed(results, workload))
    return table


def _speed(results: Results, workload: Workload) -> list[list[str]]:
    rows = []
    for name, title in results.titles.items():
        found = results.figures(name, workload)
        if found is None:
            continue
        measured = [
            f"{found.requests_per_second:,.0f}",
            f"{found.rows_per_second:,.0f}",
            f"{found.p50_ms:,.2f}",
            f"{found.p99_ms:,.2f}",
            f"{found.cpu_us:,.1f}",
        ]
        ratios = [
            results.ratio(workload, "cpu_us", name, FLOOR_A),
            results.ratio(workload, "cpu_us", name, FLOOR_B),
            results.ratio(workload, "requests_per_second", name, BASELINE),
        ]
        rows.append([workload.title, title, *measured, *map(_times, ratios)])
    return rows


def mixed(results: Results) -> Table:
    """How much later single rows are answered while a large body is served."""
    header = ["server", "p50 ms alone", "p99 ms alone", "p50 ms beside", "p99 ms beside"]
    note = "Single rows on 15 connections, alone and beside 10,000 rows in a loop on one more connection."
    table = Table("Small requests beside a large one", [*header, "large requests"], note=note)
    for name, title in results.titles.items():
        alone, beside = results.figures(name, ALONE), results.figures(name, MIXED)
        if alone and beside:
            figures = (alone.p50_ms, alone.p99_ms, beside.p50_ms, beside.p99_ms)
            large = sum(run.beside_requests for run in results.runs[name, MIXED.name])
            table.rows.append([title, *(f"{each:,.2f}" for each in figures), f"{large:,}"])
    return table


def footprints(results: Results) -> Table:
    note = "Memory is PSS after a second of work; installed is what its packages take on the disk."
    table = Table("Footprint", ["server", "ready s", "memory MB", "installed MB"], note=note)
    for name, found in results.footprints.items():
        sizes = (found.pss_bytes / MB, found.installed_bytes / MB)
        table.rows.append(
            [results.titles[name], f"{found.ready_seconds:.2f}", *(f"{size:,.0f}" for size in sizes)]
        )
    return table


def cost(results: Results, assumptions: Assumptions) -> Table:
    """Dollars for a million rows, one by one and a hundred at a time."""
    header = ["server", "$ per million, 1 row per request", "$ per million, 100 rows per request"]
    table = Table("Cost of a million predictions", header, note=assumptions.sentence())
    for name, dollars in costs_of(results, assumptions).items():
        table.rows.append([results.titles[name], *map(_money, dollars.values())])
    return table


def costs_of(results: Results, assumptions: Assumptions) -> dict[str, dict[str, float | None]]:
    """Return the dollars of every server that has a model, by workload."""
    names = [name for name in results.footprints if name not in {FLOOR_A, FLOOR_B}]
    return {
        name: {each.name: _dollars(results, name, each, assumptions) for each in (SINGLES, HUNDRED)}
        for name in names
    }


def _dollars(results: Results, name: str, workload: Workload, assumptions: Assumptions) -> float | None:
    found = results.figures(name, workload)
    if found is None:
        return None
    traffic = results.request_bytes[workload.name] + found.answer_bytes + REQUEST_HEADERS
    return round(per_million_predictions(found.cpu_us, workload.rows, traffic, assumptions), 6)


def targets(results: Results) -> Table:
    """What the service is held to; nothing fails by it, a noisy machine must not stop anyone."""
    table = Table("Targets", ["what", "target", "found", ""], left=1)
    for target in TARGETS:
        found = target.find(results)
        if found is not None:
            verdict = "met" if target.met(found) else "missed"
            table.rows.append([target.what, target.bound, f"{found:.2f}", verdict])
    return table


def skipped(results: Results) -> Table:
    table = Table("Not measured", ["what", "why"], left=2)
    table.rows.extend([what, why] for what, why in results.skipped.items())
    return table


def _times(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{ratio:.2f}"


def _money(dollars: float | None) -> str:
    return NOTHING if dollars is None else f"{dollars:.3f}"
