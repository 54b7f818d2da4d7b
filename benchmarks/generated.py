"""Models made for the benchmark: more features than census has, or other numbers of trees."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from ruamel.yaml import YAML

from benchmarks.bodies import Rows
from model_build import pipeline
from model_build.console import Progress
from model_build.spec import model_spec
from model_build.spec.source import SourceMode
from model_build.stage import Job

TREES = 100  # of the models that differ in features
ROWS = 2_000
SEED = 1
CATEGORIES = [f"kind-{number}" for number in range(8)]
LARGEST = 1_000


def with_features(count: int, directory: Path) -> Path:
    """Bake a model of so many features, numbers and categories in turn; return its directory."""
    features = [_feature(number) for number in range(count)]
    document = {
        "name": f"features-{count}",
        "title": f"{count} features",
        "version": "1.0.0",
        "description": "Made for the benchmark.",
        "data": {"sources": [{"uri": "rows.csv"}], "licence": "none"},
        "features": features,
        "target": {"name": "target", "labels": ["no", "yes"], "positive": "yes"},
        "split": {"test": 0.25, "seed": SEED},
        "estimator": {"name": "hist_gradient_boosting", "parameters": {"max_iter": TREES}},
    }
    frame = _frame(count)
    frame["target"] = np.where(_score(frame) > 0, "yes", "no")
    directory.mkdir(parents=True)
    frame.to_csv(directory / "rows.csv", index=False)
    return _bake(document, directory, "real")


def rows_of(count: int) -> Rows:
    """Return rows for the model of so many features."""
    rows: list[dict[str, Any]] = _frame(count).to_dict("records")
    return rows


def with_trees(count: int, directory: Path) -> Path:
    """Bake the census model with so many trees, on synthetic rows; return its directory."""
    document = YAML(typ="safe", pure=True).load(model_spec.find("census"))
    document["estimator"]["parameters"]["max_iter"] = count
    document["gates"] = {}
    document["model_checks"] = {}
    directory.mkdir(parents=True)
    return _bake(document, directory, "synthetic")


def _bake(document: dict[str, Any], directory: Path, source: SourceMode) -> Path:
    path = directory / "spec.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    out = directory / "model"
    job = Job(
        model_spec.load(str(path)), directory / "build", directory, Progress(Console(quiet=True)), source
    )
    pipeline.bake(job, out)
    return out


def _feature(number: int) -> dict[str, Any]:
    common = {"name": _name(number), "title": f"Feature {number}"}
    if number % 2:
        return common | {"type": "category", "categories": CATEGORIES, "example": CATEGORIES[0]}
    return common | {"type": "integer", "minimum": 0, "maximum": LARGEST, "example": 1}


def _frame(count: int) -> pd.DataFrame:
    random = np.random.default_rng(SEED)
    columns = {
        _name(number): random.choice(CATEGORIES, ROWS) if number % 2 else random.integers(0, LARGEST, ROWS)
        for number in range(count)
    }
    return pd.DataFrame(columns)


def _score(frame: pd.DataFrame) -> Any:
    """Return what decides the label: the first two features, and noise that keeps every tree busy."""
    noise = np.random.default_rng(SEED).normal(0, LARGEST / 4, len(frame))
    bonus = np.where(frame[_name(1)].isin(CATEGORIES[:3]), LARGEST / 4, 0)
    return frame[_name(0)] - LARGEST / 2 + bonus + noise


def _name(number: int) -> str:
    return f"feature_{number:03}"
