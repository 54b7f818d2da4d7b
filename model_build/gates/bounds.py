"""The bounds that a spec declares, and whether a model keeps them."""

from collections.abc import Collection, Mapping
from math import inf

from app.core.contract import DataSource
from model_build.artifacts import Evaluation, Interval, Slice, Slices
from model_build.fairness_report import Fairness, Protected
from model_build.gate_report import BoundResult, GateResult
from model_build.spec.sections import DISPARITIES, Bounds, FairnessGate, Gates, MetricGate, SliceGate
from model_build.text import format_interval, pluralize

NAMED = 10
"""The most slices or groups that a sentence names."""


def check_gates(
    gates: Gates, source: DataSource, evaluation: Evaluation, slices: Slices, fairness: Fairness
) -> list[GateResult]:
    """Check the intervals of the test split against every gate for this source of the data."""
    return [
        *(_metric(gate, evaluation) for gate in gates.metrics if _applies(gate, source)),
        *(_slices(gate, slices) for gate in gates.slices if _applies(gate, source)),
        *(_fairness(gate, fairness) for gate in gates.fairness if _applies(gate, source)),
    ]


def check_size(gates: Gates, size: int) -> list[GateResult]:
    """Check the size of model.onnx, in bytes."""
    if gates.maximum_bytes is None:
        return []
    excess = size - gates.maximum_bytes
    sentence = f"model.onnx has {size:,} bytes; the limit is {gates.maximum_bytes:,}"
    sentence += f", exceeded by {excess:,}" if excess > 0 else ""
    result = BoundResult(key="maximum_bytes", bound=gates.maximum_bytes, value=size, end=size)
    return [GateResult(kind="size", name="bytes", passed=excess <= 0, sentence=sentence, bounds=(result,))]


def check_latency(gates: Gates, microseconds: float) -> list[GateResult]:
    """Check the time of one row."""
    if gates.maximum_microseconds is None:
        return []
    delay = microseconds - gates.maximum_microseconds
    sentence = f"one row takes {microseconds:,g} µs; the limit is {gates.maximum_microseconds:,g} µs"
    sentence += f", exceeded by {delay:,g} µs" if delay > 0 else ""
    return [GateResult(kind="latency", name="microseconds", passed=delay <= 0, sentence=sentence)]


def describe_interval(interval: Interval) -> str:
    return format_interval(interval.value, interval.low, interval.high)


def _applies(gate: Bounds, source: DataSource) -> bool:
    return gate.data_source in {None, source}


def _metric(gate: MetricGate, evaluation: Evaluation) -> GateResult:
    interval = evaluation.intervals[gate.metric]
    margin, shortfall = _margin(gate, interval)
    sentence = f"{gate.metric} is {describe_interval(interval)}; the interval must be {_requirement(gate)}"
    sentence += f" but is {shortfall}" if margin < 0 else ""
    return GateResult(
        kind="metric",
        name=gate.metric,
        passed=margin >= 0,
        sentence=sentence,
        bounds=_bound_results(gate, [interval]),
    )


def _slices(gate: SliceGate, slices: Slices) -> GateResult:
    intervals = {
        _name(part): part.metrics[gate.metric]
        for part in slices.slices
        if part.support.get(gate.metric, part.rows) >= gate.minimum_rows
        and gate.metric in part.metrics
        and (not part.of_label if gate.features is None else set(part.features) <= set(gate.features))
    }
    name = f"{gate.metric} of slices"
    passed, sentence = _check_each(
        gate, "slice", f"at least {gate.minimum_rows:,} rows for {gate.metric}", intervals
    )
    return GateResult(
        kind="slice",
        name=name,
        passed=passed,
        judged=bool(intervals),
        sentence=f"{name}: {sentence}",
        bounds=_bound_results(gate, intervals.values()),
    )


def _name(part: Slice) -> str:
    return " and ".join(
        f"{feature} {level}" for feature, level in zip(part.features, part.levels, strict=True)
    )


