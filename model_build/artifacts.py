"""What the stages tell each other: the JSON documents that they write under build/."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, ValidationError

from app.core.contract import DataSource, Sha256, Target
from app.core.features import Frozen
from model_build.errors import BuildError
from model_build.spec.sections import Severity


class Artifact(Frozen):
    """A document of one stage; numbers are plain floats, all finite."""

    model_config = ConfigDict(strict=False)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raise BuildError if there is something else, of an earlier version for instance."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BuildError(f"{path} is not what this version writes; delete it and bake again.") from error

    def write(self, path: Path) -> None:
        path.write_text(self.model_dump_json(indent=2) + "\n")


# ---- fetch, preprocess, check-data


class Origin(Artifact):
    """source.json: where the rows came from."""

    source: DataSource
    uri: str
    sha256: Sha256 | None


class Cleaning(Artifact):
    """cleaning.json: what preprocessing found and dropped."""

    rows_read: int
    rows: int
    duplicates: int
    """Exact duplicates of a row before them, dropped if the spec says so."""
    duplicate_rows: tuple[int, ...] = ()
    """Numbers, in the file, of the first of them."""
    unknown_columns: tuple[str, ...]
    missing: dict[str, int]


class Violation(Artifact):
    """One violation; `sentence` has the column, the figures and what is allowed."""

    check: str
    severity: Severity
    column: str | None
    sentence: str
    rows: int | None = None
    """How many rows violate it, where it is about rows."""
    examples: tuple[int, ...] = ()
    """Numbers, in the file, of the first of them."""
    statistic: float | None = None
    p_value: float | None = None


class DataReport(Artifact):
    """data-checks.json: every check that ran and every violation."""

    rows: int
    checks: dict[str, int]
    """Name of every check that ran, and how many violations it found."""
    violations: tuple[Violation, ...]
    left_out: tuple[int, ...]
    """Numbers, in the file, of the rows that violate a check that only warns, and so do not train."""
    clean_sha256: Sha256 | None = None
    """Of clean.csv, whose rows these are."""

    @property
    def fatal_violations(self) -> tuple[Violation, ...]:
        return tuple(finding for finding in self.violations if finding.severity == "fail")


# ---- train


class Interval(Artifact):
    value: float
    low: float
    high: float


class FoldScores(Artifact):
    """A figure over the validation folds."""

    mean: float
    deviation: float
    folds: tuple[float, ...]


class Comparison(Artifact):
    """The chosen parameters against the estimator's defaults, on the same folds."""

    metric: str
    chosen: FoldScores
    default: FoldScores
    difference: Interval
    """chosen - default, paired by fold, corrected for folds that share rows (Nadeau and Bengio)."""


class Candidate(Artifact):
    """One set of parameters of the search, and what it came to on the folds."""

    parameters: dict[str, Any]
    score: float
    standard_error: float
    size: int
    """Nodes of all trees, or coefficients that are not 0: what the one-standard-error rule keeps small."""


class SearchReport(Artifact):
    method: str
    metric: str
    trials: int
    pruned: int
    resumed: int
    """Trials that an earlier run had left."""
    seconds: float
    best: Candidate
    chosen: Candidate
    """The smallest within one standard error of the best that is not worse than the defaults."""
    reason: str
    """Why it was chosen."""
    candidates: tuple[Candidate, ...]
    against_default: tuple[Comparison, ...]


class Calibration(Artifact):
    """The choice between the estimator's probabilities and calibrated ones, by log loss on the folds."""

    method: Literal["none", "sigmoid", "isotonic", "temperature"]
    reason: str
    log_loss: dict[str, float]
    """By method."""


class Threshold(Artifact):
    """Above which probability the positive label is taken; None for more than two labels."""

    value: float
    objective: str
    reason: str
    scores: dict[str, float]
    """The objective on the folds: at the chosen threshold, the best one and the target's."""


class TrainingReport(Artifact):
    """training.json: how the model came to be."""

    training_checksum: Sha256
    """Of the spec that it was trained by."""
    rows: int
    estimator: str
    parameters: dict[str, Any]
    features: tuple[str, ...]
    """Those that the model reads."""
    folds: int
    cross_validation: dict[str, FoldScores]
    search: SearchReport | None
    calibration: Calibration
    threshold: Threshold | None
    libraries: dict[str, str]
    git_commit: str | None
    trained_at: datetime
    size: int

    def with_threshold(self, target: Target) -> Target:
        """Return the target with the threshold that was chosen."""
        return target.model_copy(update={"threshold": self.threshold.value}) if self.threshold else target


