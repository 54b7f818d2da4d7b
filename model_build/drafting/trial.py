"""A quick trial of a draft: suspicious features, and the bound that its models will keep."""

import warnings
from dataclasses import dataclass
from math import floor, sqrt

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from app.core.contract import TWO_LABELS, Positions, Probabilities, Target
from app.core.encoders import row_encoder
from app.core.values import Matrix
from model_build.data import dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.spec.model_spec import ModelSpec
from model_build.threads import map_in_threads
from model_build.training.classifier import fit
from model_build.training.cross_validation import Fold
from model_build.validation import leakage, schema

MOST_ROWS = 20_000
"""Of a trial; more would only sharpen what is rounded anyway."""
FOLDS = 5
TEST = 0.3
"""Share of the test rows in a draft."""
ITERATIONS = 40
"""Fewer than a bake has, whose models are better than the bound says."""
BINS = 127
"""Half as many as by default: the weighted quantiles took most of the time. No draft has more categories."""
ERRORS = 5
"""Standard errors from the mean of the folds to the bound: two to the test split, as many to the end of its
interval, and one for luck."""
MARGIN = 0.01
USELESS = 0.55
"""A ROC AUC below this is no bound."""


@dataclass(frozen=True)
class Trial:
    """What the models of the folds showed."""

    roc_auc: float
    average_precision: float
    """With more than two labels, the mean over each label against all others."""
    minimum_roc_auc: float | None
    """What the ROC AUC of a bake will keep; None if the features say too little about the target."""


@dataclass(frozen=True)
class TrialRows:
    """Encoded rows [N, columns] with the positions of their labels [N]."""

    matrix: Matrix
    labels: Positions


def clean_sample(spec: ModelSpec, raw: pd.DataFrame) -> pd.DataFrame:
    """Return the values of a sample; without duplicates, if the spec drops them."""
    return dataset.clean(raw, spec, spec.data.sources[0].uri)[0]


def find_suspects(spec: ModelSpec, frame: pd.DataFrame) -> dict[str, float]:
    """Return the features that alone rank the target too well, with their ROC AUC."""
    violations = leakage.find_leakage(spec, schema.typed_columns(spec, frame))
    return {str(violation.column): violation.statistic or 0.0 for violation in violations}


def encode_rows(spec: ModelSpec, frame: pd.DataFrame) -> TrialRows:
    """Return the rows that have a label, with the features of the spec."""
    rows = dataset.build_dataset(frame[frame[spec.target.name].isin(spec.target.labels)], spec)
    return TrialRows(encode_in_chunks(row_encoder(spec.features, spec.derived), rows.rows), rows.labels)


def try_model(spec: ModelSpec, rows: TrialRows) -> Trial:
    """Return what a cross-validation on these rows shows."""
    matrix = rows.matrix
    is_boosting = spec.estimator.name == "hist_gradient_boosting"
    fewer = {"max_iter": ITERATIONS, "max_bins": BINS} if is_boosting else {}
    parameters = {**spec.hyperparameters, **fewer}

    def score(fold: Fold) -> tuple[float, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a bake counts and says them
            model = fit(spec, parameters, matrix[fold.train], rows.labels[fold.train])
        return _score(spec.target, rows.labels[fold.validate], model.predict_proba(matrix[fold.validate]))

    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=spec.split.seed).split(matrix, rows.labels)
    areas, precisions = np.transpose(list(map_in_threads(score, [Fold(*split) for split in splits])))
    mean, error = float(np.mean(areas)), float(np.std(areas, ddof=1)) * sqrt(1 / FOLDS / TEST)
    error = max(error, standard_error(mean, rows.labels, TEST))
    bound = floor(100 * (mean - ERRORS * error - MARGIN)) / 100
    return Trial(mean, float(np.mean(precisions)), bound if bound >= USELESS else None)


def standard_error(area: float, labels: Positions, share: float) -> float:
    """Return that of a ROC AUC on this share of the rows (Hanley and McNeil, 1982).

    With more than two labels, it is the mean over each label against all others. The spread of a few folds
    may by chance be much smaller.
    """
    counts = np.bincount(labels)
    positives = [counts.min()] if len(counts) == TWO_LABELS else counts
    return float(np.mean([_error_of_label(area, share * count, share * len(labels)) for count in positives]))


def _error_of_label(area: float, positives: float, rows: float) -> float:
    negatives = rows - positives
    of_positives, of_negatives = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    variance = area * (1 - area) + (positives - 1) * of_positives + (negatives - 1) * of_negatives
    return sqrt(max(variance, 0) / (positives * negatives))


def _score(target: Target, labels: Positions, probabilities: Probabilities) -> tuple[float, float]:
    """Return the ROC AUC and the average precision."""
    if not target.is_binary:
        is_label = labels[:, None] == np.arange(probabilities.shape[1])
        precision = float(average_precision_score(is_label, probabilities))
        return float(roc_auc_score(labels, probabilities, multi_class="ovr")), precision
    is_positive, score = labels == target.positive_index, probabilities[:, target.positive_index]
    return float(roc_auc_score(is_positive, score)), float(average_precision_score(is_positive, score))
