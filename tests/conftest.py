"""A tiny model of every feature type, baked once by the real pipeline; tests declare what they need of it."""

import json
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import pytest
from rich.console import Console

from app.core.contract import Contract
from app.main import create_app
from app.settings import Settings
from model_build import pipeline
from model_build.console import Progress
from model_build.data import dataset
from model_build.data.dataset import Dataset
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.spec.source import SourceMode
from model_build.stage import Job

TINY = """
name: tiny
title: Tiny loans
version: 1.2.3
description: Will it be paid back?
data:
  sources: [{uri: loans.csv}]
  licence: none
features:
  - {name: years, aliases: [duration-years], type: integer, minimum: 1, maximum: 30, title: Years, example: 5}
  - {name: rate, type: number, minimum: 0, maximum: 20, title: Rate, unit: percent, example: 2.5,
     missing: {markers: ["n/a"]}}
  - {name: grade, type: category, categories: [A, B, C], title: Grade, example: B, missing: {markers: ["?"]}}
  - {name: secured, type: boolean, title: Secured, example: true}
target: {name: paid, labels: ["no", "yes"], positive: "yes", threshold: 0.6}
split: {test: 0.25, seed: 1}
estimator: {name: hist_gradient_boosting, parameters: {max_iter: 5}}
"""


def loans(rows: int = 400, seed: int = 0) -> str:
    """Return a CSV with a header line, whose label depends on every feature."""
    rng = np.random.default_rng(seed)
    lines = ["duration-years, rate, grade, secured, paid"]
    for _ in range(rows):
        years, rate = rng.integers(1, 31), round(rng.uniform(0, 20), 2)
        grade, secured = rng.choice(["A", "B", "C", "?"]), rng.random() < 0.5
        odds = 3 - years / 8 - rate / 6 + 2 * (grade == "A") + secured + rng.normal()
        shown = "n/a" if rng.random() < 0.1 else rate
        lines.append(f"{years}, {shown}, {grade}, {str(secured).lower()}, {'yes' if odds > 0 else 'no'}")
    return "\n".join(lines) + "\n"


@cache
def _builds() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="builds-")


def bake(
    spec: ModelSpec,
    wanted: SourceMode,
    out: Path,
    directory: Path,
    progress: Progress,
    build: Path | None = None,
) -> Contract:
    """Bake; without a build directory, what an earlier test has baked alike is not made again."""
    build = build or Path(_builds().name) / spec.name
    return pipeline.bake(Job(spec, build, directory, progress, wanted), out)


def rows_of(spec: ModelSpec, wanted: SourceMode, directory: Path) -> Dataset:
    """Return the clean rows of a spec, as they train."""
    raw, origin = dataset.fetch_rows(spec, wanted, directory, pytest.fail)
    return dataset.build_dataset(dataset.clean(raw, spec, origin.uri)[0], spec)


@pytest.fixture(scope="session")
def quiet() -> Progress:
    return Progress(Console(quiet=True))


@pytest.fixture(scope="session")
def tiny_spec(tmp_path_factory: pytest.TempPathFactory) -> model_spec.ModelSpec:
    path = tmp_path_factory.mktemp("specs") / "tiny.yaml"
    path.write_text(TINY)
    return model_spec.load(str(path))


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    (directory / "loans.csv").write_text(loans())
    return directory


@pytest.fixture(scope="session")
def tiny_model(
    tiny_spec: model_spec.ModelSpec,
    tiny_data: Path,
    quiet: Progress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The directory of the baked model; copy it before changing it."""
    out = tmp_path_factory.mktemp("baked") / "model"
    bake(tiny_spec, "real", out, tiny_data, quiet)
    return out


@pytest.fixture(scope="session")
def census_model(quiet: Progress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The census model, baked from synthetic data: no file is needed."""
    out = tmp_path_factory.mktemp("census") / "model"
    bake(model_spec.load("census"), "synthetic", out, out.parent, quiet)
    return out


@pytest.fixture
async def client(tiny_model: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the tiny model's service, in this process."""
    app = create_app(Settings(model_dir=tiny_model, max_rows=5, max_body_bytes=2000))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


def row(**changes: Any) -> dict[str, Any]:
    """Return a good row of the tiny model, changed."""
    return {"years": 5, "rate": 2.5, "grade": "B", "secured": True} | changes


def body(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"inputs": rows}).encode()
