"""The command `audit`: what an evaluation says of scores that exist already, whoever made them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from app.core.contract import Sha256
from app.core.features import CategoryFeature
from model_build.artifacts import Artifact, Evaluation, Interval, Slices
from model_build.audit.scored_table import Question, ScoredTable, read_scored_rows
from model_build.drafting.table import Table
from model_build.evaluation.evaluate import evaluate_model
from model_build.evaluation.fairness import compute_fairness
from model_build.evaluation.slices import compute_slices
from model_build.fairness_report import Fairness
from model_build.spec.sections import EvaluationSection, SlicesSection

SEED = 42
OF_PROBABILITIES = frozenset({"log_loss", "brier", "calibration_error"})
"""Metrics that say nothing about a score that is no probability."""


class Audit(Artifact):
    """NAME-audit.json: the metrics of a score, overall, by slice and by group."""

    file: str
    sha256: Sha256 | None
    """Checksum of the file; None of several."""
    score: str
    label: str
    positive: str
    threshold: float
    are_probabilities: bool
    """Whether every score is from 0 to 1; only then the metrics of probabilities are there."""
    left_out: int
    """Rows without a score or a label."""
    evaluation: Evaluation
    slices: Slices
    fairness: Fairness


@dataclass(frozen=True)
class _Plan:
    columns: tuple[CategoryFeature, ...]
    evaluation: EvaluationSection
    seed: int = SEED


def audit_table(table: Table, question: Question, file: str, sha256: Sha256 | None) -> Audit:
    """Measure a score of a table: overall, by its columns and by pairs of them.

    Raises:
        DataError: as `read_scored_rows` does.
    """
    rows = read_scored_rows(table, question)
    scored, plan = rows.scored, _plan(rows)
    groups = (scored.target, rows.matrix, scored.truth, scored.probabilities)
    evaluation = evaluate_model(scored.target, plan.evaluation, scored.truth, scored.probabilities, plan.seed)
    slices, fairness = compute_slices(plan, *groups), compute_fairness(plan, *groups)
    if not rows.are_probabilities:
        evaluation, slices = _without_probabilities(evaluation, slices)
    return Audit(
        file=file,
        sha256=sha256,
        score=rows.question.score,
        label=rows.question.label,
        positive=str(scored.target.positive),
        threshold=rows.threshold,
        are_probabilities=rows.are_probabilities,
        left_out=rows.left_out,
        evaluation=evaluation,
        slices=slices,
        fairness=fairness,
    )


def _plan(rows: ScoredTable) -> _Plan:
    names = [column.name for column in rows.columns]
    slices = SlicesSection(by_label=True, intersections=tuple(combinations(names, 2)))
    return _Plan(rows.columns, EvaluationSection(slices=slices, fairness=dict(rows.references)))


def _without_probabilities(evaluation: Evaluation, slices: Slices) -> tuple[Evaluation, Slices]:
    """Leave out what is only true of probabilities."""

    def rest(metrics: Mapping[str, Interval]) -> dict[str, Interval]:
        return {name: value for name, value in metrics.items() if name not in OF_PROBABILITIES}

    values = {name: value for name, value in evaluation.metrics.items() if name not in OF_PROBABILITIES}
    parts = (part.model_copy(update={"metrics": rest(part.metrics)}) for part in slices.slices)
    return (
        evaluation.model_copy(update={"metrics": values, "intervals": rest(evaluation.intervals)}),
        slices.model_copy(update={"slices": tuple(parts)}),
    )
