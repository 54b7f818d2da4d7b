import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from app.core.baked_model import load_contract
from app.core.contract import Contract, sha256
from app.core.errors import StartupError
from app.core.model import Model
from tests.support.tiny import ROW


def graph(
    width: int, nodes: Sequence[Any], labels: str = "labels", probabilities: str = "probabilities"
) -> bytes:
    """Return an ONNX model of `width` inputs whose outputs have these names."""
    outputs = [
        helper.make_tensor_value_info(labels, TensorProto.INT64, [None]),
        helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, [None, None]),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", inputs, outputs),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def identity_model(width: int, labels: str = "labels", probabilities: str = "probabilities") -> bytes:
    """Return an ONNX model whose probabilities are its inputs."""
    position = helper.make_node("ArgMax", ["features"], [labels], axis=1, keepdims=0)
    return graph(
        width, [position, helper.make_node("Identity", ["features"], [probabilities])], labels, probabilities
    )


def softmax_model(width: int) -> bytes:
    """Return an ONNX model with as many probabilities as inputs."""
    position = helper.make_node("ArgMax", ["features"], ["labels"], axis=1, keepdims=0)
    return graph(width, [position, helper.make_node("Softmax", ["features"], ["probabilities"], axis=1)])


def with_features(contract: Contract, count: int) -> Contract:
    return contract.model_copy(update={"features": contract.features[:count]})


def test_baked_model_answers_probabilities_in_float32(model: Model) -> None:
    answer = model.probabilities(model.encode([ROW, ROW | {"rate": None}, ROW]))
    assert (answer.dtype, answer.shape) == (np.dtype(np.float32), (3, 2))
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(answer[0], answer[2])
    assert answer[0].tolist() != answer[1].tolist()


def test_session_runs_in_one_thread(model: Model) -> None:
    options = model._session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_model_that_fits_is_accepted(contract: Contract) -> None:
    model = Model(with_features(contract, 2), softmax_model(2))
    answer = model.probabilities(model.encode([{"years": 3.0, "rate": 3.0}]))
    assert answer.tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("features", "content", "sentence"),
    [
        (
            2,
            softmax_model(3),
            "model.onnx has the inputs {'features': ('tensor(float)', [3])}; "
            "the contract needs one input 'features' of 2 features.",
        ),
        (
            2,
            identity_model(2, labels="label", probabilities="scores"),
            "model.onnx has the outputs ['label', 'scores']; 'labels' and 'probabilities' are needed.",
        ),
        (
            2,
            identity_model(2, labels="label"),
            "model.onnx has the outputs ['label', 'probabilities']; 'labels' and 'probabilities' are needed.",
        ),
        (
            2,
            identity_model(2),
            "model.onnx answers the example row with [[5.0, 2.5]], not 2 probabilities.",
        ),
        (
            1,
            softmax_model(1),
            "model.onnx answers the example row with [[1.0]], not 2 probabilities.",
        ),
    ],
)
def test_model_that_does_not_fit_its_contract_is_refused(
    contract: Contract, features: int, content: bytes, sentence: str
) -> None:
    with pytest.raises(StartupError) as refused:
        Model(with_features(contract, features), content)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_file_that_is_not_onnx_is_refused_in_one_line(contract: Contract, content: bytes) -> None:
    with pytest.raises(StartupError) as refused:
        Model(contract, content)
    sentence = str(refused.value)
    assert sentence.startswith("model.onnx can't be read as an ONNX model: ")
    assert len(sentence.splitlines()) == 1


def test_model_of_another_contract_is_not_loaded(tiny_model: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(tiny_model, tmp_path / "model")
    document = json.loads((directory / "contract.json").read_text())
    (directory / "model.onnx").write_bytes(softmax_model(2))
    document["files"]["model.onnx"] = sha256(softmax_model(2))
    (directory / "contract.json").write_text(json.dumps(document))
    with pytest.raises(StartupError) as refused:
        Model.load(directory)
    assert str(refused.value) == (
        "model.onnx has the inputs {'features': ('tensor(float)', [2])}; "
        "the contract needs one input 'features' of 4 features."
    )


def test_a_model_that_is_replaced_while_it_is_read_is_refused(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = shutil.copytree(tiny_model, tmp_path / "model")

    def load_and_replace(path: Path) -> Contract:
        contract = load_contract(path)
        (path / "model.onnx").write_bytes(b"another")
        return contract

    monkeypatch.setattr("app.core.model.load_contract", load_and_replace)
    with pytest.raises(StartupError, match=r"^The baked model was changed: .*/model\.onnx has sha256 "):
        Model.load(directory)
