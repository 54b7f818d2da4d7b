"""How sure a figure of the test split is: the bootstrap, over all figures at once.

scipy.stats.bootstrap would call scikit-learn for each resample and figure, which takes minutes. Here a
resample is a column of weights, how often each row is drawn, and a figure is found for many columns at once.

Where a share is none of its rows, or all, no resample has another, so its interval is the exact one (Clopper
and Pearson). What is no share, such as a ROC AUC of 1, has an interval without a width all the same.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from model_build.artifacts import Interval

Weights = npt.NDArray[np.float64]
"""[rows, resamples]"""
Estimates = npt.NDArray[np.float64]
"""[..., resamples]; NaN where a resample leaves the figure undefined."""

BLOCK = 2**20
"""Weights that are held at once; they still fit a processor's cache."""
DISTANCES = frozenset({"calibration_error"})
"""Chance makes them larger in the figure and again in each resample, so their interval is the basic one."""


def bootstrap(statistic: Callable[[Weights], Estimates], rows: int, resamples: int, seed: int) -> Estimates:
    """Return the statistic of every resample of so many rows."""
    return np.concatenate([statistic(weights) for weights in _draw(rows, resamples, seed)], axis=-1)


def compute_intervals(
    names: Iterable[str],
    values: Iterable[float],
    estimates: Estimates,
    confidence: float,
    support: Mapping[str, int],
) -> dict[str, Interval]:
    """Return the percentile interval of every figure that is defined, by name.

    Resamples that leave it undefined do not count. The interval always holds the figure itself. `support` has
    the rows of those that are shares.
    """
    figures = zip(names, map(float, values), estimates, strict=True)
    return {
        name: exact(value, support[name], confidence)
        if name in support and value in {0, 1}
        else _interval(value, of_figure[~np.isnan(of_figure)], confidence, is_distance=name in DISTANCES)
        for name, value, of_figure in figures
        if not math.isnan(value)
    }


def exact(value: float, rows: int, confidence: float) -> Interval:
    """Return the interval of a share of so many rows; of none, nothing is known."""
    if not rows:
        return Interval(value=value, low=0, high=1)
    bounds = binomtest(round(value * rows), rows).proportion_ci(confidence, method="exact")
    return Interval(value=value, low=bounds.low, high=bounds.high)


def difference(one: Interval, other: Interval) -> Interval:
    """Return one share less the other, by Newcombe's hybrid of their intervals."""
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value=value, low=value - below, high=value + above)


def ratio(one: Interval, other: Interval) -> Interval:
    """Return one share over the other, as far as both intervals reach; only exact ones keep clear of 0."""
    return Interval(value=one.value / other.value, low=one.low / other.high, high=one.high / other.low)


def _interval(value: float, estimates: Estimates, confidence: float, *, is_distance: bool) -> Interval:
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(estimates, tails).tolist() if estimates.size else (value, value)
    if is_distance:
        low, high = max(0, 2 * value - high), 2 * value - low
    return Interval(value=value, low=min(low, value), high=max(high, value))


def _draw(rows: int, resamples: int, seed: int) -> Iterator[Weights]:
    """Yield blocks of resamples: how often each row comes up in as many draws with replacement."""
    rng = np.random.default_rng(seed)
    width = max(1, BLOCK // rows)
    for start in range(0, resamples, width):
        columns = min(width, resamples - start)
        cells = rng.integers(rows, size=(rows, columns)) * columns + np.arange(columns)
        yield np.bincount(cells.ravel(), minlength=rows * columns).reshape(rows, columns).astype(float)
