"""The results as a Markdown page and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.metrics import Results
from benchmarks.servers import BASELINE, FLOOR_A, FLOOR_B
from benchmarks.targets import TARGETS
from benchmarks.workloads import MIXED, ONE_ROW, WORKLOADS, Workload

MB = 1e6
LOAD_OF_A_QUIET_MACHINE = 0.5


def write(results: Results, directory: Path) -> None:
    """Write latest.json and latest.md."""
    directory.mkdir(parents=True, exist_ok=True)
    document = json.dumps(results.document(), indent=2, ensure_ascii=False)
    (directory / "latest.json").write_text(document + "\n")
    (directory / "latest.md").write_text(page(results))


def page(results: Results) -> str:
    workloads = [workload for workload in WORKLOADS if workload is not MIXED]
    sections = [
        "# What a request costs",
        "Written by `make bench`; do not edit.",
        conditions(results),
        "CPU is user and system time of the whole process tree of a server. "
        "The server has one core, and the load generator another. Each value is the median of the rounds.",
        *(section(workload.title, speed(results, workload)) for workload in workloads),
        section(MIXED.title, mixed(results)),
        section("Footprint", footprint(results)),
        "Memory is the proportional set size after all workloads.",
        section("Targets", targets(results)),
    ]
    if results.skipped:
        skipped = [f"- {name}: {reason}" for name, reason in results.skipped.items()]
        sections.append(section("Not measured", "\n".join(skipped)))
    return "\n\n".join(sections) + "\n"


def conditions(results: Results) -> str:
    """Say on what, with what and for how long the results were measured."""
    machine, schedule, model = results.machine, results.schedule, results.model
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {packages}. "
        f"Model {model['name']} {model['version']}, trained on {model['data_source']} data. "
        f"Rounds: {schedule['rounds']}; seconds per run: {schedule['seconds']}. Load average before: "
        f"{machine['load_before']}; above {LOAD_OF_A_QUIET_MACHINE}, other work disturbed the runs."
        f"{bare_floor(results)}"
    )


def bare_floor(results: Results) -> str:
    """Say how fast the machine is: what the server does that computes nothing."""
    floor = results.metrics(FLOOR_A, ONE_ROW)
    if floor is None:
        return ""
    rate, cost = f"{floor.requests_per_second:,.0f} requests/s", f"{floor.cpu_us:.1f} µs of CPU each"
    return f" Bare floor (floor A, {ONE_ROW.title}): {rate} at {cost}."


def section(title: str, content: str) -> str:
    return f"## {title}\n\n{content}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    rule = ["---", *("--:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, rule, *rows])


def speed(results: Results, workload: Workload) -> str:
    header = ["server", "requests/s", "rows/s", "p50 ms", "p99 ms", "CPU µs/request", "CPU × floor A"]
    header += ["CPU × floor B", "requests/s × baseline"]
    rows = []
    for name, title in results.titles.items():
        metrics = results.metrics(name, workload)
        if metrics is not None:
            ratios = [
                results.ratio(workload, "cpu_us", name, FLOOR_A),
                results.ratio(workload, "cpu_us", name, FLOOR_B),
                results.ratio(workload, "requests_per_second", name, BASELINE),
            ]
            rates = [metrics.requests_per_second, metrics.requests_per_second * workload.rows]
            latencies = [f"{metrics.p50_ms:,.2f}", f"{metrics.p99_ms:,.2f}"]
            cells = [title, *(f"{rate:,.0f}" for rate in rates), *latencies, f"{metrics.cpu_us:,.1f}"]
            rows.append([*cells, *("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)])
    return table(header, rows)


def mixed(results: Results) -> str:
    """Compare the latency of single rows alone with that beside a large body."""
    header = ["server", "p50 ms alone", "p50 ms beside", "p99 ms alone", "p99 ms beside", "large bodies"]
    rows = []
    for name, title in results.titles.items():
        alone, beside = results.metrics(name, ONE_ROW), results.metrics(name, MIXED)
        if alone is not None and beside is not None:
            latencies = [alone.p50_ms, beside.p50_ms, alone.p99_ms, beside.p99_ms]
            cells = [f"{latency:,.2f}" for latency in latencies]
            rows.append([title, *cells, f"{beside.background_requests:,.0f}"])
    return table(header, rows)


def footprint(results: Results) -> str:
    rows = [
        [results.titles[name], f"{footprint.ready_seconds:.2f}", f"{footprint.pss_bytes / MB:,.0f}"]
        for name, footprint in results.footprints.items()
    ]
    return table(["server", "s until ready", "memory MB"], rows)


def targets(results: Results) -> str:
    """List the targets whose runs were measured."""
    rows = []
    for target in TARGETS:
        value = target.measure(results)
        if value is not None:
            result = "met" if target.is_met(value) else "missed"
            rows.append([target.title, f"{target.sign} {target.bound:g}", f"{value:.2f}", result])
    return table(["target", "bound", "measured", "result"], rows)
