"""MLflow: a run for every bake, a registry of the models, and the way back from it to a baked model."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from app.core.contract import CONTRACT_FILE, MODEL_FILE, Contract, load_contract, sha256
from app.core.errors import StartupError
from app.core.model import LABELS, PROBABILITIES, Model
from model_build import atomic
from model_build.errors import BuildError, GateError
from model_build.gates import behaviour
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import ModelChecks
from model_build.stage import Job, Stage

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
    from mlflow.exceptions import MlflowException
    from mlflow.store.db import utils as database
    from mlflow.types import Schema, TensorSpec
    from sqlalchemy.exc import SQLAlchemyError

    from model_build.tracking import runs
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
MODEL_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")


# ---- a run for every bake


@contextmanager
def track_bake(job: Job, makers: Iterable[Stage], out: Path) -> Iterator[None]:
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
                runs.log_run(_made(job, makers), job.spec)
                raise
            with job.progress.step("register") as notes, _said(f"{out}/ is baked, but MLflow at {place}"):
                runs.log_run(_made(job, makers), job.spec)
                notes.extend(_register(load_contract(out), out, run.info.run_id))


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
    return runs.known(
        model_version=contract.model_version,
        spec_sha256=origin.spec_sha256,
        data_source=origin.data_source,
        data_sha256=origin.data_sha256,
        git_commit=origin.git_commit,
    ) | {SEAL: sha256((baked / CONTRACT_FILE).read_bytes())}


# ---- and back


def restore_model(job: Job, uri: str, out: Path) -> Contract:
    """Write the baked model that is registered as `uri` to `out`, byte by byte as it was baked.

    Raises:
        BuildError: there is none, it was changed, it is of another spec, or it breaks a promise of the spec.
            What was at `out` is as it was.
    """
    atomic.check_replaceable(out, CONTRACT_FILE)
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
            atomic.replace(out, {name: (files / name).read_bytes() for name in names})
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
    verdicts = behaviour.check_behaviour(model, checks, [model.contract.example], spec.split.seed)
    broken = [each.sentence for each in verdicts if not each.passed]
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
