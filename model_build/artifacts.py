"""The JSON documents that the stages write for each other under build/NAME/."""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError

from app.core.base_feature import Frozen
from app.core.contract import Sha256, Target, sha256
from model_build.errors import BuildError
from model_build.spec.sections import Severity


class Artifact(Frozen):
    """A document of one stage, or a part of one. Numbers are plain floats, all finite."""

    model_config = ConfigDict(strict=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raise BuildError if the file has another format, of an earlier version for example."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BuildError(
                f"{path} does not have the format of this version; delete it and bake again."
            ) from error

    def write(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=2) + "\n")


# ---- preprocess, check-data


class Cleaning(Artifact):
    """cleaning.json: what preprocessing read and dropped."""

    rows_read: int
    blank_rows: int = 0
    """Rows with nothing in any cell, which are not among those read."""
    ignored_columns: tuple[str, ...] = ()
    """Columns without a name and a value, and columns equal to another one of their name."""
    rows: int
    duplicates: int
    """Exact duplicates of an earlier row; they are dropped if the spec says so."""
    duplicate_rows: tuple[int, ...] = ()
    """The first of their row numbers in the file."""
    merged_labels: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Rows of the file by their label there, for each label that others were merged into."""
    overlap: int = 0
    """Rows of the test file that equal a row of the others; they are kept."""
    unknown_columns: tuple[str, ...]
    missing: dict[str, int]
    replaced: dict[str, int] = Field(default_factory=dict)
    """How many values of a feature were read as another: unknown categories, and numbers out of range."""


class Violation(Artifact):
    """One violation; `sentence` names the column, what was measured and what is allowed."""

    check: str
    severity: Severity
    column: str | None
    sentence: str
    rows: int | None = None
    """How many rows violate the check; None if the check is not about rows."""
    examples: tuple[int, ...] = ()
    """The first of their row numbers in the file."""
    statistic: float | None = None
    p_value: float | None = None


class DataReport(Artifact):
    """data-checks.json: every check that ran and every violation."""

    rows: int
    checks: dict[str, int]
    """How many violations each check reported, by name; it has every check that ran."""
    violations: tuple[Violation, ...]
    left_out: tuple[int, ...]
    """Row numbers in the file of the rows that do not train, because they violate a check that only warns."""
    clean_sha256: Sha256 | None = None
    """Checksum of the clean.parquet that was checked."""
    clean_rows_checksum: Sha256 | None = None
    """Checksum of the rows in it."""

    @property
    def rows_checksum(self) -> Sha256:
        """Checksum of the rows that may train and test."""
        return sha256(json.dumps([self.clean_rows_checksum, self.left_out]).encode())

    @property
    def fatal_violations(self) -> tuple[Violation, ...]:
        return tuple(violation for violation in self.violations if violation.severity == "fail")


# ---- train


class Interval(Artifact):
    value: float
    low: float
    high: float


class FoldScores(Artifact):
    """A metric over the validation folds."""

    mean: float
    deviation: float
    folds: tuple[float, ...]


class Comparison(Artifact):
    """The chosen parameters against the estimator's defaults, on the same folds."""

    metric: str
    chosen: FoldScores
    default: FoldScores
    difference: Interval
    """chosen - default, paired by fold; corrected for training rows that folds share (Nadeau and Bengio)."""


class CrossValidation(Artifact):
    """cross-validation.json: the model beside untouched boosting, on the folds of all rows for each seed."""

    rows: int
    seeds: tuple[int, ...]
    comparisons: tuple[Comparison, ...]


class Candidate(Artifact):
    """One set of parameters of the search, with its score on the folds."""

    parameters: dict[str, Any]
    score: float
    standard_error: float
    size: int
    """Nodes of all trees, or non-zero coefficients; of nearly equal candidates, the smallest is chosen."""


class SearchReport(Artifact):
    method: str
    metric: str
    repeats: int
    """Of the cross-validation; the candidates' metrics are over the folds of all of them."""
    trials: int
    pruned: int
    resumed: int
    """Trials taken from an earlier run."""
    seconds: float
    best: Candidate
    chosen: Candidate
    """The smallest that is nearly as good as the best, and not worse than the defaults."""
    reason: str
    """Why `chosen` was chosen."""
    candidates: tuple[Candidate, ...]
    against_default: tuple[Comparison, ...]


class Calibration(Artifact):
    """The choice between raw and calibrated probabilities, by log loss on the folds."""

    method: Literal["none", "sigmoid", "isotonic", "temperature"]
    reason: str
    log_loss: dict[str, float]
    """By method."""


class Threshold(Artifact):
    """The probability from which on the positive label is predicted; only a binary target has one."""

    value: float
    objective: str
    reason: str
    scores: dict[str, float]
    """The objective on the folds, by threshold: the chosen one, the best one and the target's."""
    interval: Interval | None = None
    """Of the threshold, chosen again on resamples of the rows; None if the spec sets it."""
    measured: dict[str, Interval] = Field(default_factory=dict)
    """At the threshold, on resamples of the rows of all folds: precision, recall, and the share selected."""


class SelectionReport(Artifact):
    """How many columns the model reads, if the spec leaves that open."""

    by: str
    count: int
    reason: str
    metric: str
    scores: dict[int, float]
    """The mean metric on the folds, by the number of columns; empty if the search chose it."""


class WeightReport(Artifact):
    column: str
    minimum: float
    maximum: float
    effective_rows: float
    """As many rows of equal weight would make the mean as certain (Kish)."""