# ---- evaluate


class Curve(Artifact):
    x: tuple[float, ...]
    y: tuple[float, ...]


class CalibrationBin(Artifact):
    rows: int
    predicted: float
    observed: Interval


class Evaluation(Artifact):
    """metrics.json: the test split, with bootstrap intervals."""

    model_sha256: Sha256 | None = None
    """Of model.onnx; its fitted pipeline gave the answers."""
    rows: int
    labels: tuple[str, ...]
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    confidence: float
    resamples: int
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Rows are the true labels and columns the predicted ones, in the order of `labels`."""


class Curves(Artifact):
    """curves.json: by label; of two labels, only of the positive one."""

    roc: dict[str, Curve]
    """False positive rate → true positive rate."""
    precision_recall: dict[str, Curve]
    """Recall → precision."""
    lift: dict[str, Curve]
    """Share of the rows, the likeliest first → how many times as many positives as by chance."""
    calibration: dict[str, tuple[CalibrationBin, ...]]


class Slice(Artifact):
    """The test rows that share a category, a band of a number, or several of these."""

    features: tuple[str, ...]
    levels: tuple[str, ...]
    rows: int
    positives: int | None
    """Rows whose true label is the positive one; None for more than two labels."""
    support: dict[str, int]
    """How many of the rows each of SHARES is a share of."""
    metrics: dict[str, Interval]
    """Those of SLICE_METRICS that the rows allow: no ROC AUC where all have one label."""


class Slices(Artifact):
    """slices.json."""

    minimum_rows: int
    too_small: int
    """Slices left out because they have fewer rows."""
    slices: tuple[Slice, ...]


class Group(Artifact):
    level: str
    rows: int
    support: dict[str, int]
    """How many of the rows each rate is a share of."""
    selection_rate: Interval
    true_positive_rate: Interval | None
    false_positive_rate: Interval | None
    false_negative_rate: Interval | None
    disparities: dict[str, Interval]
    """FAIRNESS_METRICS: this group's rate minus the reference group's, or divided by it.

    Empty for the reference group itself. A ratio to a rate of 0 is left out.
    """
    four_fifths: bool
    """Whether the selection rate is at least 80 % of the reference group's, and not above 125 %."""


class Protected(Artifact):
    feature: str
    reference: str
    groups: tuple[Group, ...]


class Fairness(Artifact):
    """fairness.json."""

    protected: tuple[Protected, ...]


class Importance(Artifact):
    feature: str
    drop: Interval
    """By how much the ROC AUC falls when the feature's values are shuffled."""


class Dependence(Artifact):
    feature: str
    values: tuple[str, ...]
    numbers: tuple[float, ...] | None
    """The values of a number; None for a category."""
    scores: tuple[float, ...]
    """Mean probability of the positive (or last) label, were every row to have the value."""


class Explanation(Artifact):
    """importance.json."""

    importance: tuple[Importance, ...]
    dependence: tuple[Dependence, ...]


# ---- check-model


class GateResult(Artifact):
    """A gate or a check of behaviour, and whether it was kept."""

    kind: Literal["metric", "slice", "fairness", "size", "latency", "deployed", "parity", "behaviour"]
    name: str
    passed: bool
    judged: bool = True
    """False when there was nothing to judge, which keeps a gate but says nothing for the model."""
    sentence: str
    """What was found, what is allowed, and by how much it is missed."""


class ModelReport(Artifact):
    """model-checks.json."""

    results: tuple[GateResult, ...]
    bytes: int
    microseconds: float
    checked: dict[str, Sha256]
    """The files that it is about."""
    gates_checksum: Sha256
    """Of the gates and checks of the spec."""

    @property
    def failed(self) -> tuple[GateResult, ...]:
        return tuple(each for each in self.results if not each.passed)

    @property
    def passed(self) -> tuple[GateResult, ...]:
        return tuple(each for each in self.results if each.passed and each.judged)

    @property
    def not_judged(self) -> tuple[GateResult, ...]:
        return tuple(each for each in self.results if not each.judged)


def require(path: Path, command: str) -> Path:
    """Return `path`; raise BuildError, with the command that makes it, when it is not there."""
    if not path.exists():
        raise BuildError(f"{path} is not there; run `{command}` first.")
    return path


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
