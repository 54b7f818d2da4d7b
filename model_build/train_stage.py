"""The stage that trains the model of a spec, or takes over one that is trained already."""

from functools import partial
from typing import Any

from app.core.encoders import row_encoder
from model_build import atomic
from model_build.artifacts import TrainingReport, file_sha256
from model_build.data import dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.export import package
from model_build.export.adopt import adopt_model
from model_build.export.drift_baseline import compute_drift_baseline
from model_build.export.onnx import convert
from model_build.stage import Job, baked_libraries
from model_build.training import train as training
from model_build.training.calibration import Calibrated
from model_build.training.defaults import compute_defaults


def train(job: Job, notes: list[str]) -> None:
    """Write the fitted or adopted model, the same model as ONNX, and the drift baseline."""
    rows = dataset.read_dataset(job.path("train.parquet"), job.spec)
    matrix = encode_in_chunks(row_encoder(job.spec.features, job.spec.derived), rows.rows)
    defaults = {"defaults": compute_defaults(job.spec.features, rows.rows)}
    if job.adopted:
        adopted = adopt_model(job.spec, job.adopted, len(matrix))
        notes += [f"adopted {job.adopted}: {adopted.report.estimator}", *adopted.notes]
        scores = adopted.model.predict_proba(matrix)
        baseline = compute_drift_baseline(job.spec.columns, job.spec.target, matrix, scores)
        _write_model(job, baseline, adopted.model, adopted.onnx, adopted.report.model_copy(update=defaults))
        return
    search_for = partial(training.search, job) if job.search else None
    trained = training.train_model(job.spec, matrix, rows.labels, search_for, rows.carried)
    onnx = convert(trained.model, job.spec.name, len(job.spec.columns))
    baseline = compute_drift_baseline(job.spec.columns, job.spec.target, matrix, trained.probabilities)
    fitted = trained.model.classifier if isinstance(trained.model, Calibrated) else trained.model
    gathered = fitted.gathered
    report = trained.report.model_copy(update={**defaults, "gathered": gathered})
    _write_model(job, baseline, trained.model, onnx, report)
    rare = {name: len(categories) for name, categories in gathered.items() if categories}
    notes += [f"rare categories of {name} that are read as one: {count}" for name, count in rare.items()]
    notes += [*training.notes(trained.report), f"model.onnx, {len(onnx):,} bytes"]


def _write_model(job: Job, baseline: Any, model: Any, onnx: bytes, report: TrainingReport) -> None:
    atomic.dump(model, job.path("model.joblib"))
    job.path("model.onnx").write_bytes(onnx)
    job.path("reference.json").write_bytes(package.to_json(baseline))
    report.write(job.path("training.json"))


def training_options(job: Job) -> list[Any]:
    """Return what the outputs depend on beside the spec and the rows."""
    adopted = file_sha256(job.adopted) if job.adopted else None
    estimator = job.spec.estimator
    return [job.search, estimator.code_sha256, adopted, baked_libraries(estimator.name)]
