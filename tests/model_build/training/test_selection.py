"""How many columns a model reads, and which."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from app.core.contract import Positions
from app.core.values import Matrix
from model_build.console import Progress
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Search, Selection, Training, format_parameters
from model_build.stage import Job
from model_build.training.search import run_search
from model_build.training.selection import RANKINGS, count_limits, counts_to_try, select_columns
from model_build.training.train import notes, train_model

INFORMATIVE = [1, 4, 6]
COLUMNS = 10


@pytest.fixture(scope="module")
def wide(tiny_spec: ModelSpec) -> ModelSpec:
    """Return a spec with ten numbers."""
    rate = tiny_spec.features[1]
    features = tuple(
        rate.model_copy(update={"name": f"x{number}", "aliases": ()}) for number in range(COLUMNS)
    )
    estimator = Estimator(name="logistic_regression")
    return tiny_spec.model_copy(update={"features": features, "estimator": estimator})


@pytest.fixture(scope="module")
def rows() -> tuple[Matrix, Positions]:
    """Return rows [N, 10] of which three columns decide the label, and a few gaps."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(600, COLUMNS)).astype(np.float32)
    odds = matrix[:, INFORMATIVE] @ [2.0, 1.5, 1.5] + rng.normal(size=600)
    matrix[::50, 1] = np.nan
    return matrix, (odds > 0).astype(np.intp)


@pytest.mark.parametrize("by", RANKINGS)
def test_the_informative_columns_are_kept(wide: ModelSpec, rows: tuple[Matrix, Positions], by: str) -> None:
    assert select_columns((by, 3), wide.columns, *rows, 0) == INFORMATIVE
    five = select_columns((by, 5), wide.columns, *rows, 0)
    assert set(INFORMATIVE) < set(five)
    assert len(five) == 5


def test_shares_are_of_the_columns_that_are_not_dropped(wide: ModelSpec) -> None:
    selection = Selection(minimum=0.1, maximum=0.4)
    assert count_limits(selection, Training(), wide.columns) == (1, 4)
    assert count_limits(selection, Training(drop=("x0", "x1", "x2")), wide.columns) == (1, 2)
    assert counts_to_try(1, 4) == [1, 2, 3, 4]
    assert counts_to_try(10, 40) == [10, 18, 25, 32, 40]


def with_selection(spec: ModelSpec, selection: Selection, **training: object) -> ModelSpec:
    settings = Training(select=selection, calibration="none").model_copy(update=training)
    return spec.model_copy(update={"training": settings})


def test_the_fewest_columns_within_one_standard_error_are_chosen(
    wide: ModelSpec, rows: tuple[Matrix, Positions]
) -> None:
    spec = with_selection(wide, Selection(minimum=0.1, maximum=0.6, by="importance"))
    report = train_model(spec, *rows).report
    assert report.selection is not None
    assert (report.selection.by, report.selection.count) == ("importance", 4)
    assert list(report.selection.scores) == [1, 2, 4, 5, 6]
    assert set(report.features) >= {f"x{column}" for column in INFORMATIVE}
    assert len(report.features) == report.selection.count == report.parameters["select"]
    assert any("columns by importance: the fewest columns within" in line for line in notes(report))


def test_a_search_chooses_the_number_of_columns_too(
    wide: ModelSpec, rows: tuple[Matrix, Positions], tmp_path: Path
) -> None:
    search = Search(method="grid", metric="log_loss", space={"C": (0.5,)})
    spec = with_selection(wide, Selection(minimum=0.1, maximum=0.6), search=search)
    job = Job(spec, tmp_path, tmp_path, Progress(Console(quiet=True)))
    report = train_model(spec, *rows, lambda training_rows: run_search(job, training_rows)).report
    assert report.search is not None
    counts = {candidate.parameters.get("select") for candidate in report.search.candidates}
    assert counts == {None, 1, 2, 4, 5, 6}
    assert report.selection is not None
    assert len(report.features) == report.selection.count


def test_the_line_for_the_spec_has_the_number() -> None:
    assert format_parameters({"C": 1, "select": 3}) == "parameters: {C: 1}; select: 3"