def _fairness(gate: FairnessGate, fairness: Fairness) -> GateResult:
    rate = DISPARITIES[gate.metric.rpartition("_")[0]]
    intervals = {
        f"{group.level} against {protected.reference}{_of_label(protected)}": group.disparities[gate.metric]
        for protected in fairness.protected
        for group in protected.groups
        if protected.feature == gate.feature
        and gate.label in {None, protected.label}
        and gate.metric in group.disparities
        and group.support[rate] >= gate.minimum_rows
    }
    name = f"{gate.metric} of {gate.feature}" + (f" for {gate.label}" if gate.label else "")
    title = name
    if gate.metric.endswith("_difference"):
        intervals = {level: _magnitude(interval) for level, interval in intervals.items()}
        title += ", by magnitude"
    passed, sentence = _check_each(
        gate, "group", f"at least {gate.minimum_rows:,} rows for {rate}", intervals
    )
    return GateResult(
        kind="fairness",
        name=name,
        passed=passed,
        judged=bool(intervals),
        sentence=f"{title}: {sentence}",
        bounds=_bound_results(gate, intervals.values()),
    )


def _of_label(protected: Protected) -> str:
    return f" for {protected.label}" if protected.label is not None else ""


def _magnitude(interval: Interval) -> Interval:
    """Return the interval of the absolute value; it begins at 0 if the interval contains 0."""
    low, high = sorted((abs(interval.low), abs(interval.high)))
    contains_zero = interval.low <= 0 <= interval.high
    return Interval(value=abs(interval.value), low=0.0 if contains_zero else low, high=high)


def _check_each(
    gate: SliceGate | FairnessGate, noun: str, size: str, intervals: Mapping[str, Interval]
) -> tuple[bool, str]:
    """Check the intervals of many slices or groups, and name those that fail, the worst first."""
    if not intervals:
        remedy = "" if gate.optional else "; lower minimum_rows, or say `optional: true`"
        return gate.optional, f"no {noun} has {size}, so there was nothing to judge{remedy}"
    ranked = sorted(intervals, key=lambda name: _margin(gate, intervals[name]))
    failed = [name for name in ranked if _margin(gate, intervals[name])[0] < 0]
    sentence = (
        f"each interval must be {_requirement(gate)}; "
        f"{len(failed)} of {pluralize(len(intervals), noun)} with {size} failed"
    )
    if not failed:
        return True, f"{sentence}; the closest is {ranked[0]} with {describe_interval(intervals[ranked[0]])}"
    named = [
        f"{name} with {describe_interval(intervals[name])}, {_margin(gate, intervals[name])[1]}"
        for name in failed[:NAMED]
    ]
    more = [f"and {len(failed) - len(named)} more"] if len(failed) > len(named) else []
    return False, f"{sentence}: {'; '.join(named + more)}"


def _requirement(gate: Bounds) -> str:
    minimum = None if gate.minimum is None else f"at least {gate.minimum:g}"
    maximum = None if gate.maximum is None else f"at most {gate.maximum:g}"
    return " and ".join(filter(None, [minimum, maximum]))


def _margin(gate: Bounds, interval: Interval) -> tuple[float, str]:
    """Return how far the interval is inside its nearer bound; if that is negative, also say it in words."""
    below = inf if gate.minimum is None else interval.low - gate.minimum
    above = inf if gate.maximum is None else gate.maximum - interval.high
    margin, direction = min((below, "low"), (above, "high"))
    return margin, f"{-margin:.3g} too {direction}"


def _bound_results(gate: Bounds, intervals: Collection[Interval]) -> tuple[BoundResult, ...]:
    """Return the interval that is closest to each bound; nothing if there is no interval."""
    results = []
    if gate.minimum is not None and intervals:
        lowest = min(intervals, key=lambda interval: interval.low)
        results.append(BoundResult(key="minimum", bound=gate.minimum, value=lowest.value, end=lowest.low))
    if gate.maximum is not None and intervals:
        highest = max(intervals, key=lambda interval: interval.high)
        results.append(BoundResult(key="maximum", bound=gate.maximum, value=highest.value, end=highest.high))
    return tuple(results)
