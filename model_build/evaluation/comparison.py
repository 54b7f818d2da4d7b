"""How much better a model is than others on the same test rows: the bootstrap, paired by row."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from model_build.artifacts import Interval
from model_build.evaluation.bags import BAG, LARGE, fill_bag
from model_build.evaluation.intervals import Estimates, Weights, bootstrap, compute_intervals
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.sections import LOWER_IS_BETTER, EvaluationSection


def compute_improvements(
    models: Sequence[ScoredRows], metrics: Sequence[str], section: EvaluationSection, seed: int
) -> list[dict[str, Interval]]:
    """Return by how much the first model is better than each of the others, by metric.

    Above 0 is better, whatever the metric. All models predict the same resamples of the rows, so an interval
    is much narrower than the intervals of the two models suggest.
    """
    signs = np.array([[-1 if metric in LOWER_IS_BETTER else 1] for metric in metrics])

    def improvements(weights: Weights, compared: Sequence[ScoredRows] = models) -> Estimates:
        """Return the improvement over each of the others, [others, metrics, resamples]."""
        first, *others = (signs * weighted_metrics(scored, weights, metrics) for scored in compared)
        return np.stack([first - other for other in others])

    rows = len(models[0].truth)
    values = improvements(np.ones((rows, 1)))[..., 0]
    if rows <= LARGE:
        estimates = bootstrap(improvements, rows, section.resamples, seed)
    else:
        bag = fill_bag(models[0].truth, BAG, seed)
        statistic = partial(improvements, compared=[scored.take(bag.positions) for scored in models])
        at_bag = statistic(bag.shares[:, None])
        estimates = bag.bootstrap(statistic, section.resamples, seed) + values[..., None] - at_bag
    return [
        compute_intervals(metrics, of_other, resampled, section.confidence, {})
        for of_other, resampled in zip(values, estimates, strict=True)
    ]
