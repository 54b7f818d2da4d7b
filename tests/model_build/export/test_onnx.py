import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from app.core.baked_model import load_contract
from app.core.contract import Contract, sha256
from app.core.encoders import Encoder
from app.core.model import Model
from app.core.values import Row
from model_build.errors import GateError
from model_build.export.onnx import convert
from model_build.export.package import seal, to_json
from model_build.export.parity import check_parity
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.training.classifier import Classifier, fit
from tests.support.bakes import rows_of


@pytest.fixture(scope="module")
def rows(tiny_spec: ModelSpec, tiny_data: Path) -> list[Row]:
    return list(rows_of(tiny_spec, "real", tiny_data).rows)


@pytest.fixture(scope="module")
def fitted(tiny_spec: ModelSpec, tiny_data: Path, rows: list[Row]) -> Classifier:
    labels = rows_of(tiny_spec, "real", tiny_data).labels
    return fit(tiny_spec, tiny_spec.estimator.parameters, Encoder(tiny_spec.features)(rows), labels)


@pytest.fixture(scope="module")
def model(tiny_model: Path, fitted: Classifier) -> Model:
    return Model(load_contract(tiny_model), convert(fitted, "tiny", 4))


@pytest.fixture
def expected(model: Model, fitted: Classifier, rows: list[Row]) -> Any:
    return fitted.predict_proba(model.encode(rows))


def test_onnx_model_has_the_inputs_and_outputs_that_the_service_reads(fitted: Classifier) -> None:
    graph = onnx.load_from_string(convert(fitted, "tiny", 4)).graph
    shapes = {
        tensor.name: (tensor.type.tensor_type.elem_type, tensor.type.tensor_type.shape.dim[1:])
        for tensor in [*graph.input, *graph.output]
    }
    assert graph.name == "tiny"
    assert [tensor.name for tensor in graph.input] == ["features"]
    assert [tensor.name for tensor in graph.output] == ["labels", "probabilities"]
    assert {name: element_type for name, (element_type, _) in shapes.items()} == {
        "features": onnx.TensorProto.FLOAT,
        "labels": onnx.TensorProto.INT64,
        "probabilities": onnx.TensorProto.FLOAT,
    }
    assert [dimension.dim_value for dimension in shapes["features"][1]] == [4]
    assert [dimension.dim_value for dimension in shapes["probabilities"][1]] == [2]


def test_operator_sets_are_sorted_by_name(fitted: Classifier) -> None:
    model = onnx.load_from_string(convert(fitted, "tiny", 4))
    assert [opset.domain for opset in model.opset_import] == ["", "ai.onnx.ml"]


def test_same_pipeline_converts_to_the_same_bytes(fitted: Classifier) -> None:
    assert convert(fitted, "tiny", 4) == convert(fitted, "tiny", 4)


def test_equal_predictions_pass(model: Model, rows: list[Row], expected: Any) -> None:
    parity = check_parity(model, rows, expected)
    assert (parity.rows, parity.labels_that_differ) == (len(rows), 0)
    assert 0 <= parity.largest_difference < 1e-6


def test_different_label_is_a_gate_error(model: Model, rows: list[Row], expected: Any) -> None:
    row = expected[:, 1].argmin()
    shift = expected[row, 0]
    expected[row] = [0, 1]
    with pytest.raises(GateError) as caught:
        check_parity(model, rows, expected)
    assert str(caught.value) == (
        f"The ONNX model does not predict as scikit-learn does: 1 of {len(rows)} labels differ (allowed: 0), "
        f"and probabilities differ by up to {shift:.1e} (allowed: 1e-05)."
    )


def test_different_label_at_nearly_equal_probabilities_is_a_gate_error(
    model: Model, fitted: Classifier, rows: list[Row], expected: Any
) -> None:
    yes = model.probabilities(model.encode(rows))[:, 1]
    target = model.contract.target.model_copy(update={"threshold": float(yes[0])})
    near = Model(model.contract.model_copy(update={"target": target}), convert(fitted, "tiny", 4))
    expected[yes == yes[0], 1] = yes[0] - 1e-6
    with pytest.raises(
        GateError, match=rf"{(yes == yes[0]).sum()} of {len(rows)} labels differ .* 1\.0e-06 "
    ):
        check_parity(near, rows, expected)


@pytest.mark.parametrize(
    ("shift", "difference"), [(2e-5, "2.0e-05"), (0.05, "5.0e-02"), (float("nan"), "nan")]
)
def test_different_probability_is_a_gate_error(
    model: Model, rows: list[Row], expected: Any, shift: float, difference: str
) -> None:
    row = expected[:, 1].argmin()
    expected[row] += shift
    with pytest.raises(GateError) as caught:
        check_parity(model, rows, expected)
    assert str(caught.value) == (
        f"The ONNX model does not predict as scikit-learn does: 0 of {len(rows)} labels differ (allowed: 0), "
        f"and probabilities differ by up to {difference} (allowed: 1e-05)."
    )


def test_contract_has_the_checksum_of_every_file(tiny_model: Path) -> None:
    contract = load_contract(tiny_model).model_copy(update={"files": {}})
    sealed, contents = seal(contract, b"onnx", {"metrics.json": b"{}", "reference.json": b"[]"})
    metrics, reference = b"{}", b"[]"
    checksums = {
        "model.onnx": sha256(b"onnx"),
        "metrics.json": sha256(metrics),
        "reference.json": sha256(reference),
    }
    assert sealed == contract.model_copy(update={"files": checksums})
    assert Contract.model_validate_json(contents.pop("contract.json")) == sealed
    assert contents == {"model.onnx": b"onnx", "metrics.json": metrics, "reference.json": reference}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        to_json({"metrics": {"roc_auc": value}})


def test_json_is_indented_and_keeps_umlauts() -> None:
    text = to_json({"title": "Größe", "rows": [1]})
    assert text.decode() == '{\n  "title": "Größe",\n  "rows": [\n    1\n  ]\n}\n'
    assert json.loads(text) == {"title": "Größe", "rows": [1]}


def test_forest_whose_shares_sum_to_more_than_one_has_no_negative_probability(tiny_spec: ModelSpec) -> None:
    matrix = np.array([[1, 1, 0, 0], [30, 19, 2, 1]] * 20, np.float32)
    forest = Estimator(name="random_forest")
    spec = tiny_spec.model_copy(update={"estimator": forest})
    trees = 60  # 60 times a sixtieth is more than 1 in double
    fitted = fit(spec, {"n_estimators": trees}, matrix, np.array([0, 1] * 20))
    session = onnxruntime.InferenceSession(convert(fitted, "tiny", 4))
    (probabilities,) = session.run(["probabilities"], {"features": matrix})
    assert sum([1 / trees] * trees) > 1
    assert probabilities.tolist() == [[1, 0], [0, 1]] * 20
