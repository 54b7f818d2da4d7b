"""What a stage of the pipeline is: a command with declared inputs and outputs, which runs only if it must."""

import fcntl
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from app.core.contract import sha256
from model_build.artifacts import file_sha256, require
from model_build.console import Progress
from model_build.errors import BuildError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.source import SourceMode

LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "pandas")
"""What a baked model names as the libraries that made it."""
TOOLS = (*LIBRARIES, "fairlearn", "jinja2", "matplotlib", "optuna", "scipy")
"""What other outputs of the stages depend on too."""
CODE = Path(__file__).parent
NOT_CODE = frozenset({".pyc", ".txt", ".yaml"})
"""Suffixes of caches, requirements and specs, which lie beside the code; a spec counts by its sections."""
TRAINING_CODE = (CODE, CODE.parent / "app" / "core")
"""What may change a model: the training script, and the room of the service that it shares."""


@dataclass(frozen=True)
class Job:
    """One run of the training script for one spec."""

    spec: ModelSpec
    directory: Path
    """Where the stages leave what they make: build/NAME."""
    data_directory: Path
    progress: Progress
    source_mode: SourceMode = "auto"
    search: bool = False
    """Whether training looks for better parameters, as training.search of the spec says."""
    deployed: str | None = None
    """The model that the new one must not be worse than, in place of the one that the spec names."""

    spec_argument: str | None = None
    """The spec as the command line named it."""

    def path(self, name: str) -> Path:
        return self.directory / name

    def command(self, name: str) -> str:
        """Return what to type for another command on the same spec."""
        return " ".join(filter(None, ["python -m model_build", name, self.spec_argument]))


@dataclass(frozen=True)
class Stage:
    """A command; unchanged sections, inputs, code and libraries mean unchanged outputs."""

    name: str
    run: Callable[[Job, list[str]], None]
    sections: tuple[str, ...]
    """The parts of the spec that it reads."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Callable[[Job], Any] = lambda _: None
    """What else matters to it: of the command line, or the checksum of the spec."""
    reads_outside: Callable[[Job], bool] = lambda _: False
    """Whether it reads what isn't declared, a download or a running service, and so always runs."""


@contextmanager
def lock_build(job: Job) -> Iterator[None]:
    """Hold the build directory, so that no two runs mix what they make; a second one waits."""
    job.directory.mkdir(parents=True, exist_ok=True)
    with job.path(".lock").open("w") as file:  # the lock goes when it is closed, or we are killed
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            job.progress.say(f"Another run is at work in {job.directory}; this one waits until it is done.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_stage(stage: Stage, job: Job, makers: Iterable[Stage]) -> None:
    """Run a stage, unless what it would make is there already; its inputs are taken as they are.

    Raises:
        BuildError: an input is not there; or what the stage itself raises. Of its outputs there are then only
            those that it wrote before, a report for instance, and the next run does not trust them.
    """
    for maker in makers:
        _check_inputs(stage, job, maker)
    job.directory.mkdir(parents=True, exist_ok=True)
    stamp = job.path(f".{stage.name}.json")
    fingerprint = _fingerprint(stage, job)
    with job.progress.step(stage.name) as notes:
        if not stage.reads_outside(job) and _is_current(stage, job, stamp, fingerprint):
            _marker(stage, job).unlink(missing_ok=True)  # DVC may have made whole what was killed
            notes.append("unchanged")
            return
        for path in (stamp, *map(job.path, stage.outputs)):
            path.unlink(missing_ok=True)  # not to be written through, if it is DVC's link into its cache
        with _marked(_marker(stage, job)), threadpool_limits(1):  # threads differ in the last bits of sums
            stage.run(job, notes)
        outputs = {name: file_sha256(job.path(name)) for name in stage.outputs}
        stamp.write_text(json.dumps({"fingerprint": fingerprint, "outputs": outputs}, indent=2) + "\n")


def _check_inputs(stage: Stage, job: Job, maker: Stage) -> None:
    """Raise BuildError unless what the stage reads of the maker's is there, and all of it."""
    for name in set(stage.inputs) & set(maker.outputs):
        command = job.command(maker.name)
        require(job.path(name), command)
        if _marker(maker, job).exists():
            raise BuildError(f"{job.path(name)} may be cut short: {maker.name} did not end; run `{command}`.")


def _marker(stage: Stage, job: Job) -> Path:
    return job.path(f".{stage.name}.running")


@contextmanager
def _marked(marker: Path) -> Iterator[None]:
    """Leave the marker when what is done meanwhile is killed, or fails of itself."""
    marker.touch()
    try:
        yield
    except BuildError:
        marker.unlink()
        raise
    marker.unlink()


def _is_current(stage: Stage, job: Job, stamp: Path, fingerprint: str) -> bool:
    try:
        found = json.loads(stamp.read_bytes())
        return bool(
            found["fingerprint"] == fingerprint
            and found["outputs"] == {name: file_sha256(job.path(name)) for name in stage.outputs}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _fingerprint(stage: Stage, job: Job) -> str:
    tree = job.spec.model_dump(mode="json", include=set(stage.sections))
    parts = {
        "stage": stage.name,
        "sections": tree,
        "options": stage.options(job),
        "inputs": {name: file_sha256(job.path(name)) for name in stage.inputs},
        "code": code_checksum(),
        "libraries": library_versions(),
    }
    return sha256(json.dumps(parts, sort_keys=True).encode())


@cache
def code_checksum() -> str:
    """Return a checksum of all that trains: any of it may change any output."""
    contents = {
        f"{directory.name}/{path.relative_to(directory)}": sha256(path.read_bytes())
        for directory in TRAINING_CODE
        for path in directory.rglob("*")
        if path.is_file() and path.suffix not in NOT_CODE
    }
    return sha256(json.dumps(contents, sort_keys=True).encode())


@cache
def library_versions() -> dict[str, str]:
    return {name: version(name) for name in TOOLS}
