"""LightGBM, XGBoost and CatBoost bake behind the same parity gate, whatever their converters do."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from app.core.baked_model import load_contract
from app.core.encoders import Encoder
from app.core.model import Model
from model_build.console import Progress
from model_build.errors import GateError
from model_build.spec import model_spec
from model_build.spec.estimator import BOOSTING_LIBRARIES
from model_build.spec.model_spec import ModelSpec
from tests.support.bakes import bake, rows_of
from tests.support.tiny import TINY, loans

BOOSTING = "{name: hist_gradient_boosting, parameters: {max_iter: 5}}"
THREE = 'labels: ["no", maybe, "yes"]'
TWO = 'labels: ["no", "yes"], positive: "yes", threshold: 0.6'
WEIGHTS = {
    "lightgbm": "{n_estimators: 40, class_weight: balanced}",
    "xgboost": "{n_estimators: 40, scale_pos_weight: 5}",
    "catboost": "{iterations: 40, scale_pos_weight: 5}",
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    header, *lines = loans(1200).splitlines()
    some = [line.replace(", no", ", maybe") if row % 3 else line for row, line in enumerate(lines)]
    (tmp_path / "loans.csv").write_text("\n".join([header, *lines]) + "\n")
    (tmp_path / "three.csv").write_text("\n".join([header, *some]) + "\n")
    return tmp_path


def load(directory: Path, estimator: str, *, three: bool = False, training: str = "{}") -> ModelSpec:
    text = TINY.replace(BOOSTING, estimator) + f"training: {training}\n"
    if three:
        text = text.replace(TWO, THREE).replace("loans.csv", "three.csv")
    (directory / "tiny.yaml").write_text(text)
    return model_spec.load(str(directory / "tiny.yaml"))


@pytest.mark.parametrize("name", BOOSTING_LIBRARIES)
@pytest.mark.parametrize(
    ("three", "training"),
    [
        (False, "{calibration: none, threshold: f1}"),
        (False, "{calibration: sigmoid, category_order: target_rate, refit: true}"),
        (True, "{calibration: temperature, drop: [years]}"),
    ],
    ids=["two labels", "refitted", "three labels"],
)
def test_each_library_bakes_and_is_served_as_it_predicts(
    data: Path, quiet: Progress, name: str, three: bool, training: str
) -> None:
    parameters = WEIGHTS[name] if not three else "{}"
    spec = load(data, f"{{name: {name}, parameters: {parameters}}}", three=three, training=training)
    bake(spec, "real", data / "model", data, quiet, data / "build")
    model = Model.load(data / "model")
    rows = rows_of(spec, "real", data)
    probabilities = model.probabilities(Encoder(spec.features)(rows.rows))
    assert (model.contract.target.decide(probabilities) == rows.labels).mean() > 0.5
    contract = load_contract(data / "model")
    assert contract.metrics["roc_auc"] > 0.65
    assert contract.provenance.libraries[name] == importlib.import_module(name).__version__


@pytest.mark.parametrize("name", BOOSTING_LIBRARIES)
def test_a_converter_that_changes_a_model_stops_the_bake(
    data: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    serialize: Any = onnx.ModelProto.SerializeToString

    def shifted(model: onnx.ModelProto, **options: Any) -> bytes:
        """Move every threshold of the trees, as a wrong rounding would."""
        for node in model.graph.node:
            for attribute in node.attribute:
                if attribute.name == "nodes_values":
                    attribute.floats[:] = [np.float32(value + 1) for value in attribute.floats]
        content: bytes = serialize(model, **options)
        return content

    monkeypatch.setattr("model_build.export.onnx.serialize", lambda model: shifted(model, deterministic=True))
    spec = load(data, f"{{name: {name}}}")
    with pytest.raises(GateError, match="The ONNX model does not predict as scikit-learn does"):
        bake(spec, "real", data / "model", data, quiet, data / "build")
    assert not (data / "model").exists()
