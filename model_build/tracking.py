"""MLflow: a run for every bake, a registry of the models, and the way back from it to a baked model."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from app.contract import CONTRACT_FILE, MODEL_FILE, Contract, load, sha256
from app.errors import StartupError
from app.model import LABELS, PROBABILITIES, Model
from model_build import behaviour, charts, directory, figures
from model_build.documents import (
    Candidate,
    Curves,
    Evaluation,
    Explanation,
    Fairness,
    Interval,
    ModelReport,
    Origin,
    Slices,
    TrainingReport,
)
from model_build.errors import BuildError, GateError
from model_build.sections import ModelChecks
from model_build.spec import ModelSpec
from model_build.stages import Job, Stage

SETTINGS = {
    "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # its own 7 wait four minutes for a server that is not there
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""Of MLflow, which reads them as it is imported; the environment may have others."""
os.environ |= SETTINGS | os.environ

try:
    import mlflow.onnx
    import requests
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils as database
    from mlflow.types import ColSpec, Schema, TensorSpec
    from sqlalchemy.exc import SQLAlchemyError
except ModuleNotFoundError as error:
    raise BuildError(
        "MLflow is not installed. Run `make lab`, or install model_build/lab-requirements.txt."
    ) from error

database.MAX_RETRY_COUNT = 3  # its own 10 wait 100 seconds for a file that can't be opened

FAILURES = (
    MlflowException,
    requests.RequestException,
    SQLAlchemyError,
    BotoCoreError,
    ClientError,
    Boto3Error,
)
"""Of MLflow, its server, its database, and S3."""
CANDIDATE, CHAMPION = "candidate", "champion"
SEAL = "contract_sha256"
"""Tag of a registered version: the contract has the checksums of all other files."""
FILES = "extra_files"
"""Where an MLflow model has the files that were added to it: those of the baked model."""
NOT_LOGGED = frozenset({".csv", ".onnx"})
"""The rows stay where they are, and the model goes to the registry."""
MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
MLFLOW_TYPES = {"integer": "long", "number": "double", "category": "string", "boolean": "boolean"}


# ---- a run for every bake


@contextmanager
def track(job: Job, makers: Iterable[Stage], out: Path) -> Iterator[None]:
    """Keep the bake that is done meanwhile as a run, and register the model at `out`.

    A bake that fails leaves a run that failed, with what its stages had made, and registers nothing.

    Raises:
        BuildError: MLflow does not take it.
    """
    place = _public(mlflow.get_tracking_uri())
    with _said(f"MLflow at {place}"):
        with job.progress.step("track") as notes:
            run = _start(job.spec)
            notes.append(f"run {run.info.run_name} of {job.spec.name}, {place}")
        with run:
            try:
                yield
            except BuildError as error:
                mlflow.set_tag("error", str(error))
                _log(_made(job, makers), job.spec)
                raise
            with job.progress.step("register") as notes, _said(f"{out}/ is baked, but MLflow at {place}"):
                _log(_made(job, makers), job.spec)
                notes.extend(_register(load(out), out, run.info.run_id))


def _start(spec: ModelSpec) -> Any:
    experiment = mlflow.set_experiment(spec.name)
    tags = {"model_version": spec.version, "spec_sha256": spec.sha256}
    return mlflow.start_run(experiment_id=experiment.experiment_id, tags=tags, description=spec.description)


def _made(job: Job, makers: Iterable[Stage]) -> dict[str, Path]:
    """Return, by name, what the stages of this bake made, up to one that failed: that has no stamp.

    What later stages made of other data before is left out.
    """
    made: dict[str, Path] = {}
    for stage in makers:
        made |= {name: job.path(name) for name in stage.outputs if job.path(name).exists()}
        if not job.path(f".{stage.name}.json").exists():
            break
    return made


def _log(made: Mapping[str, Path], spec: ModelSpec) -> None:
    for name, path in made.items():
        if name in LOGGED:
            LOGGED[name](path, spec)
        if path.suffix not in NOT_LOGGED:
            mlflow.log_artifact(str(path))


def _log_origin(path: Path, spec: ModelSpec) -> None:
    origin = Origin.read(path)
    mlflow.log_param("data_source", origin.source)
    mlflow.set_tags(_known(data_source=origin.source, data_sha256=origin.sha256))
    columns = [ColSpec(MLFLOW_TYPES[each.type], each.name, each.missing is None) for each in spec.features]
    schema = Schema([*columns, ColSpec("string", spec.target.name)])
    data = Dataset(
        name=Path(origin.uri).name,
        digest=(origin.sha256 or spec.sha256)[:36],  # the longest there may be; the spec seeds synthetic data
        source_type=origin.source,
        source=json.dumps({"uri": origin.uri}),
        schema=json.dumps({"mlflow_colspec": schema.to_dict()}),
    )
    tags = [InputTag("mlflow.data.context", "training")]
    mlflow.MlflowClient().log_inputs(mlflow.active_run().info.run_id, [DatasetInput(data, tags)])


