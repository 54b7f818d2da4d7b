"""The model to serve, as files of the build: the evaluated model, or its refit."""

import shutil

import joblib

from app.core.encoders import row_encoder
from model_build import atomic
from model_build.artifacts import TrainingReport
from model_build.data.dataset import Dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.export import package
from model_build.export.onnx import convert
from model_build.gate_report import ModelReport, RefitReport
from model_build.stage import Job
from model_build.training.refit import refit_model


def serve_evaluated_model(job: Job, evaluated: ModelReport) -> RefitReport:
    """Copy the evaluated model, which needs no other check."""
    for suffix in ("joblib", "onnx"):
        shutil.copyfile(job.path(f"model.{suffix}"), job.path(f"served.{suffix}"))
    return RefitReport(
        results=(),
        bytes=evaluated.bytes,
        microseconds=evaluated.microseconds,
        checked=package.checksums(job, package.SERVED),
        gates_checksum=evaluated.gates_checksum,
        fitted_on="training rows",
        rows=TrainingReport.read(job.path("training.json")).rows,
    )


def write_refitted_model(job: Job, rows: Dataset) -> None:
    """Fit the evaluated model again on all rows; raise BuildError if other code or libraries trained it."""
    matrix = encode_in_chunks(row_encoder(job.spec.features, job.spec.derived), rows.rows)
    evaluated, report = joblib.load(job.path("model.joblib")), TrainingReport.read(job.path("training.json"))
    model = refit_model(job, evaluated, report, matrix, rows.labels, rows.carried.weights)
    atomic.dump(model, job.path("served.joblib"))
    job.path("served.onnx").write_bytes(convert(model, job.spec.name, len(job.spec.columns)))
