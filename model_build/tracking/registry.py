"""MLflow's registry of models: registering a baked model, and restoring it."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow.onnx
import numpy as np
import onnx
import requests
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from mlflow.exceptions import MlflowException
from mlflow.types import Schema, TensorSpec
from sqlalchemy.exc import SQLAlchemyError

from app.core.baked_model import load_contract
from app.core.contract import CONTRACT_FILE, MODEL_FILE, Contract, sha256
from app.core.errors import StartupError
from app.core.model import LABELS, PROBABILITIES, Model
from model_build import atomic
from model_build.errors import BuildError, GateError
from model_build.gates import behaviour
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import ModelChecks
from model_build.stage import Job, Stage
from model_build.tracking import runs

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
CONTRACT_TAG = "contract_sha256"
"""Tag of a version with the checksum of its contract, which has the checksums of all other files."""
EXTRA_FILES = "extra_files"
"""The directory of an MLflow model that holds the files of the baked model."""
MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")


# ---- track and register


@contextmanager
def track_bake(job: Job, stages: Iterable[Stage], out: Path) -> Iterator[None]:
    """Keep the bake within the block as a run, and register the baked model at `out`.

    If the bake fails, the run is marked as failed and keeps what the stages wrote; nothing is registered.

    Raises:
        BuildError: MLflow failed.
    """
    store = _without_credentials(mlflow.get_tracking_uri())
    with _as_build_error(f"MLflow at {store}"):
        with job.progress.step("track") as notes:
            run = _start_run(job.spec)
            notes.append(f"run {run.info.run_name} of {job.spec.name}, {store}")
        with run:
            try:
                yield
            except BuildError as error:
                mlflow.set_tag("error", str(error))
                runs.log_run(_written_outputs(job, stages), job.spec)
                raise
            with (
                job.progress.step("register") as notes,
                _as_build_error(f"{out}/ is baked, but MLflow at {store}"),
            ):
                runs.log_run(_written_outputs(job, stages), job.spec)
                notes.extend(_register(load_contract(out), out, run.info.run_id))


def _start_run(spec: ModelSpec) -> Any:
    experiment = mlflow.set_experiment(spec.name)
    tags = {"model_version": spec.version, "spec_sha256": spec.sha256}
    return mlflow.start_run(experiment_id=experiment.experiment_id, tags=tags, description=spec.description)


def _written_outputs(job: Job, stages: Iterable[Stage]) -> dict[str, Path]:
    """Return, by name, the outputs of the stages up to the first one without a stamp: that one failed.

    Outputs of later stages are from an earlier bake.
    """
    outputs: dict[str, Path] = {}
    for stage in stages:
        outputs |= {name: job.path(name) for name in stage.outputs if job.path(name).exists()}
        if not job.path(f".{stage.name}.json").exists():
            break
    return outputs


def _register(contract: Contract, baked: Path, run_id: str) -> list[str]:
    """Register the baked model as a new version and the candidate; the first one is also the champion."""
    client, name = mlflow.MlflowClient(), contract.name
    logged = _log_model(contract, baked)
    try:
        client.create_registered_model(name, description=f"{contract.title}. {contract.description}")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    registered = client.create_model_version(
        name,
        source=logged.model_uri,
        run_id=run_id,
        tags=_version_tags(contract, baked),
        description=f"Version {contract.model_version}. {contract.description}",
        model_id=logged.model_id,
    )
    version = registered.version
    uri = f"models:/{name}/{version}"
    client.set_registered_model_alias(name, CANDIDATE, version)
    champion = client.get_registered_model(name).aliases.get(CHAMPION)
    if champion:
        return [
            f"{uri} is the {CANDIDATE}; version {champion} is the {CHAMPION} until you run",
            f'mlflow.MlflowClient().set_registered_model_alias("{name}", "{CHAMPION}", {version})',
        ]
    client.set_registered_model_alias(name, CHAMPION, version)
    return [f"{uri} is the {CANDIDATE} and, as the first version, the {CHAMPION}"]


def _log_model(contract: Contract, baked: Path) -> Any:
    """Log an ONNX model that MLflow itself can serve, together with the files of the baked model."""
    model = Model.load(baked)
    width, labels = len(contract.columns), len(contract.target.labels)
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
        metadata={"features": [column.name for column in contract.columns]},
    )


def _version_tags(contract: Contract, baked: Path) -> dict[str, str]:
    origin = contract.provenance
    return runs.known_tags(
        model_version=contract.model_version,
        spec_sha256=origin.spec_sha256,
        data_source=origin.data_source,
        data_sha256=origin.data_sha256,
        git_commit=origin.git_commit,
        fitted_on=origin.fitted_on,
    ) | {CONTRACT_TAG: sha256((baked / CONTRACT_FILE).read_bytes())}


# ---- restore


def restore_model(job: Job, uri: str, out: Path) -> Contract:
    """Write the baked model that is registered as `uri` to `out`, byte by byte as it was baked.

    Raises:
        BuildError: there is no such model, it was changed, it belongs to another spec, or it fails a check of
            the spec. `out` is unchanged.
    """
    atomic.check_replaceable(out, CONTRACT_FILE)
    store = _without_credentials(mlflow.get_tracking_uri())
    job.progress.say(f"Baking {uri} of {store}")
    with tempfile.TemporaryDirectory() as scratch:
        with job.progress.step("download") as notes, _as_build_error(f"{uri} of {store}"):
            version = _find_version(uri)
            aliases = ", ".join(version.aliases) or "no alias"
            notes.append(f"version {version.version} ({aliases}), run {version.run_id}")
            files = _download(version, scratch)
        with job.progress.step("check-model") as notes:
            model = _load_model(job.spec, uri, files)
            passed = _check_behaviour(job.spec, uri, model)
            notes.append(f"{len(model.contract.files)} checksums match, {passed} checks passed")
        with job.progress.step("bake") as notes:
            names = (CONTRACT_FILE, *model.contract.files)
            atomic.replace(out, {name: (files / name).read_bytes() for name in names})
            out.with_name(f"{out.name}.joblib").unlink(missing_ok=True)  # it belongs to another model
            notes.append(f"{out}/")
    return model.contract


def _find_version(uri: str) -> Any:
    match = MODEL_URI.fullmatch(uri)
    if not match:
        raise BuildError(f"{uri} does not have the form models:/NAME@ALIAS or models:/NAME/VERSION.")
    client = mlflow.MlflowClient()
    if match["alias"]:
        return client.get_model_version_by_alias(match["name"], match["alias"])
    return client.get_model_version(match["name"], match["version"])


def _download(version: Any, scratch: str) -> Path:
    """Return the directory of the baked model; raise BuildError unless its contract is the registered one."""
    uri = f"models:/{version.name}/{version.version}"
    files = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=scratch)) / EXTRA_FILES
    contract = files / CONTRACT_FILE
    if CONTRACT_TAG not in version.tags or not contract.is_file():
        raise BuildError(f"{uri} holds no baked model; `bake --track` registers one.")
    checksum = sha256(contract.read_bytes())
    if checksum != version.tags[CONTRACT_TAG]:
        raise BuildError(
            f"{uri} was changed: its {CONTRACT_FILE} has sha256 {checksum}, not {version.tags[CONTRACT_TAG]}."
        )
    return files


def _load_model(spec: ModelSpec, uri: str, files: Path) -> Model:
    """Return the model; raise BuildError if it can't be served, or belongs to another spec."""
    try:
        model = Model.load(files)
    except StartupError as error:
        raise BuildError(f"{uri} can't be served. {error}") from error
    contract = model.contract
    if contract.name != spec.name:
        raise BuildError(f"{uri} is a model of the spec {contract.name}, not of {spec.name}.")
    if (contract.columns, contract.target.labels) != (spec.columns, spec.target.labels):
        raise BuildError(
            f"{uri} has other features or labels than the spec {spec.name}; use the spec that it was baked "
            f"from, of commit {contract.provenance.git_commit}."
        )
    return model