def _log_training(path: Path, spec: ModelSpec) -> None:
    report = TrainingReport.read(path)
    mlflow.set_tags(_known(git_commit=report.git_commit))
    mlflow.log_params(
        _parameters(report.parameters)
        | {
            "estimator": report.estimator,
            "features": ", ".join(report.features),
            "rows": report.rows,
            "test": spec.split.test,
            "seed": spec.split.seed,
            "folds": report.folds,
            "calibration": report.calibration.method,
            "threshold": report.threshold.value if report.threshold else spec.target.threshold,
        }
    )
    spreads = report.cross_validation.items()
    mlflow.log_metrics(
        {f"cross_validation_{name}_mean": spread.mean for name, spread in spreads}
        | {f"cross_validation_{name}_deviation": spread.deviation for name, spread in spreads}
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
    found = Slices.read(path).slices
    if found:
        worst = min(found, key=lambda each: each.metrics["accuracy"].value)
        accuracy = worst.metrics["accuracy"]
        pairs = zip(worst.features, worst.levels, strict=True)
        mlflow.set_tag("worst_slice", ", ".join(f"{feature} {level}" for feature, level in pairs))
        mlflow.log_metrics(
            {"worst_slice_accuracy": accuracy.value} | _bounds({"worst_slice_accuracy": accuracy})
        )


def _log_figures(path: Path, spec: ModelSpec) -> None:
    """Log the figures of the card as files, because MLflow shows those beside a run."""
    found = path.parent
    target = TrainingReport.read(found / "training.json").with_threshold(spec.target)
    evaluation = Evaluation.read(found / "metrics.json")
    drawn = [
        *charts.performance(target, Curves.read(found / "curves.json"), evaluation),
        *chain(*map(charts.fairness, Fairness.read(found / "fairness.json").protected)),
        *charts.explanation(target, Explanation.read(path)),
    ]
    for chart in drawn:
        name = "_".join(re.findall(r"\w+", chart.title.lower()))
        mlflow.log_text(figures.as_file(chart.drawing), f"figures/{name}.svg")


def _log_checks(path: Path, _: ModelSpec) -> None:
    report = ModelReport.read(path)
    mlflow.log_metrics(
        {
            "bytes": report.bytes,
            "microseconds": report.microseconds,
            "checks_kept": len(report.kept),
            "checks_broken": len(report.broken),
        }
    )


LOGGED: Mapping[str, Callable[[Path, ModelSpec], None]] = {
    "source.json": _log_origin,
    "training.json": _log_training,
    "metrics.json": _log_evaluation,
    "slices.json": _log_worst_slice,
    "importance.json": _log_figures,
    "model-checks.json": _log_checks,
}


# ---- the registry


def _register(contract: Contract, baked: Path, run_id: str) -> list[str]:
    """Make the baked model a new version and the candidate; the first is the champion too."""
    client, name = mlflow.MlflowClient(), contract.name
    logged = _log_model(contract, baked)
    try:
        client.create_registered_model(name, description=f"{contract.title}. {contract.description}")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    found = client.create_model_version(
        name,
        source=logged.model_uri,
        run_id=run_id,
        tags=_tags(contract, baked),
        description=f"Version {contract.model_version}. {contract.description}",
        model_id=logged.model_id,
    )
    client.set_registered_model_alias(name, CANDIDATE, found.version)
    champion = client.get_registered_model(name).aliases.get(CHAMPION)
    if champion:
        return [
            f"models:/{name}/{found.version} is the {CANDIDATE}; version {champion} is the {CHAMPION} until",
            f'mlflow.MlflowClient().set_registered_model_alias("{name}", "{CHAMPION}", {found.version})',
        ]
    client.set_registered_model_alias(name, CHAMPION, found.version)
    return [f"models:/{name}/{found.version} is the {CANDIDATE}, and as the first one the {CHAMPION}"]


def _log_model(contract: Contract, baked: Path) -> Any:
    """Log an ONNX model that MLflow itself can serve, together with the files of the baked model."""
    model = Model.load(baked)
    width, labels = len(contract.features), len(contract.target.labels)
    signature = mlflow.models.ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, width))]),
        outputs=Schema(
            [
                TensorSpec(np.dtype(np.int64), (-1,), LABELS),
                TensorSpec(np.dtype(np.float32), (-1, labels), PROBABILITIES),
            ]
        ),
    )
    libraries = contract.provenance.libraries
    return mlflow.onnx.log_model(
        onnx.load(baked / MODEL_FILE),
        name="model",
        signature=signature,
        input_example=model.encode([contract.example]),
        pip_requirements=[f"{name}=={libraries[name]}" for name in ("numpy", "onnx", "onnxruntime")],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
        extra_files=[str((baked / name).resolve()) for name in (CONTRACT_FILE, *contract.files)],
        metadata={"features": [each.name for each in contract.features]},
    )