class TrainingReport(Artifact):
    """training.json: how the model was trained."""

    training_checksum: Sha256
    """Of the sections of the spec that decide the training."""
    code_sha256: Sha256
    """Of the code that trained it."""
    rows: int
    estimator: str
    parameters: dict[str, Any]
    features: tuple[str, ...]
    """The features that the model reads."""
    resampled_rows: int | None = None
    """How many rows the model was fitted to; None if the labels were not made equally frequent."""
    clipped: dict[str, int] = Field(default_factory=dict)
    """How many values of these rows were moved to a quantile, by column."""
    folds: int
    cross_validation: dict[str, FoldScores]
    search: SearchReport | None
    calibration: Calibration
    threshold: Threshold | None
    libraries: dict[str, str]
    git_commit: str | None
    trained_at: datetime
    size: int
    not_converged: int = 0
    """Of the fits of the folds and the final one, how many were stopped before they had converged."""
    selection: SelectionReport | None = None
    weights: WeightReport | None = None
    """None if the rows count equally."""
    gathered: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The rare categories of each feature that the model reads as another."""
    defaults: dict[str, float | str | bool | None] = Field(default_factory=dict)
    """Of the features whose default is a mean, a median or a mode of the training rows."""
    estimator_sha256: Sha256 | None = None
    """Of the code that made the estimator, or of the adopted model, if it is the user's own."""
    adopted: str | None = None
    """The file of the model, if it was trained elsewhere."""

    def with_threshold(self, target: Target) -> Target:
        """Return the target with the chosen threshold."""
        return target.model_copy(update={"threshold": self.threshold.value}) if self.threshold else target


# ---- evaluate


class Curve(Artifact):
    x: tuple[float, ...]
    y: tuple[float, ...]
    thresholds: tuple[float | None, ...]
    """Of each point, the probability from which on a row counts as the label; None where none is enough."""


class CalibrationBin(Artifact):
    rows: int
    predicted: float
    observed: Interval


class LabelMetrics(Artifact):
    """How well the model tells one label from all others."""

    support: int
    """The number of rows that have the label."""
    predicted: int
    """The number of rows for which the label is predicted."""
    precision: Interval | None
    """None if the label is never predicted."""
    recall: Interval
    f1: Interval


class Evaluation(Artifact):
    """metrics.json: the metrics of the test split, with bootstrap intervals."""

    model_sha256: Sha256 | None = None
    """Checksum of model.onnx; the fitted pipeline that it was exported from made the predictions."""
    rows: int
    labels: tuple[str, ...]
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    confidence: float
    resamples: int
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Rows are the true labels and columns the predicted ones, in the order of `labels`."""
    by_label: dict[str, LabelMetrics] = Field(default_factory=dict)
    interval_rows: int | None = None
    """How many of the rows the intervals come from; None if all."""


class Curves(Artifact):
    """curves.json: the curves of every label; of two labels, only of the positive one."""

    roc: dict[str, Curve]
    """False positive rate → true positive rate."""
    precision_recall: dict[str, Curve]
    """Recall → precision."""
    lift: dict[str, Curve]
    """Share of the rows, the likeliest first → share of positives in them, divided by that in all rows."""
    calibration: dict[str, tuple[CalibrationBin, ...]]


class Slice(Artifact):
    """The test rows that have a category, a band of a number, or several of these in common."""

    features: tuple[str, ...]
    levels: tuple[str, ...]
    rows: int
    positives: int | None
    """Rows whose true label is positive; None for more than two labels."""
    support: dict[str, int]
    """The number of rows that each of SHARES is a share of."""
    metrics: dict[str, Interval]
    """The metrics of SLICE_METRICS that the rows allow; rows of one label have no ROC AUC, for example."""
    of_label: bool = False
    """Whether the rows have one true label in common; their accuracy is the recall of the label."""


class Slices(Artifact):
    """slices.json: the metrics of the slices."""

    minimum_rows: int
    too_small: int
    """The number of slices left out because they have fewer rows."""
    slices: tuple[Slice, ...]
    interval_rows: int | None = None
    """The most rows of a slice that its intervals come from; None if all."""
    features_left_out: int = 0
    """Of a wide table, the features that were not sliced because others say more about the label."""


class Importance(Artifact):
    feature: str
    drop: Interval
    """How much the ROC AUC drops when the feature's values are shuffled."""


class Dependence(Artifact):
    feature: str
    values: tuple[str, ...]
    numbers: tuple[float, ...] | None
    """The values as numbers; None for a category."""
    scores: tuple[float, ...]
    """Mean probability of the positive (or last) label if every row had the value."""


class Explanation(Artifact):
    """importance.json: which features the model uses, and how."""

    rows: int | None = None
    """How many of the test rows the importance was measured on; None if all."""

    importance: tuple[Importance, ...]
    dependence: tuple[Dependence, ...]


# ---- baselines


class Baseline(Artifact):
    """A cheap model, fitted to the same training rows and measured on the same test rows."""

    name: str
    metrics: dict[str, float]
    improvements: dict[str, Interval]
    """By how much the model is better, paired by row; above 0 is better, whatever the metric."""
    converged: bool = True
    """Whether the fit ended by itself; a fit that did not may rank worse than it could."""


class Baselines(Artifact):
    """baselines.json: what the model is compared with."""

    model_sha256: Sha256 | None = None
    """Checksum of model.onnx, as in metrics.json."""
    metrics: dict[str, float]
    """Of the model itself."""
    judged_by: Literal["roc_auc", "average_precision"] = "roc_auc"
    """The metric that decides whether the model is better: of rare positives, the average precision."""
    baselines: tuple[Baseline, ...]


def require(path: Path, command: str) -> Path:
    """Return `path`; raise BuildError with the command that writes it if it does not exist."""
    if not path.exists():
        raise BuildError(f"{path} does not exist; run `{command}` first.")
    return path


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
