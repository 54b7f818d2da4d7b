"""The last step of a bake: it packs the outputs of the stages into the directory that the service reads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib

from app.core.base_feature import Default
from app.core.contract import (
    CONTRACT_FILE,
    MODEL_FILE,
    Contract,
    FittedOn,
    Provenance,
    Sha256,
    sha256,
)
from app.core.features import Feature
from model_build import atomic
from model_build.artifacts import Baselines, Evaluation, Slices, TrainingReport, file_sha256, require
from model_build.errors import BuildError, GateError
from model_build.gate_report import ModelReport, RefitReport
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from model_build.stage import Job
from model_build.text import pluralize

BAKED = ("metrics.json", "slices.json", "reference.json", "card.html", "card.md")
"""Files of the baked model beside the contract and the model."""
EVALUATED_FILE = "evaluated.onnx"
"""The model before a refit, in the baked model: only with it is a later model compared fairly."""
CHECKED = ("source.json", "training.json", "model.joblib", "model.onnx", "metrics.json", "slices.json")
"""Files that check-model judged; their checksums must not change afterwards."""
SERVED = ("model-checks.json", "served.joblib", "served.onnx")
"""Files that refit wrote or relied on; their checksums must not change afterwards."""
ASSEMBLED = tuple(dict.fromkeys((*CHECKED, *SERVED, "refit.json", *BAKED)))
"""Files that the last step of a bake reads."""


def package_model(job: Job, out: Path) -> Contract:
    """Pack the outputs of the stages into `out`; no stage runs.

    Raises:
        GateError: a gate failed, before the refit or after it.
        BuildError: the checks or the card belong to another model, spec or gates.
    """
    atomic.check_replaceable(out, CONTRACT_FILE)
    for name in ASSEMBLED:
        require(job.path(name), job.command("bake"))
    unsealed = build_contract(job, RefitReport.read(job.path("refit.json")).fitted_on)
    evaluated = read_model_report(job)
    _require_passed(evaluated, "")
    _require_passed(read_refit_report(job), " after the refit")
    _check_card(job)
    with job.progress.step("bake") as notes:
        documents = {name: job.path(name).read_bytes() for name in BAKED}
        if unsealed.provenance.is_refitted:
            documents[EVALUATED_FILE] = job.path("model.onnx").read_bytes()
        sealed, contents = seal(unsealed, job.path("served.onnx").read_bytes(), documents)
        atomic.replace(out, contents)
        atomic.dump(joblib.load(job.path("served.joblib")), out.with_name(f"{out.name}.joblib"))
        notes.append(f"{out}/ and {out}.joblib")
    job.progress.show_metrics(Evaluation.read(job.path("metrics.json")), Slices.read(job.path("slices.json")))
    for warning in evaluated.warnings:
        job.progress.warn(f"Warning: {warning.sentence}")
    return sealed


def build_contract(job: Job, fitted_on: FittedOn) -> Contract:
    """Return the contract of the model that learnt from these rows, still without checksums.

    Raises:
        BuildError: the model was trained with another spec, or the metrics belong to another model.
    """
    spec = job.spec
    origin = Origin.read(job.path("source.json"))
    report = TrainingReport.read(job.path("training.json"))
    if report.training_checksum != spec.training_checksum:
        raise BuildError(f"The model in {job.directory} was trained with another spec; train it again.")
    evaluation = Evaluation.read(job.path("metrics.json"))
    if evaluation.model_sha256 != file_sha256(job.path("model.onnx")):
        raise _belongs_to_another_model(job, "metrics.json", "evaluate")
    return describe_model(spec, origin, report, evaluation, fitted_on)


def describe_model(
    spec: ModelSpec,
    origin: Origin,
    report: TrainingReport,
    evaluation: Evaluation,
    fitted_on: FittedOn = "training rows",
) -> Contract:
    """Return the contract of a model that was trained and evaluated on these rows, without checksums."""
    provenance = Provenance(
        data_source=origin.source,
        data_uri=origin.uri,
        data_sha256=origin.sha256,
        rows=report.rows + evaluation.rows,
        fitted_on=fitted_on,
        licence=spec.data.licence,
        spec_sha256=spec.sha256,
        estimator_sha256=report.estimator_sha256,
        git_commit=report.git_commit,
        libraries=report.libraries,
        trained_at=report.trained_at,
    )
    return Contract(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        model_version=spec.version,
        features=with_defaults(spec.features, report.defaults),
        derived=spec.derived,
        ids=spec.ids,
        target=report.with_threshold(spec.target),
        metrics=evaluation.metrics,
        provenance=provenance,
        files={},
    )


def with_defaults(
    features: Sequence[Feature], defaults: Mapping[str, float | str | bool | None]
) -> tuple[Feature, ...]:
    """Return the features with values for the defaults that come from the training rows."""
    changes = {name: {"default": Default(value=value)} for name, value in defaults.items()}
    return tuple(
        type(feature).model_validate(feature.model_dump() | changes[feature.name])
        if feature.name in changes
        else feature
        for feature in features
    )


def checksums(job: Job, names: Iterable[str]) -> dict[str, Sha256]:
    return {name: file_sha256(job.path(name)) for name in names}


def read_baselines(job: Job) -> Baselines:
    """Raise BuildError if another model was compared with the baselines."""
    baselines = Baselines.read(job.path("baselines.json"))
    if baselines.model_sha256 != file_sha256(job.path("model.onnx")):
        raise _belongs_to_another_model(job, "baselines.json", "baselines")
    return baselines


def read_model_report(job: Job) -> ModelReport:
    """Return the results of check-model; raise BuildError if they belong to another model or other gates."""
    report = ModelReport.read(job.path("model-checks.json"))
    _check_report(job, report, "model-checks.json", "check-model", CHECKED)
    return report


def read_refit_report(job: Job) -> RefitReport:
    """Return what refit did; raise BuildError if it belongs to another model or other gates."""
    report = RefitReport.read(job.path("refit.json"))
    _check_report(job, report, "refit.json", "refit", SERVED)
    return report


def _check_report(job: Job, report: ModelReport, name: str, stage: str, files: Iterable[str]) -> None:
    if report.checked != checksums(job, files):
        raise _belongs_to_another_model(job, name, stage)
    if report.gates_checksum != job.spec.gates_checksum:
        raise BuildError(
            f"{job.path(name)} was made with other gates than the spec declares; "
            f"run `{job.command(stage)}` first."
        )


def _require_passed(report: ModelReport, time: str) -> None:
    if report.failed:
        names = ", ".join(result.name for result in report.failed)
        raise GateError(
            f"No model was baked: {len(report.failed)} of {pluralize(len(report.results), 'gate')} failed"
            f"{time} ({names})."
        )


def _check_card(job: Job) -> None:
    """Raise BuildError unless the card names the checksums of this model and of this spec."""
    card = job.path("card.md").read_text()
    if file_sha256(job.path("served.onnx")) not in card:
        raise _belongs_to_another_model(job, "card.md", "card")
    if job.spec.sha256 not in card:
        raise BuildError(f"{job.path('card.md')} belongs to another spec; run `{job.command('card')}` first.")


def _belongs_to_another_model(job: Job, name: str, stage: str) -> BuildError:
    return BuildError(f"{job.path(name)} belongs to another model; run `{job.command(stage)}` first.")


def seal(
    contract: Contract, onnx: bytes, documents: Mapping[str, bytes]
) -> tuple[Contract, dict[str, bytes]]:
    """Return the contract with all checksums, and every file of the baked model with its content."""
    contents = {MODEL_FILE: onnx, **documents}
    checksums = {name: sha256(content) for name, content in contents.items()}
    sealed = contract.model_copy(update={"files": checksums})
    return sealed, contents | {CONTRACT_FILE: to_json(sealed.model_dump(mode="json"))}


def to_json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
