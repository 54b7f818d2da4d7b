import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from app.core.contract import Contract, load_contract, sha256
from app.core.features import Encoder, Row
from app.core.model import Model
from model_build.errors import GateError
from model_build.export.onnx import convert
from model_build.export.package import seal, to_json
from model_build.export.parity import check_parity
from model_build.spec.model_spec import ModelSpec
from model_build.training.classifier import Classifier, fit
from tests.support.bakes import rows_of

WHOLE = "The ONNX model does not answer as scikit-learn does: "
ALLOWED = " (allowed are 0 and 1e-05)."


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


def test_the_onnx_model_has_the_shape_that_the_service_reads(fitted: Classifier) -> None:
    graph = onnx.load_from_string(convert(fitted, "tiny", 4)).graph
    shapes = {
        each.name: (each.type.tensor_type.elem_type, each.type.tensor_type.shape.dim[1:])
        for each in [*graph.input, *graph.output]
    }
    assert graph.name == "tiny"
    assert [each.name for each in graph.input] == ["features"]
    assert [each.name for each in graph.output] == ["labels", "probabilities"]
    assert {name: kind for name, (kind, _) in shapes.items()} == {
        "features": onnx.TensorProto.FLOAT,
        "labels": onnx.TensorProto.INT64,
        "probabilities": onnx.TensorProto.FLOAT,
    }
    assert [each.dim_value for each in shapes["features"][1]] == [4]
    assert [each.dim_value for each in shapes["probabilities"][1]] == [2]


def test_the_operator_sets_are_in_the_order_of_their_names(fitted: Classifier) -> None:
    model = onnx.load_from_string(convert(fitted, "tiny", 4))
    assert [each.domain for each in model.opset_import] == ["", "ai.onnx.ml"]


def test_the_same_pipeline_gives_the_same_bytes(fitted: Classifier) -> None:
    assert convert(fitted, "tiny", 4) == convert(fitted, "tiny", 4)


def test_equal_answers_are_within_the_gate(model: Model, rows: list[Row], expected: Any) -> None:
    found = check_parity(model, rows, expected)
    assert (found.rows, found.labels_that_differ) == (len(rows), 0)
    assert 0 <= found.largest_difference < 1e-6


def test_a_label_that_differs_is_a_gate_error(model: Model, rows: list[Row], expected: Any) -> None:
    surest = expected[:, 1].argmin()
    shift = expected[surest, 0]
    expected[surest] = [0, 1]
    with pytest.raises(GateError) as caught:
        check_parity(model, rows, expected)
    assert str(caught.value) == (
        f"{WHOLE}1 labels of {len(rows)} differ, and probabilities by up to {shift:.1e}{ALLOWED}"
    )


def test_a_label_that_differs_by_next_to_nothing_is_a_gate_error(
    model: Model, fitted: Classifier, rows: list[Row], expected: Any
) -> None:
    yes = model.probabilities(model.encode(rows))[:, 1]
    target = model.contract.target.model_copy(update={"threshold": float(yes[0])})
    near = Model(model.contract.model_copy(update={"target": target}), convert(fitted, "tiny", 4))
    expected[yes == yes[0], 1] = yes[0] - 1e-6
    with pytest.raises(
        GateError, match=rf"{(yes == yes[0]).sum()} labels of {len(rows)} differ, and .* 1\.0e-06"
    ):
        check_parity(near, rows, expected)


@pytest.mark.parametrize(("shift", "figure"), [(2e-5, "2.0e-05"), (0.05, "5.0e-02"), (float("nan"), "nan")])
def test_a_probability_that_differs_is_a_gate_error(
    model: Model, rows: list[Row], expected: Any, shift: float, figure: str
) -> None:
    surest = expected[:, 1].argmin()
    expected[surest] += shift
    with pytest.raises(GateError) as caught:
        check_parity(model, rows, expected)
    assert str(caught.value) == (
        f"{WHOLE}0 labels of {len(rows)} differ, and probabilities by up to {figure}{ALLOWED}"
    )


def test_every_file_has_its_checksum_in_the_contract(tiny_model: Path) -> None:
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
def test_what_is_no_json_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        to_json({"metrics": {"roc_auc": value}})


def test_json_is_for_people_too() -> None:
    text = to_json({"title": "Größe", "rows": [1]})
    assert text.decode() == '{\n  "title": "Größe",\n  "rows": [\n    1\n  ]\n}\n'
    assert json.loads(text) == {"title": "Größe", "rows": [1]}
