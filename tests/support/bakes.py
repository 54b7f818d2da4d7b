"""Bakes and clean rows of a spec, made by the real pipeline."""

import atexit
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.core.contract import Contract
from model_build import pipeline
from model_build.console import Progress
from model_build.data import dataset
from model_build.data.dataset import Dataset
from model_build.spec.model_spec import ModelSpec
from model_build.spec.source import SourceMode
from model_build.stage import Job


@cache
def _builds() -> Path:
    directory = TemporaryDirectory(prefix="builds-")
    atexit.register(directory.cleanup)
    return Path(directory.name)


def bake(
    spec: ModelSpec,
    source_mode: SourceMode,
    out: Path,
    directory: Path,
    progress: Progress,
    build: Path | None = None,
) -> Contract:
    """Bake; without a build directory, reuse what an earlier test left in that of the same spec."""
    build = build or _builds() / spec.name
    return pipeline.bake(Job(spec, build, directory, progress, source_mode), out)


def rows_of(spec: ModelSpec, source_mode: SourceMode, directory: Path) -> Dataset:
    """Return the clean rows of a spec, as training gets them."""
    raw, origin = dataset.fetch_rows(spec, source_mode, directory, pytest.fail)
    return dataset.build_dataset(dataset.clean(raw, spec, origin.uri)[0], spec)
