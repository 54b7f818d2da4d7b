"""The documents of a card: full ones, and ones that are as empty as they can be."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.contract import Contract, Provenance, Target
from model_build.artifacts import (
    Baseline,
    Baselines,
    Calibration,
    CalibrationBin,
    Candidate,
    Cleaning,
    Comparison,
    Curve,
    Curves,
    DataReport,
    Dependence,
    Evaluation,
    Explanation,
    FoldScores,
    Importance,
    Interval,
    LabelMetrics,
    SearchReport,
    Slice,
    Slices,
    Threshold,
    TrainingReport,
    Violation,
)
from model_build.fairness_report import Fairness, Group, Protected
from model_build.gate_report import BoundResult, GateResult, ModelReport, RefitReport
from model_build.reports.model_card import CardDocuments
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS, Card
from model_build.split_report import SplitReport, SplitSide
from model_build.stability.document import BoundSpread, GateSpread, KnownStability, StabilityReport

HALF = Interval(value=0.5, low=0.4, high=0.6)
CHECKSUMS: dict[str, Any] = {"checked": {"served.onnx": "0e" * 32}, "gates_checksum": "5e" * 32}
THREE_LABELS = Target(name="grade", labels=("a", "b", "c"))


def fold_scores(mean: float) -> FoldScores:
    return FoldScores(mean=mean, deviation=0.01, folds=(mean, mean))


def make_slice(feature: str, level: str, accuracy: float, **metrics: Interval) -> Slice:
    interval = Interval(value=accuracy, low=accuracy - 0.05, high=accuracy + 0.05)
    return Slice(
        features=(feature,),
        levels=(level,),
        rows=80,
        positives=20,
        support={"accuracy": 80, "precision": 10, "recall": 20, "f1": 10},
        metrics={"accuracy": interval, **metrics},
    )


def make_group(level: str, rate: float, *, four_fifths: bool, **disparities: Interval) -> Group:
    return Group(
        level=level,
        rows=40,
        support={
            "selection_rate": 40,
            "true_positive_rate": 10,
            "false_positive_rate": 30,
            "false_negative_rate": 10,
        },
        selection_rate=Interval(value=rate, low=rate, high=rate),
        true_positive_rate=HALF,
        false_positive_rate=None,
        false_negative_rate=HALF,
        disparities=disparities,
        four_fifths=four_fifths,
    )


CANDIDATE = Candidate(parameters={"max_iter": 5}, score=0.91, standard_error=0.002, size=40)
SEARCH = SearchReport(
    method="optuna",
    metric="roc_auc",
    repeats=1,
    trials=12,
    pruned=3,
    resumed=0,
    seconds=4.5,
    best=CANDIDATE,
    chosen=CANDIDATE,
    reason="nothing smaller is as good",
    candidates=(CANDIDATE,),
    against_default=(
        Comparison(
            metric="roc_auc",
            chosen=fold_scores(0.91),
            default=fold_scores(0.9),
            difference=Interval(value=0.01, low=-0.001, high=0.021),
        ),
    ),
)
CURVE = Curve(x=(0.0, 0.5, 1.0), y=(0.0, 0.8, 1.0), thresholds=(None, 0.6, 0.1))
CURVES = Curves(
    roc={"yes": CURVE},
    precision_recall={"yes": CURVE},
    lift={"yes": CURVE},
    calibration={"yes": (CalibrationBin(rows=50, predicted=0.2, observed=HALF),)},
)


STABILITY = StabilityReport(
    spec_checksum="5e" * 32,
    rows_checksum="0e" * 32,
    data_uri="loans.csv",
    rows=400,
    seeds=(1, 2, 3),
    unmeasured=(),
    metrics=dict.fromkeys(METRICS, (0.45, 0.5, 0.46)),
    gates=(
        GateSpread(
            kind="metric",
            name="roc_auc",
            bounds=(BoundSpread(key="minimum", values=(0.45, 0.5, 0.46), ends=(0.39, 0.44, 0.4)),),
            unbounded=(),
        ),
    ),
)
UNTOUCHED = Baseline(
    name="untouched boosting",
    metrics={"roc_auc": 0.51, "log_loss": 0.62},
    improvements={
        "roc_auc": Interval(value=-0.01, low=-0.02, high=0.005),
        "log_loss": Interval(value=0.12, low=0.1, high=0.14),
    },
)


ROC_AUC_GATE = GateResult(
    kind="metric",
    name="roc_auc",
    passed=True,
    sentence="It is 0.5.",
    bounds=(BoundResult(key="minimum", bound=0.4, value=0.5, end=0.4),),
)


@pytest.fixture(scope="module")
def documents(tiny_spec: ModelSpec) -> CardDocuments:
    """Every document with all that it may hold."""
    spec = tiny_spec.model_copy(update={"card": Card(owners=("Us",), caveats=("Only for tests.",))})
    provenance = Provenance(
        data_source="real",
        data_uri="loans.csv",
        data_sha256="d" * 64,
        rows=400,
        licence="none",
        spec_sha256=spec.sha256,
        git_commit="c0ffee",
        libraries={"numpy": "2.0"},
        trained_at=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return CardDocuments(
        spec=spec,
        contract=Contract(
            name=spec.name,
            title=spec.title,
            description=spec.description,
            model_version=spec.version,
            features=spec.features,
            target=spec.target,
            metrics={},
            provenance=provenance,
            files={},
        ),
        split=SplitReport(
            kind="random",
            column=None,
            sentence="with the same label shares, seed 1",
            train=SplitSide(rows=300, labels={"no": 150, "yes": 150}),
            test=SplitSide(rows=100, labels={"no": 49, "yes": 51}),
        ),
        cleaning=Cleaning(rows_read=410, rows=400, duplicates=10, unknown_columns=(), missing={"rate": 7}),
        data=DataReport(
            rows=400,
            checks={"types": 0, "duplicates": 1},
            violations=(
                Violation(
                    check="duplicates", severity="warn", column=None, sentence="10 rows are duplicates."
                ),
            ),
            left_out=(),
        ),
        training=TrainingReport(
            training_checksum="0" * 64,
            code_sha256="0" * 64,
            rows=300,
            estimator="hist_gradient_boosting",
            parameters={"max_iter": 5},
            features=("years", "rate"),
            folds=5,
            cross_validation={"roc_auc": fold_scores(0.9)},
            search=SEARCH,
            calibration=Calibration(method="none", reason="it does not help", log_loss={"none": 0.5}),
            threshold=Threshold(value=0.6, objective="accuracy", reason="best", scores={"0.6": 0.8}),
            libraries={"numpy": "2.0"},
            git_commit="c0ffee",
            trained_at=provenance.trained_at,
            size=40,
        ),
        evaluation=Evaluation(
            rows=100,
            labels=("no", "yes"),
            metrics=dict.fromkeys(METRICS, 0.5),
            intervals=dict.fromkeys(METRICS, HALF),
            confidence=0.95,
            resamples=100,
            confusion_matrix=((40, 10), (20, 30)),
            by_label={
                "no": LabelMetrics(support=50, predicted=60, precision=HALF, recall=HALF, f1=HALF),
                "yes": LabelMetrics(support=50, predicted=0, precision=None, recall=HALF, f1=HALF),
            },
        ),
        curves=CURVES,
        slices=Slices(
            minimum_rows=50,
            too_small=2,
            slices=(
                make_slice("grade", "A", 0.9, roc_auc=HALF),
                make_slice("grade", "B", 0.7),
                make_slice("secured", "true", 0.8),
            ),
        ),
        fairness=Fairness(
            protected=(
                Protected(
                    feature="grade",
                    reference="A",
                    groups=(
                        make_group("A", 0.5, four_fifths=True),
                        make_group("B", 0.3, four_fifths=False, demographic_parity_ratio=HALF),
                    ),
                ),
            )
        ),
        explanation=Explanation(
            importance=(Importance(feature="years", drop=HALF), Importance(feature="rate", drop=HALF)),
            dependence=(
                Dependence(feature="years", values=("1", "2"), numbers=(1.0, 2000.0), scores=(0.2, 0.4)),
                Dependence(feature="grade", values=("A", "B"), numbers=None, scores=(0.4, 0.2)),
            ),
        ),
        baselines=Baselines(metrics={"roc_auc": 0.5, "log_loss": 0.5}, baselines=(UNTOUCHED,)),
        model=ModelReport(
            results=(ROC_AUC_GATE,),
            bytes=1234,
            microseconds=20.6,
            checked={"model.onnx": "0e" * 32},
            gates_checksum="5e" * 32,
        ),
        served=RefitReport(
            results=(), bytes=1234, microseconds=20.5, fitted_on="training rows", rows=300, **CHECKSUMS
        ),
        stability=KnownStability(STABILITY, None),
    )


@pytest.fixture(scope="module")
def empty_documents(documents: CardDocuments) -> CardDocuments:
    """Every document as empty as it can be, for a target with three labels."""
    return replace(
        documents,
        contract=documents.contract.model_copy(
            update={
                "target": THREE_LABELS,
                "provenance": documents.contract.provenance.model_copy(
                    update={"git_commit": None, "data_sha256": None}
                ),
            }
        ),
        data=DataReport(rows=0, checks={}, violations=(), left_out=()),
        training=documents.training.model_copy(
            update={"search": None, "threshold": None, "cross_validation": {}, "parameters": {}}
        ),
        evaluation=documents.evaluation.model_copy(
            update={
                "labels": THREE_LABELS.labels,
                "confusion_matrix": ((1, 2, 3), (0, 0, 0), (4, 5, 6)),
                "by_label": {},
            }
        ),
        curves=Curves(roc={}, precision_recall={}, lift={}, calibration={}),
        slices=Slices(minimum_rows=50, too_small=3, slices=()),
        fairness=Fairness(protected=()),
        explanation=Explanation(importance=(), dependence=()),
        model=ModelReport(results=(), bytes=1, microseconds=1.5, **CHECKSUMS),
        stability=KnownStability(None, "no other split of real rows was measured"),
    )
