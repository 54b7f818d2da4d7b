"""Which room may import which.

`docs/architecture.md` has the picture. A room is a package or a module directly in `app` or `model_build`. A
room imports rooms of the tiers before its own, and no other room of its own tier.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

APP_TIERS = (
    ("app", "app.auth", "app.healthcheck", "app.logs"),
    ("app.core",),
    ("app.listener", "app.settings"),
    ("app.monitoring",),
    ("app.prediction",),
    ("app.middleware", "app.routes"),
    ("app.connections",),
    ("app.main",),
    ("app.worker",),
    ("app.server",),
)
MODEL_BUILD_TIERS = (
    ("app.core",),
    ("model_build", "model_build.errors", "model_build.git", "model_build.text", "model_build.threads"),
    ("model_build.atomic", "model_build.spec"),
    ("model_build.artifacts",),
    (
        "model_build.console",
        "model_build.fairness_report",
        "model_build.gate_report",
        "model_build.origin",
        "model_build.split_report",
    ),
    ("model_build.stage",),
    ("model_build.data",),
    ("model_build.evaluation", "model_build.validation"),
    ("model_build.training",),
    ("model_build.drafting", "model_build.export"),
    ("model_build.train_stage",),
    ("model_build.gates",),
    ("model_build.stability",),
    ("model_build.reports",),
    ("model_build.audit", "model_build.pipeline", "model_build.tracking"),
    ("model_build.cross_validate",),
    ("model_build.commands",),
    ("model_build.__main__", "model_build.dvc_yaml"),
)
FOR_TRAINING_ONLY = {
    "boto3",
    "fairlearn",
    "flatbuffers",
    "google",
    "httpx",
    "jinja2",
    "joblib",
    "markdown_it",
    "matplotlib",
    "mlflow",
    "model_build",
    "onnx",
    "optuna",
    "packaging",
    "pandas",
    "scipy",
    "skl2onnx",
    "sklearn",
    "tests",
}


def modules(package: str) -> dict[str, Path]:
    """Return every module of a package by its dotted name."""
    paths: dict[str, Path] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return paths


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


def room(module: str) -> str:
    """Return the room of a module: the package or the module directly in `app` or `model_build`."""
    return ".".join(module.split(".")[:2])


def allowed_rooms(tiers: tuple[tuple[str, ...], ...], module: str) -> set[str]:
    """Return the rooms that a module may import: its own, and those of the tiers before."""
    tier = next(number for number, rooms in enumerate(tiers) if room(module) in rooms)
    return {room(module)}.union(*tiers[:tier])


def functions(path: Path) -> set[str]:
    """Return the names of the functions and methods in a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def imported_rooms(path: Path) -> set[str]:
    return {room(name) for name in ours(imported(path))}


@pytest.mark.parametrize(("package", "tiers"), [("app", APP_TIERS), ("model_build", MODEL_BUILD_TIERS)])
def test_tiers_name_every_room_and_no_other(package: str, tiers: tuple[tuple[str, ...], ...]) -> None:
    rooms = {room(module) for module in modules(package)}
    assert rooms == {name for tier in tiers for name in tier if name.split(".")[0] == package}


@pytest.mark.parametrize("module", APP)
def test_a_module_of_the_service_imports_only_rooms_below(module: str) -> None:
    assert imported_rooms(APP[module]) - allowed_rooms(APP_TIERS, module) == set()
    assert {name.split(".")[0] for name in imported(APP[module])} & FOR_TRAINING_ONLY == set()


@pytest.mark.parametrize("module", MODEL_BUILD)
def test_a_module_of_training_imports_only_rooms_below(module: str) -> None:
    assert imported_rooms(MODEL_BUILD[module]) - allowed_rooms(MODEL_BUILD_TIERS, module) == set()


@pytest.mark.parametrize("paths", [APP, MODEL_BUILD], ids=["app", "model_build"])
def test_modules_do_not_import_each_other_in_a_circle(paths: dict[str, Path]) -> None:
    graph = {module: ours(imported(path)) - {module} for module, path in paths.items()}
    assert set(TopologicalSorter(graph).static_order()) >= set(paths)


@pytest.mark.parametrize("paths", [APP, MODEL_BUILD], ids=["app", "model_build"])
def test_every_package_says_in_one_line_what_it_is_for(paths: dict[str, Path]) -> None:
    packages = [path for path in paths.values() if path.name == "__init__.py" and path.parents[1] != ROOT]
    for path in packages:
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, path
        assert path.read_text() == f'"""{docstring}"""\n'


@pytest.mark.parametrize(("package", "paths"), [("app", APP), ("model_build", MODEL_BUILD)])
def test_the_map_of_a_tree_names_every_room(package: str, paths: dict[str, Path]) -> None:
    text = ast.get_docstring(ast.parse(paths[package].read_text())) or ""
    named = [line.split()[0] for line in text.splitlines() if line.startswith("    ")]
    assert sorted(named) == sorted({room(module).split(".")[1] for module in paths if module != package})


@pytest.mark.parametrize("paths", [APP, MODEL_BUILD], ids=["app", "model_build"])
def test_no_module_shares_its_name_with_a_function_in_it(paths: dict[str, Path]) -> None:
    assert [module for module in paths if module.split(".")[-1] in functions(paths[module])] == []


def test_one_file_of_the_service_knows_onnx_runtime() -> None:
    importers = [module for module, path in APP.items() if "onnxruntime" in imported(path)]
    assert importers == ["app.core.model"]


def loaded_by(module: str) -> set[str]:
    """Return the packages that a new process has loaded when it has imported a module."""
    script = f"import {module}, json, sys; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout))


def test_running_service_has_imported_nothing_of_training() -> None:
    loaded = loaded_by("app.main")
    assert loaded & FOR_TRAINING_ONLY == set()
    assert loaded >= {"app", "onnxruntime", "numpy"}


def test_arguments_are_read_before_the_libraries_are_imported() -> None:
    assert loaded_by("model_build.__main__") & FOR_TRAINING_ONLY == {"model_build"}


def test_commands_import_no_library_that_only_their_options_need() -> None:
    loaded = loaded_by("model_build.commands")
    assert loaded & {"boto3", "mlflow", "optuna", "sqlalchemy"} == set()
    assert loaded >= {"sklearn", "pandas"}
