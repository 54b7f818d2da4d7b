"""Intervals of many rows from few of them: the bag of little bootstraps (Kleiner et al., 2014).

The resamples of a million rows would take minutes. Here a bag of some rows stands for all: a resample draws
as often as there are rows, but from the bag only, so that the intervals are as narrow as those of all rows.
How often it draws each row is from a Poisson distribution, so that rows are drawn independently: of so many
rows, that is what drawing them with replacement comes to.
Rows of every stratum are in the bag, rare ones above all, and each stands for its part of the stratum.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from app.core.contract import Positions
from model_build.evaluation.intervals import BLOCK, Estimates, Weights
from model_build.evaluation.metrics import ScoredRows
from model_build.threads import map_in_threads

LARGE = 50_000
"""The most rows that are resampled themselves."""
BAG = 20_000
"""The rows of a bag that stands for all test rows."""
SLICE_BAG = 2_000
"""The rows of a bag that stands for a slice."""
UNBOUNDED = ("log_loss", "brier")
"""Metrics that may be above 1: the Brier score of more than two labels ends at 2."""


@dataclass(frozen=True)
class Bag:
    positions: Positions
    """Of the rows in the bag, ascending."""
    shares: npt.NDArray[np.float64]
    """The share of all rows that each row in the bag stands for."""
    rows: int
    """How many rows the bag stands for."""

    def bootstrap(self, statistic: Callable[[Weights], Estimates], resamples: int, seed: int) -> Estimates:
        """Return the statistic of every resample; its weights are [rows of the bag, resamples]."""
        return np.concatenate(list(map_in_threads(statistic, self._draw(resamples, seed))), axis=-1)

    def _draw(self, resamples: int, seed: int) -> Iterator[Weights]:
        rng = np.random.default_rng(seed)
        width = max(1, BLOCK // len(self.positions))
        for start in range(0, resamples, width):
            shape = (len(self.positions), min(width, resamples - start))
            yield rng.poisson((self.rows * self.shares)[:, None], shape).astype(float)


def fill_bag(strata: Positions, size: int, seed: int) -> Bag:
    """Fill a bag with about `size` rows: as many of every stratum [N], but all rows of small strata."""
    rng = np.random.default_rng(seed)
    of_stratum = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    positions, shares = [], []
    for rows, count in zip(of_stratum, _allot([len(rows) for rows in of_stratum], size), strict=True):
        positions.append(rng.permutation(rows)[:count])
        shares.append(np.full(count, len(rows) / count / len(strata)))
    order = np.argsort(np.concatenate(positions))
    return Bag(np.concatenate(positions)[order], np.concatenate(shares)[order], len(strata))


def bootstrap_from_bag(
    measure: Callable[[ScoredRows, Weights], Estimates],
    scored: ScoredRows,
    metrics: Mapping[str, float],
    resamples: int,
    seed: int,
    size: int,
) -> Estimates:
    """Return estimates [metrics, resamples] around the metrics of all rows, from a bag of some of them.

    The bag has rows of every cell of the confusion matrix. `measure` returns the metrics [metrics, resamples]
    in the order of `metrics`.
    """
    bag = fill_bag(scored.confusion_cells, size, seed)
    statistic = partial(measure, scored.take(bag.positions))
    estimates = bag.bootstrap(statistic, resamples, seed)
    at_bag = statistic(bag.shares[:, None])[..., 0]
    return shift_to(list(metrics), np.array(list(metrics.values())), at_bag, estimates)


def shift_to(names: Sequence[str], values: Estimates, at_bag: Estimates, estimates: Estimates) -> Estimates:
    """Shift estimates [..., metrics, resamples] by how far the bag is from the values [..., metrics]."""
    shifted = estimates + (values - at_bag)[..., None]
    highest = np.array([np.inf if name in UNBOUNDED else 1.0 for name in names])[:, None]
    return np.clip(shifted, 0, highest)


def _allot(sizes: Sequence[int], total: int) -> list[int]:
    """Divide the total equally; what a small stratum cannot use goes to larger ones."""
    counts = [0] * len(sizes)
    left = total
    by_size = sorted(range(len(sizes)), key=lambda position: sizes[position])
    for done, position in enumerate(by_size):
        counts[position] = min(sizes[position], max(1, left // (len(sizes) - done)))
        left -= counts[position]
    return counts
