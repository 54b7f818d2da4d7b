"""The notebook, run from top to bottom in a copy of the repository without any data."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import joblib
import pytest

os.environ.setdefault("JUPYTER_PLATFORM_DIRS", "1")  # the future default of Jupyter, which warns without it

import nbformat
from nbclient import NotebookClient

from tests.support.tiny import TINY, loans

REPOSITORY = Path(__file__).parents[2]
NOTEBOOK = Path("notebooks") / "explore.ipynb"
SECONDS = 120  # limit for a cell; the slowest takes about three


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the notebook needs, without any data or model."""
    directory = tmp_path_factory.mktemp("repository")
    for name in ("app", "model_build", "notebooks"):
        shutil.copytree(REPOSITORY / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


def run(repository: Path, **variables: str) -> dict[str, list[Any]]:
    """Return the outputs of every cell, by its id; a failing cell is an error."""
    notebook = nbformat.read(repository / NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": repository / "notebooks"}}
    # An absent proxy makes sure that nothing is downloaded.
    offline = {"DATA_DIR": str(repository / "data"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    NotebookClient(notebook, timeout=SECONDS, resources=resources).execute(
        env=os.environ | offline | variables
    )
    return {cell.id: cell.get("outputs", []) for cell in notebook.cells}


def text(outputs: list[Any], kind: str = "text/plain") -> str:
    """Return what a cell printed and showed."""
    return "".join(output.get("text") or output["data"].get(kind, "") for output in outputs)


@pytest.fixture(scope="module")
def outputs(repository: Path) -> dict[str, list[Any]]:
    return run(repository)


def test_without_data_the_rows_are_synthetic(outputs: dict[str, list[Any]]) -> None:
    assert "THE MODEL WILL BE TRAINED ON SYNTHETIC DATA." in text(outputs["data"])
    rows = "**32,561 rows of synthetic data** from synthetic:census?rows=32561&seed=7"
    assert rows in text(outputs["data"], "text/markdown")


def test_every_column_is_in_the_table(outputs: dict[str, list[Any]]) -> None:
    rows = re.findall(r"<th>(\w+)</th>", text(outputs["columns"], "text/html"))
    assert rows[-1] == "salary"
    assert {"age", "workclass", "native_country"} <= set(rows)


def test_alerts_are_listed(outputs: dict[str, list[Any]]) -> None:
    assert "- The strongest associations with salary: " in text(outputs["alerts"], "text/markdown")


def test_distributions_and_associations_are_plotted(outputs: dict[str, list[Any]]) -> None:
    titles = re.findall(r"<svg [^>]*><title>([^:<]*)", text(outputs["distributions"], "text/html"))
    assert len(titles) == 4
    assert {"Marital status", "Place in the household"} <= set(titles)
    assert text(outputs["heat-map"], "text/html").count("<svg ") == 1


def test_features_are_ranked(outputs: dict[str, list[Any]]) -> None:
    ranked = re.findall(r'class="row_heading[^>]*>(\w+)</th>', text(outputs["strengths"], "text/html"))
    assert len(ranked) == 14
    assert {"relationship", "marital_status"} <= set(ranked[:3])


def test_without_a_model_the_command_that_bakes_one_is_named(outputs: dict[str, list[Any]]) -> None:
    fitted, baked = (text(outputs[cell], "text/markdown") for cell in ("pipeline", "prediction"))
    assert fitted == "No model is fitted yet: run `python -m model_build bake census`."
    assert baked == "No model is baked yet: run `python -m model_build bake census`."


def test_a_baked_model_is_shown_and_predicts(repository: Path, tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(repository, tmp_path, dirs_exist_ok=True)
    shutil.copytree(tiny_model, tmp_path / "model")
    shutil.copy(tiny_model.with_name("model.joblib"), tmp_path)
    outputs = run(tmp_path)
    fitted = joblib.load(tmp_path / "model.joblib")
    assert f"{type(fitted).__name__}(" in text(outputs["pipeline"])
    assert "sk-container-id-1" in text(outputs["pipeline"], "text/html")
    answer = text(outputs["prediction"])
    assert answer.splitlines()[0].strip() == "tiny 1.2.3"
    assert re.search(r"probability of no +0\.\d+\nprobability of yes +0\.\d+\npaid +(no|yes)$", answer)


def test_the_notebook_shows_any_spec(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "loans.csv").write_text(loans())
    outputs = run(tmp_path, MODEL_SPEC="tiny.yaml", DATA_DIR="")
    assert "**400 rows of real data** from loans.csv" in text(outputs["data"], "text/markdown")
    assert re.findall(r"<th>(\w+)</th>", text(outputs["columns"], "text/html"))[-1] == "paid"
    ranked = re.findall(r'class="row_heading[^>]*>(\w+)</th>', text(outputs["strengths"], "text/html"))
    assert sorted(ranked) == ["grade", "rate", "secured", "years"]
    assert text(outputs["pipeline"], "text/markdown").endswith("run `python -m model_build bake tiny.yaml`.")


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = [
        cell for cell in nbformat.read(REPOSITORY / NOTEBOOK, as_version=4).cells if cell.cell_type == "code"
    ]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    assert {cell.execution_count for cell in cells} == {None}
