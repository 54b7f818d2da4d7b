"""All gates of a model, applied through the code that serves it."""

from dataclasses import dataclass
from typing import Self

import joblib

from app.core.contract import FittedOn
from app.core.model import Model
from model_build.artifacts import Evaluation, Slices
from model_build.data.dataset import Dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.errors import BuildError, GateError
from model_build.export import package
from model_build.export.parity import measure_latency
from model_build.fairness_report import Fairness
from model_build.gate_report import GateResult, ModelReport, RefitReport
from model_build.gates import behaviour, bounds, champion
from model_build.gates.results import Measurements, check_measurements, parity_result
from model_build.origin import Origin
from model_build.stage import Job
from model_build.text import pluralize
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier


@dataclass(frozen=True)
class ExportedModel:
    """A model as it would be served, beside the fitted one that it was exported from, and what it costs."""

    model: Model
    fitted: Classifier | Calibrated
    bytes: int
    microseconds: float

    @classmethod
    def read(cls, job: Job, name: str, fitted_on: FittedOn) -> Self:
        onnx = job.path(f"{name}.onnx").read_bytes()
        model = Model(package.build_contract(job, fitted_on), onnx)
        microseconds = float(f"{measure_latency(model):.3g}")  # more digits are noise
        return cls(model, joblib.load(job.path(f"{name}.joblib")), len(onnx), microseconds)


def check_evaluated_model(job: Job, rows: Dataset) -> ModelReport:
    """Apply every gate of the spec, on the test rows."""
    exported = ExportedModel.read(job, "model", "training rows")
    return ModelReport(
        results=(
            *check_measurements(job.spec, _measurements(job, exported, rows)),
            *bounds.check_latency(job.spec.gates, exported.microseconds),
            *_compare_with_champion(job, exported.model, rows),
        ),
        bytes=exported.bytes,
        microseconds=exported.microseconds,
        checked=package.checksums(job, package.CHECKED),
        gates_checksum=job.spec.gates_checksum,
    )


def check_refitted_model(job: Job, test_rows: Dataset, all_rows: Dataset) -> RefitReport:
    """Apply again the gates that need no rows that are new to the model: parity, behaviour and cost."""
    spec, exported = job.spec, ExportedModel.read(job, "served", "training and test rows")
    model, rows = exported.model, all_rows.rows
    return RefitReport(
        results=(
            parity_result(model, rows, exported.fitted.predict_proba(encode_in_chunks(model.encode, rows))),
            *bounds.check_size(spec.gates, exported.bytes),
            *behaviour.check_behaviour(model, spec.model_checks, test_rows.rows, spec.split.seed),
            *bounds.check_latency(spec.gates, exported.microseconds),
        ),
        bytes=exported.bytes,
        microseconds=exported.microseconds,
        checked=package.checksums(job, package.SERVED),
        gates_checksum=spec.gates_checksum,
        fitted_on="training and test rows",
        rows=len(rows),
    )


def describe_results(report: ModelReport) -> list[str]:
    """Return the lines that a person at the terminal should read."""
    parity = next(result for result in report.results if result.kind == "parity")
    warnings = [f"warning: {result.sentence}" for result in report.warnings]
    unjudged = [result.sentence for result in report.not_judged]
    return [*warnings, parity.sentence, *unjudged, f"{pluralize(len(report.passed), 'gate')} passed"]


def stop_at_failed_gates(job: Job, report: ModelReport, name: str, time: str = "", remedy: str = "") -> None:
    """Raise GateError with the failed gates of the report `name`, after the metrics are shown."""
    if not report.failed:
        return
    job.progress.show_metrics(Evaluation.read(job.path("metrics.json")), Slices.read(job.path("slices.json")))
    sentences = "\n".join(f"  {result.sentence}" for result in report.failed)
    raise GateError(
        f"No model was baked: {len(report.failed)} of {pluralize(len(report.results), 'gate')} failed{time} "
        f"({job.path(name)} has all results):\n{sentences}{remedy}"
    )


def champion_location(job: Job) -> str | None:
    return job.deployed or job.spec.gates.deployed.model


def _measurements(job: Job, exported: ExportedModel, rows: Dataset) -> Measurements:
    model = exported.model
    return Measurements(
        model=model,
        bytes=exported.bytes,
        rows=rows.rows,
        expected=exported.fitted.predict_proba(encode_in_chunks(model.encode, rows.rows)),
        source=Origin.read(job.path("source.json")).source,
        evaluation=Evaluation.read(job.path("metrics.json")),
        slices=Slices.read(job.path("slices.json")),
        fairness=Fairness.read(job.path("fairness.json")),
        baselines=package.read_baselines(job),
    )


def _compare_with_champion(job: Job, model: Model, rows: Dataset) -> list[GateResult]:
    """Compare with the deployed model, if one is named; the gate fails if that model is not available."""
    location = champion_location(job)
    if not location:
        return []
    try:
        return [champion.compare_with_champion(job.spec, location, model, rows.rows, rows.labels)]
    except BuildError as error:
        sentence = str(error).removesuffix(".")
        return [GateResult(kind="deployed", name="deployed", passed=False, sentence=sentence)]
