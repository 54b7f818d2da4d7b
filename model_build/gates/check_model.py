"""All gates of a model, applied through the code that serves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import joblib

from app.core.features import Encoder, Row
from app.core.model import Model
from model_build.artifacts import Evaluation, Fairness, GateResult, ModelReport, Origin, Slices
from model_build.data.dataset import Dataset
from model_build.errors import BuildError, GateError
from model_build.export import package
from model_build.export.parity import check_parity, measure_latency
from model_build.gates import behaviour, bounds, champion
from model_build.stage import Job


@dataclass(frozen=True)
class ExportedModel:
    """A model as it would be served, and what it costs."""

    model: Model
    bytes: int
    microseconds: float

    @classmethod
    def read(cls, job: Job) -> Self:
        onnx = job.path("model.onnx").read_bytes()
        model = Model(package.build_contract(job), onnx)
        return cls(model, len(onnx), float(f"{measure_latency(model):.3g}"))  # more digits are noise


def check_evaluated_model(job: Job, rows: Dataset) -> ModelReport:
    """Apply every gate of the spec, on the test rows."""
    exported = ExportedModel.read(job)
    return ModelReport(
        results=(
            _check_parity(job, exported.model, rows.rows),
            *_check_metrics(job),
            *bounds.check_cost_gates(job.spec.gates, exported.bytes, exported.microseconds),
            *behaviour.check_behaviour(exported.model, job.spec.model_checks, rows.rows, job.spec.split.seed),
            *_compare_with_champion(job, exported.model, rows),
        ),
        bytes=exported.bytes,
        microseconds=exported.microseconds,
        checked=package.artifact_checksums(job),
        gates_checksum=job.spec.gates_checksum,
    )


def champion_location(job: Job) -> str | None:
    return job.deployed or job.spec.gates.deployed.model


def _check_parity(job: Job, model: Model, rows: Sequence[Row]) -> GateResult:
    expected = joblib.load(job.path("model.joblib")).predict_proba(Encoder(job.spec.features)(rows))
    try:
        parity = check_parity(model, rows, expected)
    except GateError as error:
        return GateResult(kind="parity", name="parity", passed=False, sentence=str(error).removesuffix("."))
    sentence = (
        f"{parity.rows:,} rows: {parity.labels_that_differ} labels differ from scikit-learn's, "
        f"probabilities by at most {parity.largest_difference:.1e}"
    )
    return GateResult(kind="parity", name="parity", passed=True, sentence=sentence)


def _check_metrics(job: Job) -> list[GateResult]:
    return bounds.check_gates(
        job.spec.gates,
        Origin.read(job.path("source.json")).source,
        Evaluation.read(job.path("metrics.json")),
        Slices.read(job.path("slices.json")),
        Fairness.read(job.path("fairness.json")),
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
