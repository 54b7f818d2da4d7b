"""What a run of MLflow keeps: parameters, metrics, tags, plots and the documents of the stages."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.types import ColSpec, Schema

from model_build.artifacts import (
    Candidate,
    Curves,
    Evaluation,
    Explanation,
    Interval,
    Slices,
    TrainingReport,
)
from model_build.fairness_report import Fairness
from model_build.gate_report import ModelReport, RefitReport
from model_build.origin import Origin
from model_build.reports.plots import plot_explanation, plot_fairness, plot_performance
from model_build.reports.svg import to_file
from model_build.spec.model_spec import ModelSpec

NOT_LOGGED = frozenset({".csv", ".onnx", ".parquet"})
"""Rows are not logged, and the model goes to the registry."""
MLFLOW_TYPES = {
    "integer": "long",
    "number": "double",
    "category": "string",
    "boolean": "boolean",
    "datetime": "string",
}


def log_run(outputs: Mapping[str, Path], spec: ModelSpec) -> None:
    """Log the outputs of the stages, by name, to the active run."""
    for name, path in outputs.items():
        if name in LOGGED:
            LOGGED[name](path, spec)
        if path.suffix not in NOT_LOGGED:
            mlflow.log_artifact(str(path))


def _log_origin(path: Path, spec: ModelSpec) -> None:
    origin = Origin.read(path)
    mlflow.log_param("data_source", origin.source)
    mlflow.set_tags(known_tags(data_source=origin.source, data_sha256=origin.sha256))
    columns = [
        ColSpec(MLFLOW_TYPES[feature.type], feature.name, feature.missing is None)
        for feature in spec.features
    ]
    schema = Schema([*columns, ColSpec("string", spec.target.name)])
    data = Dataset(
        name=Path(origin.uri).name,
        digest=(origin.sha256 or spec.sha256)[:36],  # MLflow's limit; the spec has the seed of synthetic data
        source_type=origin.source,
        source=json.dumps({"uri": origin.uri}),
        schema=json.dumps({"mlflow_colspec": schema.to_dict()}),
    )
    tags = [InputTag("mlflow.data.context", "training")]
    mlflow.MlflowClient().log_inputs(mlflow.active_run().info.run_id, [DatasetInput(data, tags)])


def _log_training(path: Path, spec: ModelSpec) -> None:
    report = TrainingReport.read(path)
    mlflow.set_tags(known_tags(git_commit=report.git_commit))
    mlflow.log_params(
        _parameters(report.parameters)
        | {
            "estimator": report.estimator,
            "features": ", ".join(report.features),
            "rows": report.rows,
            "test": spec.split.test or spec.split.kind,
            "seed": spec.split.seed,
            "split": spec.split.kind,
            "folds": report.folds,
            "calibration": report.calibration.method,
            "threshold": report.threshold.value if report.threshold else spec.target.threshold,
        }
    )
    scores = report.cross_validation.items()
    mlflow.log_metrics(
        {f"cross_validation_{name}_mean": score.mean for name, score in scores}
        | {f"cross_validation_{name}_deviation": score.deviation for name, score in scores}
        | {"size": report.size}
    )
    if report.search:
        for candidate in report.search.candidates:
            _log_trial(candidate, report.search.metric)


def _log_trial(candidate: Candidate, metric: str) -> None:
    with mlflow.start_run(nested=True, tags={"trial": "search"}):
        mlflow.log_params(_parameters(candidate.parameters))
        mlflow.log_metrics(
            {
                f"cross_validation_{metric}_mean": candidate.score,
                f"cross_validation_{metric}_standard_error": candidate.standard_error,
                "size": candidate.size,
            }
        )


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {f"estimator.{name}": value for name, value in parameters.items()}


def _log_evaluation(path: Path, _: ModelSpec) -> None:
    evaluation = Evaluation.read(path)
    mlflow.log_metrics(evaluation.metrics | _bounds(evaluation.intervals))


def _bounds(intervals: Mapping[str, Interval]) -> dict[str, float]:
    lows = {f"{name}_low": interval.low for name, interval in intervals.items()}
    return lows | {f"{name}_high": interval.high for name, interval in intervals.items()}


def _log_worst_slice(path: Path, _: ModelSpec) -> None:
    slices = Slices.read(path).slices
    if slices:
        worst = min(slices, key=lambda slice_: slice_.metrics["accuracy"].value)
        accuracy = worst.metrics["accuracy"]
        pairs = zip(worst.features, worst.levels, strict=True)
        mlflow.set_tag("worst_slice", ", ".join(f"{feature} {level}" for feature, level in pairs))
        mlflow.log_metrics(
            {"worst_slice_accuracy": accuracy.value} | _bounds({"worst_slice_accuracy": accuracy})
        )


def _log_plots(path: Path, spec: ModelSpec) -> None:
    """Log the plots of the card as files, because MLflow shows files beside a run."""
    build = path.parent
    target = TrainingReport.read(build / "training.json").with_threshold(spec.target)
    evaluation = Evaluation.read(build / "metrics.json")
    plots = [
        *plot_performance(target, Curves.read(build / "curves.json"), evaluation),
        *chain(*map(plot_fairness, Fairness.read(build / "fairness.json").protected)),
        *plot_explanation(target, Explanation.read(path)),
    ]
    for plot in plots:
        name = "_".join(re.findall(r"\w+", plot.title.lower()))
        mlflow.log_text(to_file(plot.drawing), f"plots/{name}.svg")


def _log_gates(path: Path, _: ModelSpec) -> None:
    report = ModelReport.read(path)
    mlflow.log_metrics(
        {
            "bytes": report.bytes,
            "microseconds": report.microseconds,
            "gates_passed": len(report.passed),
            "gates_failed": len(report.failed),
        }
    )


def _log_refit(path: Path, _: ModelSpec) -> None:
    report = RefitReport.read(path)
    mlflow.set_tag("fitted_on", report.fitted_on)
    mlflow.log_metrics(
        {
            "served_bytes": report.bytes,
            "served_microseconds": report.microseconds,
            "served_gates_passed": len(report.passed),
            "served_gates_failed": len(report.failed),
        }
    )


LOGGED: Mapping[str, Callable[[Path, ModelSpec], None]] = {
    "source.json": _log_origin,
    "training.json": _log_training,
    "metrics.json": _log_evaluation,
    "slices.json": _log_worst_slice,
    "importance.json": _log_plots,
    "model-checks.json": _log_gates,
    "refit.json": _log_refit,
}


def known_tags(**tags: str | None) -> dict[str, str]:
    """Return the tags that have a value."""
    return {name: value for name, value in tags.items() if value is not None}
