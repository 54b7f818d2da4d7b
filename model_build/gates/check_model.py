"""All gates of a model, applied through the code that serves it."""

from dataclasses import dataclass
from typing import Self

import joblib

from app.core.features import Encoder
from app.core.model import Model
from model_build.artifacts import Evaluation, Fairness, GateResult, ModelReport, Origin, Slices
from model_build.data.dataset import Dataset
from model_build.errors import BuildError
from model_build.export import package
from model_build.export.parity import measure_latency
from model_build.gates import bounds, champion
from model_build.gates.results import Measurements, check_measurements
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
            *check_measurements(job.spec, _measurements(job, exported, rows)),
            *bounds.check_latency(job.spec.gates, exported.microseconds),
            *_compare_with_champion(job, exported.model, rows),
        ),
        bytes=exported.bytes,
        microseconds=exported.microseconds,
        checked=package.artifact_checksums(job),
        gates_checksum=job.spec.gates_checksum,
    )


def champion_location(job: Job) -> str | None:
    return job.deployed or job.spec.gates.deployed.model


def _measurements(job: Job, exported: ExportedModel, rows: Dataset) -> Measurements:
    fitted = joblib.load(job.path("model.joblib"))
    return Measurements(
        model=exported.model,
        bytes=exported.bytes,
        rows=rows.rows,
        expected=fitted.predict_proba(Encoder(job.spec.features)(rows.rows)),
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
