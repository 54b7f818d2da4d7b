"""Statistics over the seeds, and the bound of a gate that follows from them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from model_build.stability.document import Bounds, GateSpread, is_minimum
from model_build.text import format_number

STEPS = (1, 2, 5)  # times a power of ten
NOISE = 1e-9  # of a quotient that is a whole number


@dataclass(frozen=True)
class Spread:
    mean: float
    deviation: float
    lowest: float
    highest: float


def spread(values: Sequence[float]) -> Spread:
    """Summarize the values of the seeds; a single one has no deviation."""
    deviation = stdev(values) if len(values) > 1 else 0.0
    return Spread(fmean(values), deviation, min(values), max(values))


def worst(key: str, ends: Sequence[float]) -> float:
    """Return the end that is closest to the bound, or furthest beyond it."""
    return min(ends) if is_minimum(key) else max(ends)


def describe_gate(gate: GateSpread, bounds: Bounds) -> str:
    """Return the worst end of every bound, and at how many seeds the gate fails with the bounds of today."""
    ends = {bound.key: [end for end in bound.ends if end is not None] for bound in gate.bounds}
    worst_ends = [f"worst {format_number(worst(key, of_bound))}" for key, of_bound in ends.items()]
    return ", ".join([*worst_ends, f"{gate.failures(bounds)} failed"])


def suggest_bound(key: str, ends: Sequence[float]) -> float:
    """Return a bound with a margin: one standard deviation beyond the worst end, rounded outward.

    It is a multiple of the largest of 1, 2 and 5 times a power of ten that is not above the deviation, so the
    margin is one to two deviations. What gates compare is never below 0, and a tolerance never above 1.
    """
    deviation = spread(ends).deviation
    if deviation == 0:
        return float(f"{worst(key, ends):.6g}")
    step, digits = _step(deviation)
    if is_minimum(key):
        return max(0.0, round(math.floor((worst(key, ends) - deviation) / step + NOISE) * step, digits))
    bound = round(math.ceil((worst(key, ends) + deviation) / step - NOISE) * step, digits)
    return min(1.0, bound) if key == "tolerance" else bound


def _step(deviation: float) -> tuple[float, int]:
    """Return the step of a bound, and how many decimals its multiples have."""
    exponent = math.floor(math.log10(deviation))
    multiple = max(step for step in STEPS if step * 10.0**exponent <= deviation * (1 + NOISE))
    return multiple * 10.0**exponent, max(0, -exponent)
