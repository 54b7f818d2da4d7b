"""Bakes that MLflow tracks. MLflow must be prepared before a test imports it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model_build import pipeline
from model_build.console import Progress
from model_build.spec import model_spec
from model_build.stage import Job
from model_build.tracking.environment import prepare_mlflow
from tests.support.tiny import TINY, loans

with warnings.catch_warnings():
    # MLflow 3.17 causes these itself when it is first used.
    warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
    warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
    prepare_mlflow()
    import mlflow.pyfunc
    import mlflow.store.tracking.sqlalchemy_store

    from model_build.tracking import registry


@dataclass(frozen=True)
class Bakery:
    """Bakes in a directory of its own, with a store of its own."""

    directory: Path
    progress: Progress

    def job(self, name: str, text: str = TINY) -> Job:
        """Return a job for a tiny spec of that name."""
        path = self.directory / f"{name}.yaml"
        path.write_text(text.replace("name: tiny\n", f"name: {name}\n"))
        build = self.directory / "build" / name
        return Job(model_spec.load(str(path)), build, self.directory, self.progress, "real")

    def bake(self, job: Job) -> Path:
        """Bake and register; return the directory of the baked model."""
        out = self.directory / "models" / job.spec.name
        pipeline.bake(job, out, registry.track_bake(job, pipeline.STAGES, out))
        return out

    def restore(self, job: Job, uri: str) -> Path:
        out = self.directory / "restored" / job.spec.name
        registry.restore_model(job, uri, out)
        return out


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory, quiet: Progress) -> Iterator[Bakery]:
    directory = tmp_path_factory.mktemp("bakery")
    (directory / "loans.csv").write_text(loans())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{directory}/mlflow.db")
        patch.setenv("GIT_COMMIT", "c0ffee")
        yield Bakery(directory, quiet)


def runs(name: str) -> list[Any]:
    """Return the runs of an experiment, the newest first."""
    return list(mlflow.search_runs(experiment_names=[name], output_format="list"))


def artifacts(run: Any, directory: str | None = None) -> set[str]:
    return {item.path for item in mlflow.MlflowClient().list_artifacts(run.info.run_id, directory)}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def aliases(name: str) -> dict[str, int]:
    versions = mlflow.MlflowClient().get_registered_model(name).aliases
    return {alias: int(version) for alias, version in versions.items()}


@pytest.fixture(scope="module")
def tiny(bakery: Bakery) -> Path:
    """The baked model of the spec tiny, which was baked once."""
    return bakery.bake(bakery.job("tiny"))