def _tags(contract: Contract, baked: Path) -> dict[str, str]:
    origin = contract.provenance
    return _known(
        model_version=contract.model_version,
        spec_sha256=origin.spec_sha256,
        data_source=origin.data_source,
        data_sha256=origin.data_sha256,
        git_commit=origin.git_commit,
    ) | {SEAL: sha256((baked / CONTRACT_FILE).read_bytes())}


def _known(**tags: str | None) -> dict[str, str]:
    return {name: value for name, value in tags.items() if value is not None}


# ---- and back


def restore(job: Job, uri: str, out: Path) -> Contract:
    """Write the baked model that is registered as `uri` to `out`, byte by byte as it was baked.

    Raises:
        BuildError: there is none, it was changed, it is of another spec, or it breaks a promise of the spec.
            What was at `out` is as it was.
    """
    directory.check_replaceable(out, CONTRACT_FILE)
    place = _public(mlflow.get_tracking_uri())
    job.progress.say(f"Baking {uri} of {place}")
    with tempfile.TemporaryDirectory() as scratch:
        with job.progress.step("download") as notes, _said(f"{uri} of {place}"):
            version = _version(uri)
            aliases = ", ".join(version.aliases) or "no alias"
            notes.append(f"version {version.version} ({aliases}), run {version.run_id}")
            files = _download(version, scratch)
        with job.progress.step("check-model") as notes:
            model = _check(job.spec, uri, files)
            kept = _behave(job.spec, uri, model)
            notes.append(f"{len(model.contract.files)} checksums and {kept} checks kept")
        with job.progress.step("bake") as notes:
            names = (CONTRACT_FILE, *model.contract.files)
            directory.replace(out, {name: (files / name).read_bytes() for name in names})
            out.with_name(f"{out.name}.joblib").unlink(missing_ok=True)  # it is of another model
            notes.append(f"{out}/")
    return model.contract


def _version(uri: str) -> Any:
    found = MODEL_URI.fullmatch(uri)
    if not found:
        raise BuildError(f"{uri} is not of the form models:/NAME@ALIAS or models:/NAME/VERSION.")
    client = mlflow.MlflowClient()
    if found["alias"]:
        return client.get_model_version_by_alias(found["name"], found["alias"])
    return client.get_model_version(found["name"], found["version"])


def _download(version: Any, scratch: str) -> Path:
    """Return the directory of the baked model; raise BuildError if it isn't the one that was registered."""
    uri = f"models:/{version.name}/{version.version}"
    files = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=scratch)) / FILES
    contract = files / CONTRACT_FILE
    if SEAL not in version.tags or not contract.is_file():
        raise BuildError(f"{uri} holds no baked model; `bake --track` registers one.")
    seal = sha256(contract.read_bytes())
    if seal != version.tags[SEAL]:
        raise BuildError(
            f"{uri} was changed: its {CONTRACT_FILE} has sha256 {seal}, not {version.tags[SEAL]}."
        )
    return files


def _check(spec: ModelSpec, uri: str, files: Path) -> Model:
    try:
        model = Model.load(files)
    except StartupError as error:
        raise BuildError(f"{uri} can't be served. {error}") from error
    contract = model.contract
    if contract.name != spec.name:
        raise BuildError(f"{uri} is a model of the spec {contract.name}, not of {spec.name}.")
    if (contract.features, contract.target.labels) != (spec.features, spec.target.labels):
        raise BuildError(
            f"{uri} has other features or labels than the spec {spec.name}; use the spec that it was baked "
            f"from, of commit {contract.provenance.git_commit}."
        )
    return model


def _behave(spec: ModelSpec, uri: str, model: Model) -> int:
    """Hold the model to the checks that need no data but the example and the golden rows; return how many."""
    checks = ModelChecks(golden=spec.model_checks.golden)
    verdicts = behaviour.behave(model, checks, [model.contract.example], spec.split.seed)
    broken = [each.sentence for each in verdicts if not each.kept]
    if broken:
        raise GateError(f"{uri} was not baked: {'; '.join(broken)}.")
    return len(verdicts)


@contextmanager
def _said(subject: str) -> Iterator[None]:
    """Say in one sentence what `subject`, or where it keeps its files, has against what is done meanwhile."""
    try:
        yield
    except FAILURES as error:
        subject = _said_before(error) + subject
        cause = error.__context__ if isinstance(error, MlflowException) else error
        if isinstance(cause, requests.ConnectionError | requests.Timeout):
            raise BuildError(f"{subject} can't be reached ({type(cause).__name__}).") from error
        reason = str(error).partition("\n")[0]
        raise BuildError(f"{subject}: {_public(reason)}") from error


def _said_before(error: BaseException | None) -> str:
    """Return what a bake had failed of already when MLflow failed too; nothing if it had not."""
    while error is not None and not isinstance(error, BuildError):
        error = error.__context__
    return f"{error}\nBesides, " if error else ""


def _public(text: str) -> str:
    """Return text without the user and password that a URL in it may have."""
    return CREDENTIALS.sub("", text)
