"""An ONNX model from elsewhere, with the names of inputs and outputs that the service reads."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, TensorProto, ValueInfoProto, compose, helper, load_from_string
from sklearn.base import BaseEstimator, ClassifierMixin

from app.core.contract import Positions, Probabilities
from app.core.model import INPUT, LABELS, PROBABILITIES
from app.core.values import Matrix
from model_build.errors import ExportError
from model_build.export.onnx import serialize

PREFIX = "adopted_"
DIMENSIONS = 2  # rows and labels
NUMBERS = (TensorProto.FLOAT, TensorProto.DOUBLE)


class OnnxClassifier(ClassifierMixin, BaseEstimator):
    """A normalized ONNX model as the stages use a fitted classifier."""

    def __init__(self, onnx: bytes, width: int, count: int) -> None:
        self.onnx = onnx
        self.columns_ = list(range(width))
        self.classes_ = np.arange(count)

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return ort.InferenceSession(self.onnx, providers=["CPUExecutionProvider"])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_session"}

    def predict_proba(self, matrix: Matrix) -> Probabilities:
        probabilities: Probabilities = self._session.run([PROBABILITIES], {INPUT: matrix})[0]
        return probabilities

    def predict(self, matrix: Matrix) -> Positions:
        return np.asarray(self.predict_proba(matrix).argmax(axis=1))


def normalize(content: bytes, name: str, width: int, count: int) -> tuple[bytes, Sequence[Any] | None]:
    """Return ONNX: float32 [N, width] → labels and probabilities [N, count]; and the labels that it names.

    Raises:
        ExportError: the file is no ONNX model, or has other inputs or outputs.
    """
    try:
        model = compose.add_prefix(load_from_string(content), PREFIX)
    except Exception as error:  # protobuf and onnx raise all kinds of errors
        raise ExportError(f"The file is not an ONNX model: {' '.join(str(error).split())}.") from error
    matrix = _find_input(model, width)
    probabilities = _find_probabilities(model, count)
    for node in model.graph.node:
        node.input[:] = [INPUT if tensor == matrix.name else tensor for tensor in node.input]
    _set_outputs(model, matrix, probabilities, width, count)
    model.graph.name = name
    return serialize(model), _named_labels(model)


def _find_input(model: ModelProto, width: int) -> ValueInfoProto:
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in constants]
    shapes = [_shape(tensor) for tensor in inputs]
    if len(inputs) != 1 or shapes[0] not in ((TensorProto.FLOAT, width), (TensorProto.FLOAT, 0)):
        raise ExportError(f"The ONNX model must have one input, float32 [N, {width}]: the encoded columns.")
    matrix: ValueInfoProto = inputs[0]
    return matrix


def _find_probabilities(model: ModelProto, count: int) -> str:
    outputs = [tensor for tensor in model.graph.output if _shape(tensor)[0] in NUMBERS]
    fitting = [tensor.name for tensor in outputs if _shape(tensor)[1] in {0, count}]
    if len(fitting) != 1:
        raise ExportError(
            f"The ONNX model must have one output of probabilities [N, {count}]. skl2onnx writes it with "
            "options={'zipmap': False}."
        )
    name: str = fitting[0]
    return name


def _shape(tensor: ValueInfoProto) -> tuple[int, int]:
    """Return the type of the elements and the number of columns: 0 if it is open, -1 if there are none."""
    of_tensor = tensor.type.tensor_type
    dimensions = of_tensor.shape.dim
    columns = dimensions[1].dim_value if len(dimensions) == DIMENSIONS else -1 if dimensions else 0
    return of_tensor.elem_type, columns


def _set_outputs(
    model: ModelProto, matrix: ValueInfoProto, probabilities: str, width: int, count: int
) -> None:
    graph = model.graph
    graph.node.append(helper.make_node("Cast", [probabilities], [PROBABILITIES], to=TensorProto.FLOAT))
    graph.node.append(helper.make_node("ArgMax", [PROBABILITIES], [LABELS], axis=1, keepdims=0))
    graph.input.remove(matrix)
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, width]))
    del graph.output[:]
    graph.output.extend(
        [
            helper.make_tensor_value_info(LABELS, TensorProto.INT64, [None]),
            helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, count]),
        ]
    )
    if "" not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid("", 13))


def _named_labels(model: ModelProto) -> Sequence[Any] | None:
    """Return the labels that a classifier of the graph names, in the order of its probabilities."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in {"classlabels_strings", "classlabels_int64s", "classlabels_ints"}:
                return [
                    label.decode() if isinstance(label, bytes) else label
                    for label in helper.get_attribute_value(attribute)
                ]
    return None
