"""Ranges for numbers: what was seen, widened to round numbers."""

from collections.abc import Callable
from math import ceil, floor, log10

from app.core.features import LARGEST_INTEGER, LARGEST_NUMBER

BELOW, ABOVE = 0.25, 0.5
"""How far the range goes beyond the numbers that were seen, as a share of their span."""


def widen_integers(least: int, largest: int) -> tuple[int, int]:
    low, high = _widen(least, largest)
    return max(floor(low), -LARGEST_INTEGER), min(ceil(high), LARGEST_INTEGER)


def widen_numbers(least: float, largest: float) -> tuple[float, float]:
    low, high = _widen(least, largest)
    return max(low, -LARGEST_NUMBER), min(high, LARGEST_NUMBER)


def _widen(least: float, largest: float) -> tuple[float, float]:
    """Return a lower and a higher number with few digits; what is never negative stays so."""
    span = largest - least
    digits = 1 - ceil(log10(span))
    low = _round(floor, least - BELOW * span, digits)
    return (max(low, 0.0) if least >= 0 else low), _round(ceil, largest + ABOVE * span, digits)


def _round(towards: Callable[[float], int], value: float, digits: int) -> float:
    if digits >= 0:
        scale = 10.0**digits
        return towards(value * scale) / scale
    scale = 10.0**-digits
    return towards(value / scale) * scale
