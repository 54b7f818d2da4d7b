"""How many columns to keep, chosen on the folds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_build.artifacts import SelectionReport
from model_build.evaluation.metrics import ScoredRows, weighted_metrics
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import RARE
from model_build.spec.training import SELECT, Selection
from model_build.training.cross_validation import TrainingRows, paired_error, predict_folds
from model_build.training.selection import count_limits, counts_to_try


def choose_count(
    spec: ModelSpec, parameters: Mapping[str, Any], rows: TrainingRows
) -> SelectionReport | None:
    """Return the fewest columns that lose at most one standard error against the best number on the folds.

    None if the spec leaves nothing open. A number that the search has chosen stays.
    """
    selection = spec.training.select
    if not isinstance(selection, Selection):
        return None
    metric = _metric(spec, rows)
    if SELECT in parameters:
        count = parameters[SELECT]
        reason = "chosen by the search"
        return SelectionReport(by=selection.by, count=count, reason=reason, metric=metric, scores={})
    counts = counts_to_try(*count_limits(selection, spec.training, spec.columns))
    most_first = [_fold_scores(spec, {**parameters, SELECT: count}, rows, metric) for count in counts[::-1]]
    folds = np.array(most_first[::-1])  # the order of the most columns begins with that of fewer
    best = int(folds.mean(axis=1).argmax())
    losses = folds[best] - folds
    chosen = next(
        position
        for position, loss in enumerate(losses)
        if position == best or loss.mean() <= paired_error(loss, len(rows.folds))
    )
    return SelectionReport(
        by=selection.by,
        count=counts[chosen],
        reason="the fewest columns within one standard error of the best number on the folds",
        metric=metric,
        scores=dict(zip(counts, folds.mean(axis=1).tolist(), strict=True)),
    )


def _metric(spec: ModelSpec, rows: TrainingRows) -> str:
    target = spec.target
    is_rare = target.is_binary and (rows.labels == target.positive_index).mean() < RARE
    return "average_precision" if is_rare else "roc_auc"


def _fold_scores(
    spec: ModelSpec, parameters: Mapping[str, Any], rows: TrainingRows, metric: str
) -> list[float]:
    scores = []
    for fold in predict_folds(spec, parameters, rows):
        labels = rows.labels[fold.validate]
        scored = ScoredRows(spec.target, labels, fold.probabilities, rows.carried.take(fold.validate).weights)
        scores.append(float(weighted_metrics(scored, np.ones((len(labels), 1)), [metric]).item()))
    return scores
