"""How sure a figure of the test split is: the bootstrap, over all figures at once.

scipy.stats.bootstrap would call scikit-learn for each resample and figure, which takes minutes. Here a
resample is a column of weights, how often each row is drawn, and a figure is found for many columns at once.

A share of none of the rows, or of all, has an interval of no width, as always with the bootstrap: the number
of rows says what it is worth.
"""

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from model_build.documents import Interval

Weights = npt.NDArray[np.float64]
"""[rows, resamples]"""
Estimates = npt.NDArray[np.float64]
"""[..., resamples]; NaN where a resample leaves the figure undefined."""

BLOCK = 2**20
"""Weights that are held at once; they still fit a processor's cache."""


def bootstrap(statistic: Callable[[Weights], Estimates], rows: int, resamples: int, seed: int) -> Estimates:
    """Return the statistic of every resample of so many rows."""
    return np.concatenate([statistic(weights) for weights in _draw(rows, resamples, seed)], axis=-1)


def intervals(
    names: Iterable[str], values: Iterable[float], estimates: Estimates, confidence: float
) -> dict[str, Interval]:
    """Return the percentile interval of every figure that is defined, by name.

    Resamples that leave it undefined do not count. The interval always holds the figure itself: that of a
    calibration error, say, tends to be larger in resamples.
    """
    figures = zip(names, map(float, values), estimates, strict=True)
    return {
        name: _interval(value, of_figure[~np.isnan(of_figure)], confidence)
        for name, value, of_figure in figures
        if not math.isnan(value)
    }


def _interval(value: float, estimates: Estimates, confidence: float) -> Interval:
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(estimates, tails).tolist() if estimates.size else (value, value)
    return Interval(value=value, low=min(low, value), high=max(high, value))


def _draw(rows: int, resamples: int, seed: int) -> Iterator[Weights]:
    """Yield blocks of resamples: how often each row comes up in as many draws with replacement."""
    rng = np.random.default_rng(seed)
    width = max(1, BLOCK // rows)
    for start in range(0, resamples, width):
        columns = min(width, resamples - start)
        cells = rng.integers(rows, size=(rows, columns)) * columns + np.arange(columns)
        yield np.bincount(cells.ravel(), minlength=rows * columns).reshape(rows, columns).astype(float)
