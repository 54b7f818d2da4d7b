"""Which module may import which: the direction in which the code may grow."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ALLOWED = {
    "app": set[str](),
    "app.core.errors": set[str](),
    "app.core.features": set[str](),
    "app.logs": set[str](),
    "app.healthcheck": set[str](),
    "app.settings": {"app.core.errors"},
    "app.core.contract": {"app.core.errors", "app.core.features"},
    "app.monitoring.metrics": {"app", "app.core.contract"},
    "app.prediction.scoring": {"app.core.contract"},
    "app.core.chunks": set[str](),
    "app.routes.card": {"app.core.contract", "app.core.errors"},
    "app.prediction.csv_reader": {
        "app.core.contract",
        "app.core.errors",
        "app.core.features",
        "app.core.chunks",
    },
    "app.prediction.responses": {"app.core.contract", "app.core.features"},
    "app.core.validation": {"app.core.errors", "app.core.features", "app.core.chunks"},
    "app.core.model": {"app.core.contract", "app.core.errors", "app.core.features"},
    "app.routes.openapi": {"app.core.contract", "app.core.errors", "app.core.validation"},
    "app.routes.health": {
        "app",
        "app.core.contract",
        "app.core.errors",
        "app.monitoring.metrics",
        "app.routes.openapi",
    },
    "app.prediction.predictor": {
        "app.prediction.responses",
        "app.core.errors",
        "app.core.features",
        "app.monitoring.metrics",
        "app.core.model",
        "app.core.chunks",
        "app.core.validation",
        "app.prediction.scoring",
        "app.settings",
        "app.prediction.csv_reader",
    },
    "app.routes.predict_file": {"app.core.errors", "app.prediction.predictor", "app.settings"},
    "app.main": {
        "app",
        "app.routes.card",
        "app.core.errors",
        "app.monitoring.metrics",
        "app.core.model",
        "app.routes.openapi",
        "app.routes.health",
        "app.prediction.predictor",
        "app.settings",
        "app.routes.predict_file",
    },
    "app.server": {"app.core.errors", "app.logs", "app.main", "app.settings"},
}
ALLOWED_TO_MODEL_BUILD = {
    "app.core.contract",
    "app.core.errors",
    "app.core.features",
    "app.core.model",
    "app.core.chunks",
    "app.core.validation",
}
FOR_TRAINING_ONLY = {
    "boto3",
    "fairlearn",
    "httpx",
    "jinja2",
    "joblib",
    "matplotlib",
    "mlflow",
    "model_build",
    "onnx",
    "optuna",
    "pandas",
    "pandera",
    "scipy",
    "skl2onnx",
    "sklearn",
    "tests",
}


def modules(package: str) -> dict[str, Path]:
    """Return every module of a package by its dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


APP = modules("app")
MODEL_BUILD = modules("model_build")


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever in it; `from app import logs` is app.logs."""
    return {name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            submodule = f"{module}.{alias.name}"
            yield submodule if submodule in APP | MODEL_BUILD else module


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in {"", "app", "model_build", "tests"}}


def test_every_module_of_the_service_has_its_allowed_imports() -> None:
    assert set(APP) == set(ALLOWED)


def test_allowed_imports_have_no_cycle() -> None:
    order = list(TopologicalSorter(ALLOWED).static_order())
    assert set(order) == set(ALLOWED)
    assert order[-1] == "app.server"


@pytest.mark.parametrize("module", APP)
def test_module_of_the_service_imports_what_it_may_and_no_more(module: str) -> None:
    names = imported(APP[module])
    assert ours(names) == ALLOWED[module]
    assert {name.split(".")[0] for name in names} & FOR_TRAINING_ONLY == set()


def test_nothing_imports_the_whole_service_but_the_server() -> None:
    importers = {module for module, path in APP.items() if "app.main" in imported(path)}
    assert importers == {"app.server"}


def test_one_file_of_the_service_knows_onnx_runtime() -> None:
    knows = [module for module, path in APP.items() if "onnxruntime" in imported(path)]
    assert knows == ["app.core.model"]


@pytest.mark.parametrize("module", MODEL_BUILD)
def test_training_imports_only_the_parts_of_the_service_that_it_shares(module: str) -> None:
    names = {name for name in ours(imported(MODEL_BUILD[module])) if name.split(".")[0] != "model_build"}
    assert names - ALLOWED_TO_MODEL_BUILD == set()


def test_service_in_memory_holds_nothing_of_training() -> None:
    script = (
        "import app.main, json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(json.loads(done.stdout))
    assert loaded & FOR_TRAINING_ONLY == set()
    assert loaded >= {"app", "onnxruntime", "numpy"}
