"""Cross-validation: the folds, the predictions on each of them, and statistics over all of them."""

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from app.core.contract import Positions, Probabilities, Target
from app.core.values import Matrix
from model_build.artifacts import Comparison, FoldScores, Interval
from model_build.data.carried import NOTHING, Carried
from model_build.errors import DataError, SpecError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.split import LARGEST_SEED
from model_build.threads import map_in_threads
from model_build.training.classifier import Classifier, fit
from model_build.training.estimators import has_converged, model_size
from model_build.training.log_odds import Numbers, compute_log_odds

MINIMUM_ROWS = 2  # of each label: one trains and one validates
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Fold:
    """Row positions; every row validates in one fold and trains in all others.

    Folds by time validate later rows than they train on, so the first rows never validate.
    """

    train: Positions
    validate: Positions


@dataclass(frozen=True)
class TrainingRows:
    """Encoded rows [N, features] with their label positions [N], split into folds."""

    matrix: Matrix
    labels: Positions
    folds: tuple[Fold, ...]
    carried: Carried = NOTHING

    @property
    def validated(self) -> Positions:
        """The positions of the rows that validate, in ascending order."""
        return np.sort(np.concatenate([fold.validate for fold in self.folds]))

    @property
    def judged(self) -> tuple[Fold, ...]:
        """The folds of the rows that validate, by position among those; the others of them train."""
        validated = self.validated
        blocks = [np.searchsorted(validated, fold.validate) for fold in self.folds]
        return tuple(Fold(np.setdiff1d(np.arange(len(validated)), block), block) for block in blocks)


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


def make_folds(
    target: Target, labels: Positions, count: int, seed: int, carried: Carried = NOTHING
) -> tuple[Fold, ...]:
    """Return `count` folds with the same share of every label; fewer if a label has fewer rows.

    With times, each fold trains on the rows before those that it validates. With groups, no group trains and
    validates in one fold. In both, folds are fewer until all have every label on both sides.

    Raises:
        DataError: a label has only one row, which can't both train and validate, or no two folds have every
            label on both sides.
    """
    rows = np.bincount(labels, minlength=len(target.labels))
    rarest = int(rows.argmin())
    if rows[rarest] < MINIMUM_ROWS:
        raise DataError(
            f"Only one training row has {target.name} {target.labels[rarest]}; "
            "cross-validation needs two rows of every label."
        )
    most = min(count, int(rows[rarest]))
    if carried.times is not None:
        return _fewer_until_complete(labels, partial(_folds_by_time, carried.times), most)
    if carried.groups is not None:
        return _fewer_until_complete(labels, partial(_folds_by_group, labels, carried.groups, seed), most)
    splitter = StratifiedKFold(most, shuffle=True, random_state=seed)
    return tuple(Fold(*parts) for parts in splitter.split(labels, labels))


def _fewer_until_complete(
    labels: Positions, make: Callable[[int], Sequence[Fold]], most: int
) -> tuple[Fold, ...]:
    """Return as many folds as have every label on both sides, `most` at most."""
    different = len(np.unique(labels))
    for count in range(most, 1, -1):
        folds = make(count)
        sides = [side for fold in folds for side in (fold.train, fold.validate)]
        if len(folds) > 1 and all(len(np.unique(labels[side])) == different for side in sides):
            return tuple(folds)
    raise DataError(
        "The training rows have too few times or groups for two folds of a cross-validation, in which every "
        "label trains and validates."
    )


def _folds_by_time(times: Numbers, count: int) -> list[Fold]:
    """Divide the rows into a first block and one for each fold; rows of one time are in one block."""
    _, position_of, counts = np.unique(times, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    block = np.minimum(before * (count + 1) // len(times), count)[position_of]
    pairs = (
        (np.flatnonzero(block < number), np.flatnonzero(block == number)) for number in range(1, count + 1)
    )
    return [Fold(train, validate) for train, validate in pairs if len(train) and len(validate)]


def _folds_by_group(labels: Positions, groups: Positions, seed: int, count: int) -> list[Fold]:
    if len(np.unique(groups)) < count:
        return []
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fewer folds follow if a label is not in all of them
        return [Fold(*parts) for parts in splitter.split(labels, labels, groups)]


def repeat_folds(spec: ModelSpec, rows: TrainingRows, repeats: int) -> TrainingRows:
    """Return the rows with their folds, and for each further repeat as many folds of another seed.

    Raises:
        SpecError: the folds are by time, and so the same for each seed.
    """
    if repeats > 1 and rows.carried.times is not None:
        raise SpecError("training.search.repeats must be 1: by split.by, there is only one way to make folds")
    seeds = [(spec.split.seed + repeat) % (LARGEST_SEED + 1) for repeat in range(1, repeats)]
    folds = len(rows.folds)
    more = (make_folds(spec.target, rows.labels, folds, seed, rows.carried) for seed in seeds)
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
        weights = rows.carried.take(fold.train).weights
        model = fit(spec, parameters, rows.matrix[fold.train], rows.labels[fold.train], weights)
        probabilities = model.predict_proba(rows.matrix[fold.validate])
        return FoldPrediction(fold.validate, probabilities, model, model_size(model.pipeline_[-1]))

    return map_in_threads(predict, rows.folds)


def out_of_fold(spec: ModelSpec, parameters: Mapping[str, Any], rows: TrainingRows) -> Scores:
    """Return the scores of the rows that validate, each predicted in the fold in which it does."""
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