def _check_behaviour(spec: ModelSpec, uri: str, model: Model) -> int:
    """Run the checks that need no data except the example and the golden rows; return their number."""
    checks = ModelChecks(golden=spec.model_checks.golden)
    results = behaviour.check_behaviour(model, checks, [model.contract.example], spec.split.seed)
    failed = [result.sentence for result in results if not result.passed]
    if failed:
        raise GateError(f"{uri} was not baked: {'; '.join(failed)}.")
    return len(results)


@contextmanager
def _as_build_error(subject: str) -> Iterator[None]:
    """Turn a failure of MLflow within the block into a BuildError of one sentence about `subject`."""
    try:
        yield
    except FAILURES as error:
        subject = _earlier_error(error) + subject
        cause = error.__context__ if isinstance(error, MlflowException) else error
        if isinstance(cause, requests.ConnectionError | requests.Timeout):
            raise BuildError(f"{subject} can't be reached ({type(cause).__name__}).") from error
        reason = str(error).partition("\n")[0]
        raise BuildError(f"{subject}: {_without_credentials(reason)}") from error


def _earlier_error(error: BaseException | None) -> str:
    """Return the sentence of the bake if it had failed before MLflow failed too, and nothing if not."""
    while error is not None and not isinstance(error, BuildError):
        error = error.__context__
    return f"{error}\nBesides, " if error else ""


def _without_credentials(text: str) -> str:
    """Return text without the user and the password of its URLs."""
    return CREDENTIALS.sub("", text)
