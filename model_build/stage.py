"""A stage of the pipeline: a command with declared inputs and outputs, which runs only after a change."""

import fcntl
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
from threadpoolctl import threadpool_limits

from app.core.contract import sha256
from model_build.artifacts import file_sha256, require
from model_build.console import Progress
from model_build.errors import BuildError
from model_build.spec.estimator import BOOSTING_LIBRARIES
from model_build.spec.model_spec import ModelSpec
from model_build.spec.source import SourceMode
from model_build.spec.spec_files import stability_path

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas")
"""The libraries that a baked model names."""
TOOLS = (*LIBRARIES, "fairlearn", "jinja2", "markdown-it-py", "matplotlib", "optuna", "pyarrow", "scipy")
"""All libraries that the outputs of the stages depend on."""
CODE = Path(__file__).parent
NOT_CODE = frozenset({".json", ".pyc", ".txt", ".yaml"})
"""Suffixes of caches, requirements, specs and their stability; a stage declares what it reads of a spec."""
TRAINING_CODE = (CODE, CODE.parent / "app" / "core")
"""The code that may change a model: the training script, and the room that it shares with the service."""


@dataclass(frozen=True)
class Job:
    """One run of the training script for one spec."""

    spec: ModelSpec
    directory: Path
    """Where the stages write their outputs: build/NAME."""
    data_directory: Path
    progress: Progress
    source_mode: SourceMode = "auto"
    search: bool = False
    """Whether training searches for better parameters, as training.search of the spec says."""
    deployed: str | None = None
    """The model that the new one must not be worse than; it replaces the one that the spec names."""
    adopted: Path | None = None
    """The file of a model that is trained already and takes the place of the training."""
    skips_eda: bool = False
    """Whether a bake goes without the report on the data."""
    spec_argument: str | None = None
    """The spec as it was named on the command line."""

    def path(self, name: str) -> Path:
        return self.directory / name

    @property
    def stability_path(self) -> Path | None:
        """The file of the spec's stability, which need not exist; None if the spec has no file."""
        return stability_path(self.spec_argument) if self.spec_argument else None

    def command(self, name: str) -> str:
        """Return the command line of another command on the same spec."""
        return " ".join(filter(None, ["python -m model_build", name, self.spec_argument]))


@dataclass(frozen=True)
class Stage:
    """A command whose outputs depend only on its sections, inputs and options, the code and the libraries."""

    name: str
    run: Callable[[Job, list[str]], None]
    sections: tuple[str, ...]
    """The sections of the spec that it reads."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Callable[[Job], Any] = lambda _: None
    """Returns what else its outputs depend on: options of the command line, or the checksum of the spec."""
    reads_outside: Callable[[Job], bool] = lambda _: False
    """Whether it reads something undeclared, such as a download or a running service, and so always runs."""


@contextmanager
def lock_build(job: Job) -> Iterator[None]:
    """Lock the build directory, so that two runs never mix their outputs; the second run waits."""
    job.directory.mkdir(parents=True, exist_ok=True)
    with job.path(".lock").open("w") as file:  # the lock ends when the file is closed or the process dies
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            job.progress.say(f"Another run uses {job.directory}; this one waits until it ends.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_stage(stage: Stage, job: Job, producers: Iterable[Stage]) -> None:
    """Run a stage unless its outputs are up to date; no producer of its inputs runs.

    Raises:
        BuildError: an input does not exist or may be incomplete, or the stage itself raises. Outputs that the
            stage wrote before it failed, such as a report, stay; the next run does not trust them.
    """
    for producer in producers:
        _check_inputs(stage, job, producer)
    job.directory.mkdir(parents=True, exist_ok=True)
    stamp = job.path(f".{stage.name}.json")
    fingerprint = _fingerprint(stage, job)
    with job.progress.step(stage.name) as notes:
        if not stage.reads_outside(job) and _is_current(stage, job, stamp, fingerprint):
            _marker(stage, job).unlink(missing_ok=True)  # a run was killed, and DVC restored its outputs
            notes.append("unchanged")
            return
        for path in (stamp, *map(job.path, stage.outputs)):
            path.unlink(missing_ok=True)  # it may be DVC's link into its cache, which a write would change
        with _marked(_marker(stage, job)), threadpool_limits(1):  # more threads change the last bits of sums
            stage.run(job, notes)
        pa.default_memory_pool().release_unused()  # Arrow keeps what it frees, and the next stage needs it
        outputs = {name: file_sha256(job.path(name)) for name in stage.outputs}
        stamp.write_text(json.dumps({"fingerprint": fingerprint, "outputs": outputs}, indent=2) + "\n")


def _check_inputs(stage: Stage, job: Job, producer: Stage) -> None:
    """Raise BuildError unless every output of the producer that the stage reads exists and is complete."""
    for name in set(stage.inputs) & set(producer.outputs):
        command = job.command(producer.name)
        path = require(job.path(name), command)
        if _marker(producer, job).exists():
            raise BuildError(
                f"{path} may be incomplete, because {producer.name} did not end; run `{command}`."
            )


def _marker(stage: Stage, job: Job) -> Path:
    return job.path(f".{stage.name}.running")


@contextmanager
def _marked(marker: Path) -> Iterator[None]:
    """Create the marker for the time of the block; it stays if the block is killed or fails unexpectedly."""
    marker.touch()
    try:
        yield
    except BuildError:
        marker.unlink()
        raise
    marker.unlink()


def _is_current(stage: Stage, job: Job, stamp: Path, fingerprint: str) -> bool:
    try:
        last_run = json.loads(stamp.read_bytes())
        return bool(
            last_run["fingerprint"] == fingerprint
            and last_run["outputs"] == {name: file_sha256(job.path(name)) for name in stage.outputs}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fingerprint(stage: Stage, job: Job) -> str:
    dependencies = {
        "stage": stage.name,
        "sections": job.spec.model_dump(mode="json", include=set(stage.sections)),
        "options": stage.options(job),
        "inputs": {name: file_sha256(job.path(name)) for name in stage.inputs},
        "code": code_checksum(),
        "libraries": library_versions(),
    }
    return sha256(json.dumps(dependencies, sort_keys=True).encode())


@cache
def code_checksum() -> str:
    """Return a checksum of all training code, because any of it may change any output."""
    contents = {
        f"{directory.name}/{path.relative_to(directory)}": sha256(path.read_bytes())
        for directory in TRAINING_CODE
        for path in directory.rglob("*")
        if path.is_file() and path.suffix not in NOT_CODE
    }
    return sha256(json.dumps(contents, sort_keys=True).encode())


def baked_libraries(estimator: str = "") -> dict[str, str]:
    """Return the versions of the libraries that a baked model names, and of the estimator's own."""
    versions = {name: library_versions()[name] for name in LIBRARIES}
    if estimator in BOOSTING_LIBRARIES:
        versions[estimator] = import_module(estimator).__version__
    return versions


@cache
def library_versions() -> dict[str, str]:
    return {name: version(name) for name in TOOLS}
