"""What an expression may compute: functions of float64 columns, in which NaN is missing.

Booleans are 0 and 1. A result that is not finite is missing, such as x / 0.
"""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]
"""[N], or the one value of a constant, which NumPy repeats."""
Operation = Callable[..., Column]


def finite(operation: Operation) -> Operation:
    """Return the operation with NaN in place of what is not finite."""

    def compute(*columns: Column) -> Column:
        result = operation(*columns)
        return np.where(np.isfinite(result), result, np.nan)

    return compute


def known(comparison: Operation) -> Operation:
    """Return the comparison as 0 and 1, and NaN where a side is missing."""

    def compute(left: Column, right: Column) -> Column:
        return np.where(np.isnan(np.add(left, right)), np.nan, comparison(left, right))

    return compute


def both(left: Column, right: Column) -> Column:
    """False with anything is false, even with a missing value."""
    return np.where(np.fmin(left, right) == 0, 0.0, np.minimum(left, right))


def either(left: Column, right: Column) -> Column:
    """True with anything is true, even with a missing value."""
    return np.where(np.fmax(left, right) == 1, 1.0, np.maximum(left, right))


def negate(column: Column) -> Column:
    return np.subtract(1.0, column)


def choose(condition: Column, chosen: Column, other: Column) -> Column:
    """Return `chosen` where the condition is true, and `other` where it is false."""
    return np.where(np.isnan(condition), np.nan, np.where(condition == 1, chosen, other))


def is_missing(column: Column) -> Column:
    return np.isnan(column).astype(np.float64)


def is_one_of(column: Column, values: Sequence[float]) -> Column:
    hits = [np.equal(column, value) for value in values]
    return np.where(np.isnan(column), np.nan, reduce(np.logical_or, hits))


def clip(column: Column, low: Column, high: Column) -> Column:
    return np.minimum(np.maximum(column, low), high)


ARITHMETIC: dict[str, Operation] = {
    "+": finite(np.add),
    "-": finite(np.subtract),
    "*": finite(np.multiply),
    "/": finite(np.divide),
    "//": finite(np.floor_divide),
    "%": finite(np.remainder),
    "**": finite(np.power),
}
COMPARISONS: dict[str, Operation] = {
    "==": known(np.equal),
    "!=": known(np.not_equal),
    "<": known(np.less),
    "<=": known(np.less_equal),
    ">": known(np.greater),
    ">=": known(np.greater_equal),
}
FUNCTIONS: dict[str, Operation] = {
    "abs": np.abs,
    "sqrt": finite(np.sqrt),
    "exp": finite(np.exp),
    "log": finite(np.log),
    "log1p": finite(np.log1p),
    "log10": finite(np.log10),
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
}
"""Of one number."""
EXACT = frozenset({"+", "-", "abs", "floor", "ceil", "round"})
"""Never missing, unless a number that they read may be."""
