"""A model with derived features: every report has them, and the service computes what training computed."""

import json
from pathlib import Path
from typing import Any

import joblib
import pytest

from app.core.model import Model
from app.main import create_app
from app.settings import Settings
from model_build.console import Progress
from model_build.errors import SpecError
from model_build.export.parity import check_parity
from model_build.spec.model_spec import ModelSpec
from tests.model_build.conftest import load_spec
from tests.support.bakes import bake, rows_of
from tests.support.clients import client_of
from tests.support.derived import EXPRESSIONS, derive
from tests.support.tiny import LINE, POOR, ROW, TINY, batch, csv_body

PLAIN = ["years", "rate", "grade", "secured"]
COLUMNS = [*PLAIN, *EXPRESSIONS]
TINY_SPEC = TINY.replace("name: tiny", "name: derived")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    text = derive(TINY_SPEC) + "training: {drop: [years, log_cost], clip: {cost: {high: 0.9}}}\n"
    text += 'evaluation: {fairness: {dear: "true"}, partial_dependence: 9, slices: {minimum_rows: 1}}\n'
    return load_spec(tmp_path_factory.mktemp("spec"), text)


@pytest.fixture(scope="module")
def built(
    spec: ModelSpec, tiny_data: Path, quiet: Progress, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The directory of the build, which has the baked model in `model`."""
    build = tmp_path_factory.mktemp("build")
    bake(spec, "real", build / "model", tiny_data, quiet, build)
    return build


def document(built: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((built / name).read_text())
    return content


def test_the_model_reads_derived_features_that_are_not_dropped(built: Path) -> None:
    assert document(built, "training.json")["features"] == [
        column for column in COLUMNS if column not in {"years", "log_cost"}
    ]


@pytest.mark.parametrize("estimator", ["logistic_regression", "decision_tree"])
def test_other_estimators_take_missing_results(
    estimator: str, tiny_data: Path, quiet: Progress, tmp_path: Path
) -> None:
    text = derive(TINY_SPEC).replace(
        "{name: hist_gradient_boosting, parameters: {max_iter: 5}}", f"{{name: {estimator}}}"
    )
    contract = bake(
        load_spec(tmp_path, text), "real", tmp_path / "model", tiny_data, quiet, tmp_path / "build"
    )
    assert contract.metrics["roc_auc"] > 0.6


def test_the_served_model_predicts_as_scikit_learn_does(
    built: Path, spec: ModelSpec, tiny_data: Path
) -> None:
    model, rows = Model.load(built / "model"), rows_of(spec, "real", tiny_data).rows
    expected = joblib.load(built / "model.joblib").predict_proba(model.encode(rows))
    assert check_parity(model, rows, expected).labels_that_differ == 0


def test_reports_have_the_derived_features(built: Path) -> None:
    slices, importance, reference = (
        document(built, name) for name in ("slices.json", "importance.json", "reference.json")
    )
    assert {name for part in slices["slices"] for name in part["features"]} == {*COLUMNS}
    assert {entry["feature"] for entry in importance["importance"]} == {*COLUMNS}
    assert [*reference["features"]] == COLUMNS
    assert reference["features"]["no_rate"]["missing"] == 0
    assert reference["features"]["dear"]["missing"] > 0
    (protected,) = document(built, "fairness.json")["protected"]
    assert (protected["feature"], protected["reference"]) == ("dear", "true")
    for page in ("eda.html", "card.html"):
        assert all(name in (built / page).read_text() for name in EXPRESSIONS)
    assert "| `log_cost` | log_cost | `log1p(cost)` | no |" in (built / "card.md").read_text()
    assert "**Features read:** 7 of 9" in (built / "card.md").read_text()


async def test_rows_and_cells_get_the_same_bytes(built: Path) -> None:
    """And a row that holds a derived feature is refused."""
    async with client_of(create_app(Settings(model_dir=built / "model"))) as client:
        headers = {"Content-Type": "text/csv", "Accept": "application/json"}
        by_row = (await client.post("/predict", content=batch(ROW, POOR))).json()
        lines = csv_body(LINE, "30,n/a,?,false")
        by_cell = (await client.post("/predict", content=lines, headers=headers)).json()
        assert by_row | {"timestamp": ""} == by_cell | {"timestamp": ""}
        alone = (await client.post("/predict", json=POOR)).json()
        assert alone["probabilities"] == by_row["probabilities"][1:]
        refused = await client.post("/predict", json=ROW | {"cost": 3})
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["cost"])
        row = (await client.get("/openapi.json")).json()["components"]["schemas"]["Row"]
        assert [*row["properties"]] == PLAIN
        assert "`log_cost` = `log1p(cost)`" in row["description"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("years * rate", "years * rat"),
            "derived.cost.expression: column 9: unknown name 'rat' (did you mean 'rate'?); "
            "the features are years, rate, grade, secured.",
        ),
        (
            ('["B", "C"]', '["B", "D"]'),
            "derived.dear.expression: column 31: 'D' is not a category; the categories are A, B, C.",
        ),
        (("name: cost", "name: paid"), "target.name: target 'paid' is also a feature."),
        (("name: no_rate,", "name: no_rate, type: number,"), "derived.no_rate.type: unknown key; "),
    ],
)
def test_a_spec_with_an_error_is_refused(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    text = derive().replace(*change).replace("log1p(cost)", "log1p(years)")
    text = text.replace("cost > 0.4", "years > 0.4") if "paid" in change[1] else text
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path, text)
    assert f": {sentence}" in str(caught.value)


def test_model_checks_change_fields_of_a_request(tmp_path: Path) -> None:
    text = derive() + "model_checks: {directions: [{feature: cost, score: falls}]}\n"
    with pytest.raises(SpecError, match=r"model_checks.directions.0.feature: there is no number 'cost'"):
        load_spec(tmp_path, text)
