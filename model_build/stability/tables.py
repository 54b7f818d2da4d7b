"""The result of `stability` at the terminal."""

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from model_build.console import Progress
from model_build.stability.document import (
    BoundSpread,
    GateSpread,
    StabilityReport,
    bounds_of,
    is_minimum,
)
from model_build.stability.splits import SplitResult
from model_build.stability.spreads import spread, suggest_bound, worst
from model_build.text import NOTHING, format_number

NOT_SUGGESTED = frozenset({"baseline"})
"""Kinds of gates whose bound is not in the spec."""
LARGE = 1000  # bytes, for example
RULE = (
    "Suggested is the worst end over all seeds with a margin of one standard deviation, rounded outward. "
    "Latency and the comparison with a deployed model are not measured: they do not depend on the split."
)


def show_report(progress: Progress, report: StabilityReport, splits: Sequence[SplitResult]) -> None:
    progress.show_table(_spread_table(report))
    progress.show_table(_gate_table(report, splits))
    for unmeasured in report.unmeasured:
        progress.warn(f"Seed {unmeasured.seed} could not be measured: {unmeasured.error}")
    progress.say(RULE)


def _spread_table(report: StabilityReport) -> Table:
    """Return the spread of every metric, and of what every other gate compares with its bound."""
    title = f"{len(report.seeds)} splits of {report.rows:,} rows, {report.data_uri}"
    table = Table("measured", title=escape(title), title_justify="left")
    for name in ("mean", "deviation", "lowest", "highest"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, values in _measured(report):
        summary = spread(values)
        numbers = (summary.mean, summary.deviation, summary.lowest, summary.highest)
        table.add_row(escape(name), *map(_format, numbers))
    return table


def _measured(report: StabilityReport) -> Iterator[tuple[str, Sequence[float]]]:
    yield from report.metrics.items()
    for gate in report.gates:
        for bound in gate.bounds:
            values = [value for value in bound.values if value is not None]
            if gate.kind != "metric" and values:
                yield gate.name, values


def _gate_table(report: StabilityReport, splits: Sequence[SplitResult]) -> Table:
    table = Table("gate", title="Gates", title_justify="left")
    for name in ("bound", "worst end", "failed", "suggested"):
        table.add_column(name, justify="right", no_wrap=True)
    bounds = {
        key: of_gate for split in splits for key, of_gate in bounds_of(split.results).items() if of_gate
    }
    for key, gate in report.gates_by_key.items():
        of_gate = bounds.get(key, {})
        failures = f"{gate.failures(of_gate)} of {len(report.seeds)}"
        if not gate.bounds:
            table.add_row(escape(gate.name), NOTHING, NOTHING, failures, NOTHING)
        for spread_of_bound in gate.bounds:
            table.add_row(
                escape(gate.name),
                *_bound_cells(gate, spread_of_bound, of_gate[spread_of_bound.key], failures),
            )
    return table


def _bound_cells(gate: GateSpread, bound: BoundSpread, value: float, failures: str) -> Iterator[str]:
    ends = [end for end in bound.ends if end is not None]
    sign = "≥" if is_minimum(bound.key) else "≤"
    yield f"{sign} {format_number(value)}"
    yield _format(worst(bound.key, ends))
    yield failures
    is_suggested = gate.kind not in NOT_SUGGESTED
    yield f"{sign} {format_number(suggest_bound(bound.key, ends))}" if is_suggested else NOTHING


def _format(value: float) -> str:
    return f"{value:.4f}" if abs(value) < LARGE else format_number(round(value))
