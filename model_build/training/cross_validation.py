"""Cross-validation: the folds, the predictions on each of them, and statistics over all of them."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t
from sklearn.model_selection import StratifiedKFold

from app.core.contract import Positions, Probabilities, Target
from app.core.values import Matrix
from model_build.artifacts import Comparison, FoldScores, Interval
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import LARGEST_SEED
from model_build.threads import map_in_threads
from model_build.training.classifier import Classifier, fit
from model_build.training.estimators import has_converged, model_size
from model_build.training.log_odds import Numbers, compute_log_odds

MINIMUM_ROWS = 2  # of each label: one trains and one validates
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Fold:
    """Row positions; every row validates in one fold and trains in all others."""

    train: Positions
    validate: Positions


@dataclass(frozen=True)
class TrainingRows:
    """Encoded rows [N, features] with their label positions [N], split into folds."""

    matrix: Matrix
    labels: Positions
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Scores:
    """Of rows, each predicted by a model that did not train on it: probabilities and log-odds [N, labels]."""

    probabilities: Probabilities
    log_odds: Numbers
    not_converged: int = 0
    """How many of these models were stopped before they had converged."""


@dataclass(frozen=True)
class FoldPrediction:
    """Probabilities of the rows that validate in one fold, by a model that did not train on them."""

    validate: Positions
    probabilities: Probabilities
    model: Classifier
    size: int
    """Of the model, as `model_size` counts it."""


def make_folds(target: Target, labels: Positions, count: int, seed: int) -> tuple[Fold, ...]:
    """Return `count` folds with the same share of every label; fewer if a label has fewer rows.

    Raises:
        DataError: a label has only one row, which can't both train and validate.
    """
    rows = np.bincount(labels, minlength=len(target.labels))
    rarest = int(rows.argmin())
    if rows[rarest] < MINIMUM_ROWS:
        raise DataError(
            f"Only one training row has {target.name} {target.labels[rarest]}; "
            "cross-validation needs two rows of every label."
        )
    splitter = StratifiedKFold(min(count, int(rows[rarest])), shuffle=True, random_state=seed)
    return tuple(Fold(*parts) for parts in splitter.split(labels, labels))


def repeat_folds(spec: ModelSpec, rows: TrainingRows, repeats: int) -> TrainingRows:
    """Return the rows with their folds, and for each further repeat as many folds of another seed."""
    seeds = [(spec.split.seed + repeat) % (LARGEST_SEED + 1) for repeat in range(1, repeats)]
    more = (make_folds(spec.target, rows.labels, len(rows.folds), seed) for seed in seeds)
    return replace(rows, folds=(*rows.folds, *chain.from_iterable(more)))


def predict_folds(
    spec: ModelSpec, parameters: Mapping[str, Any], rows: TrainingRows
) -> Generator[FoldPrediction, None, None]:
    """Yield the prediction of every fold in their order, fitted on every core.

    Close it to stop early: folds are fitted ahead.

    Raises:
        SpecError: scikit-learn refuses a parameter.
    """

    def predict(fold: Fold) -> FoldPrediction:
        model = fit(spec, parameters, rows.matrix[fold.train], rows.labels[fold.train])
        probabilities = model.predict_proba(rows.matrix[fold.validate])
        return FoldPrediction(fold.validate, probabilities, model, model_size(model.pipeline_[-1]))

    return map_in_threads(predict, rows.folds)


def out_of_fold(spec: ModelSpec, parameters: Mapping[str, Any], rows: TrainingRows) -> Scores:
    """Return the scores of all rows, each predicted in the fold in which it validates."""
    predictions = list(predict_folds(spec, parameters, rows))
    order = np.argsort(np.concatenate([fold.validate for fold in predictions]))
    probabilities = np.concatenate([fold.probabilities for fold in predictions]).astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)  # in float32, the sums are less exactly 1
    log_odds = [compute_log_odds(fold.model, rows.matrix[fold.validate]) for fold in predictions]
    not_converged = sum(not has_converged(fold.model.pipeline_[-1]) for fold in predictions)
    return Scores(probabilities[order], np.concatenate(log_odds)[order], not_converged)


def summarize_folds(values: Sequence[float]) -> FoldScores:
    return FoldScores(
        mean=float(np.mean(values)), deviation=float(np.std(values, ddof=1)), folds=tuple(values)
    )


def standard_error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


def paired_error(differences: npt.NDArray[np.float64], folds: int) -> float:
    """Return the standard error of the mean of differences on the folds of one or more repeats.

    The variance is corrected for training sets that share rows (Nadeau and Bengio, 2003): for n differences
    its factor is 1/n, plus the ratio of validating to training rows, 1/(folds - 1).
    """
    factor = 1 / len(differences) + 1 / (folds - 1)
    return float(differences.std(ddof=1) * factor**0.5)


def compare_folds(
    metric: str, chosen: Sequence[float], default: Sequence[float], repeats: int = 1
) -> Comparison:
    """Compare a metric on the same folds, of one or more repeats, by Student's interval of the difference."""
    count = len(chosen)
    differences = np.subtract(chosen, default)
    error = paired_error(differences, count // repeats)
    value, half = float(differences.mean()), float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Comparison(
        metric=metric,
        chosen=summarize_folds(chosen),
        default=summarize_folds(default),
        difference=Interval(value=value, low=value - half, high=value + half),
    )
