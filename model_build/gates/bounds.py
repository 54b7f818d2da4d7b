"""The bounds of a spec, and whether a model keeps them."""

from collections.abc import Mapping
from math import inf

from app.core.contract import DataSource
from model_build.artifacts import Evaluation, Fairness, GateResult, Interval, Slice, Slices
from model_build.spec.sections import DISPARITIES, Bounds, FairnessGate, Gates, MetricGate, SliceGate

LONGEST_LIST = 10


def check_gates(
    gates: Gates, source: DataSource, evaluation: Evaluation, slices: Slices, fairness: Fairness
) -> list[GateResult]:
    """Hold the intervals of the test split to every gate that stands for this source of the data."""
    return [
        *(_metric(gate, evaluation) for gate in gates.metrics if _stands(gate, source)),
        *(_slices(gate, slices) for gate in gates.slices if _stands(gate, source)),
        *(_fairness(gate, fairness) for gate in gates.fairness if _stands(gate, source)),
    ]


def check_cost_gates(gates: Gates, size: int, microseconds: float) -> list[GateResult]:
    """Hold the size of model.onnx, in bytes, and the time of one row to their gates."""
    verdicts = []
    if gates.maximum_bytes is not None:
        sentence = f"model.onnx has {size:,} bytes, the gate wants at most {gates.maximum_bytes:,}"
        missed = f": {size - gates.maximum_bytes:,} too many" if size > gates.maximum_bytes else ""
        verdicts.append(GateResult(kind="size", name="bytes", passed=not missed, sentence=sentence + missed))
    if gates.maximum_microseconds is not None:
        limit = gates.maximum_microseconds
        sentence = f"one row takes {microseconds:,g} µs, the gate wants at most {limit:,g}"
        over = microseconds - limit
        missed = f": {over:,g} µs too long" if over > 0 else ""
        verdicts.append(
            GateResult(kind="latency", name="microseconds", passed=not missed, sentence=sentence + missed)
        )
    return verdicts


def shown(interval: Interval) -> str:
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def _stands(gate: Bounds, source: DataSource) -> bool:
    return gate.data_source in {None, source}


def _metric(gate: MetricGate, evaluation: Evaluation) -> GateResult:
    found = evaluation.intervals[gate.metric]
    sentence = f"{gate.metric} is {shown(found)}, the gate wants its {_wanted(gate)}"
    margin, missed = _margin(gate, found)
    if margin < 0:
        sentence += f": {missed}"
    return GateResult(kind="metric", name=gate.metric, passed=margin >= 0, sentence=sentence)


def _slices(gate: SliceGate, slices: Slices) -> GateResult:
    found = {
        _name(each): each.metrics[gate.metric]
        for each in slices.slices
        if each.support.get(gate.metric, each.rows) >= gate.minimum_rows
        and gate.metric in each.metrics
        and (gate.features is None or set(each.features) <= set(gate.features))
    }
    kept, sentence = _all_of(gate, gate.minimum_rows, found)
    name = f"{gate.metric} of slices"
    return GateResult(
        kind="slice", name=name, passed=kept, judged=bool(found), sentence=f"{name}: {sentence}"
    )


def _name(each: Slice) -> str:
    return " and ".join(
        f"{feature} {level}" for feature, level in zip(each.features, each.levels, strict=True)
    )


def _fairness(gate: FairnessGate, fairness: Fairness) -> GateResult:
    rate = DISPARITIES[gate.metric.rpartition("_")[0]]
    found = {
        f"{group.level} against {protected.reference}": group.disparities[gate.metric]
        for protected in fairness.protected
        for group in protected.groups
        if protected.feature == gate.feature
        and gate.metric in group.disparities
        and group.support[rate] >= gate.minimum_rows
    }
    name = f"{gate.metric} of {gate.feature}"
    title = name
    if gate.metric.endswith("_difference"):
        found = {level: _magnitude(interval) for level, interval in found.items()}
        title += ", by magnitude"
    kept, sentence = _all_of(gate, gate.minimum_rows, found)
    return GateResult(
        kind="fairness", name=name, passed=kept, judged=bool(found), sentence=f"{title}: {sentence}"
    )


def _magnitude(interval: Interval) -> Interval:
    """Return the interval without its sign; one that holds 0 begins there."""
    low, high = sorted((abs(interval.low), abs(interval.high)))
    holds_zero = interval.low <= 0 <= interval.high
    return Interval(value=abs(interval.value), low=0.0 if holds_zero else low, high=high)


def _all_of(gate: Bounds, rows: int, found: Mapping[str, Interval]) -> tuple[bool, str]:
    """Judge one figure of many slices or groups; those that break the gate are named, the worst first."""
    if not found:
        return True, f"no figure is of at least {rows:,} rows, so the gate judged nothing"
    ranked = sorted(found, key=lambda name: _margin(gate, found[name]))
    broken = [name for name in ranked if _margin(gate, found[name])[0] < 0]
    sentence = (
        f"the gate wants each {_wanted(gate)}; "
        f"{len(broken)} of {len(found)} figures of at least {rows:,} rows break it"
    )
    if not broken:
        return True, f"{sentence}, the closest is {ranked[0]} with {shown(found[ranked[0]])}"
    named = [
        f"{name} with {shown(found[name])}, {_margin(gate, found[name])[1]}" for name in broken[:LONGEST_LIST]
    ]
    more = [f"and {len(broken) - len(named)} more"] if len(broken) > len(named) else []
    return False, f"{sentence}: {'; '.join(named + more)}"


def _wanted(gate: Bounds) -> str:
    minimum = None if gate.minimum is None else f"lower bound at least {gate.minimum:g}"
    maximum = None if gate.maximum is None else f"upper bound at most {gate.maximum:g}"
    return " and ".join(filter(None, [minimum, maximum]))


def _margin(gate: Bounds, found: Interval) -> tuple[float, str]:
    """Return how far the interval is within its nearer bound; below 0 it misses it, in words."""
    below = inf if gate.minimum is None else found.low - gate.minimum
    above = inf if gate.maximum is None else gate.maximum - found.high
    margin, direction = min((below, "low"), (above, "high"))
    return margin, f"{-margin:.3g} too {direction}"
