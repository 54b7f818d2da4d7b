"""How certain a metric of the test split is: the bootstrap, for all metrics at once.

scipy.stats.bootstrap would call scikit-learn for each resample and metric, which takes minutes. Here a
resample is a column of weights, which say how often each row is drawn, and a metric is computed for many
columns at once.

If a share is 0 or 1, it is the same in every resample; its interval is then the exact one of Clopper and
Pearson. A metric that is no share, such as a ROC AUC of 1, keeps an interval without width.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import binomtest

from model_build.artifacts import Interval
from model_build.threads import map_in_threads

Weights = npt.NDArray[np.float64]
"""[rows, resamples]"""
Estimates = npt.NDArray[np.float64]
"""[..., resamples]; NaN where a metric is undefined in a resample."""

Counts = npt.NDArray[np.integer[Any]]
Bounds = npt.NDArray[np.float64]

BLOCK = 2**20
"""Weights in memory at once; few enough for a processor's cache."""
DISTANCES = frozenset({"calibration_error"})
"""Chance makes these metrics larger, and resampling makes them larger again; so they get basic intervals."""


def bootstrap(statistic: Callable[[Weights], Estimates], rows: int, resamples: int, seed: int) -> Estimates:
    """Return the statistic of every resample of `rows` rows."""
    return np.concatenate(list(map_in_threads(statistic, _draw(rows, resamples, seed))), axis=-1)


def compute_intervals(
    names: Iterable[str],
    values: Iterable[float],
    estimates: Estimates,
    confidence: float,
    support: Mapping[str, int],
) -> dict[str, Interval]:
    """Return the percentile interval of every metric that is defined, by name.

    Resamples in which a metric is undefined do not count. The interval always contains the value itself.
    `support` says how many rows a share is a share of; it has no entry for a metric that is no share.
    """
    metrics = zip(names, map(float, values), estimates, strict=True)
    return {
        name: exact_interval(value, support[name], confidence)
        if name in support and value in {0, 1}
        else _interval(value, resampled[~np.isnan(resampled)], confidence, is_distance=name in DISTANCES)
        for name, value, resampled in metrics
        if not math.isnan(value)
    }


def exact_interval(value: float, rows: int, confidence: float) -> Interval:
    """Return the interval of a share of `rows` rows; a share of no rows can be anything from 0 to 1."""
    if not rows:
        return Interval(value=value, low=0, high=1)
    bounds = binomtest(round(value * rows), rows).proportion_ci(confidence, method="exact")
    return Interval(value=value, low=bounds.low, high=bounds.high)


def wilson_interval(hits: Counts, rows: Counts, confidence: float) -> tuple[Bounds, Bounds]:
    """Return the lower and the upper bounds of shares, as SciPy's binomtest does for a single share.

    It would also compute a p-value, which takes a hundred times as long.
    """
    z = ndtri(0.5 + 0.5 * confidence)
    share = hits / rows
    scale = 2 * (rows + z**2)
    centre = (2 * rows * share + z**2) / scale
    half = z / scale * np.sqrt(4 * rows * share * (1 - share) + z**2)
    return np.where(hits == 0, 0.0, centre - half), np.where(hits == rows, 1.0, centre + half)


def interval_of_difference(share: Interval, reference: Interval) -> Interval:
    """Return a share minus its reference, with Newcombe's hybrid of their intervals."""
    value = share.value - reference.value
    below = math.hypot(share.value - share.low, reference.high - reference.value)
    above = math.hypot(share.high - share.value, reference.value - reference.low)
    return Interval(value=value, low=value - below, high=value + above)


def interval_of_ratio(share: Interval, reference: Interval) -> Interval:
    """Return a share divided by its reference, from the lowest to the highest ratio that the intervals allow.

    The reference must have an interval above 0, as the exact one of a share above 0 is.
    """
    return Interval(
        value=share.value / reference.value,
        low=share.low / reference.high,
        high=share.high / reference.low,
    )


def _interval(value: float, estimates: Estimates, confidence: float, *, is_distance: bool) -> Interval:
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(estimates, tails).tolist() if estimates.size else (value, value)
    if is_distance:
        low, high = max(0, 2 * value - high), 2 * value - low
    return Interval(value=value, low=min(low, value), high=max(high, value))


def _draw(rows: int, resamples: int, seed: int) -> Iterator[Weights]:
    """Yield blocks of resamples: how often each row is drawn, in `rows` draws with replacement."""
    rng = np.random.default_rng(seed)
    width = max(1, BLOCK // rows)
    for start in range(0, resamples, width):
        columns = min(width, resamples - start)
        cells = rng.integers(rows, size=(rows, columns)) * columns + np.arange(columns)
        yield np.bincount(cells.ravel(), minlength=rows * columns).reshape(rows, columns).astype(float)
