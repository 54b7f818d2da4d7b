"""A fitted pipeline → ONNX that answers as scikit-learn does → a baked model on the disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from timeit import repeat
from typing import Any

import numpy as np
from onnx import numpy_helper
from onnx.checker import check_model
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.utils import check_input_and_output_numbers

from app.core.contract import CONTRACT_FILE, MODEL_FILE, Contract, Probabilities, sha256
from app.core.features import Row
from app.core.model import INPUT, LABELS, PROBABILITIES, Model
from model_build.errors import GateError
from model_build.export import calibration, trees
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier
from model_build.training.estimators import Clipper

OPSETS = {"": 18, "ai.onnx.ml": 3}
LARGEST_DIFFERENCE = 1e-5


def convert(model: Classifier | Calibrated, name: str, width: int) -> bytes:
    """Return ONNX: float32 [N, width] → label positions [N] and probabilities [N, labels]."""
    classifier = model.classifier if isinstance(model, Calibrated) else model
    converted = to_onnx(
        classifier.pipeline_,
        name=name,
        initial_types=[(INPUT, FloatTensorType([None, len(classifier.columns_)]))],
        final_types=[(LABELS, None), (PROBABILITIES, None)],
        options={"zipmap": False},
        target_opset=OPSETS,
    )
    trees.correct(converted, classifier.pipeline_[-1])
    calibration.read_columns(converted, classifier.columns_, width)
    if isinstance(model, Calibrated):
        converted = calibration.calibrate(converted, model.calibrator, len(model.classes_))
    opsets = sorted(converted.opset_import, key=lambda each: str(each.domain))  # they come from a set
    del converted.opset_import[:]
    converted.opset_import.extend(opsets)
    check_model(converted, full_check=True)
    content: bytes = converted.SerializeToString(deterministic=True)
    return content


def _clipped_type(operator: Any) -> None:
    check_input_and_output_numbers(operator, input_count_range=1, output_count_range=1)
    operator.outputs[0].type = FloatTensorType(operator.inputs[0].type.shape)


def _clip(scope: Any, operator: Any, container: Any) -> None:
    """Write a Clipper as Max and Min, which keep NaN and, unlike Clip, take a bound for each column."""
    clipper: Clipper = operator.raw_operator
    raised = scope.get_unique_variable_name("raised")
    steps = [
        ("Max", clipper.low_, operator.inputs[0].full_name, raised),
        ("Min", clipper.high_, raised, operator.outputs[0].full_name),
    ]
    for kind, bounds, given, result in steps:
        name = scope.get_unique_variable_name("bounds")
        container.add_initializer(name, None, None, numpy_helper.from_array(bounds[None, :], name))
        container.add_node(kind, [given, name], [result], op_version=13)


update_registered_converter(Clipper, "Clipper", _clipped_type, _clip)


@dataclass(frozen=True)
class Parity:
    """How far the served model is from scikit-learn's over the same rows."""

    rows: int
    labels_that_differ: int
    largest_difference: float


def parity(model: Model, rows: Sequence[Row], expected: Probabilities) -> Parity:
    """Answer `rows` through the code that serves, and compare with scikit-learn's probabilities.

    Raises:
        GateError: a label differs, or a probability by more than LARGEST_DIFFERENCE.
    """
    target = model.contract.target
    served = model.probabilities(model.encode(rows))
    found = Parity(
        rows=len(rows),
        labels_that_differ=int((target.decide(served) != target.decide(expected)).sum()),
        largest_difference=float(np.abs(served - expected).max()),
    )
    if found.labels_that_differ or not found.largest_difference <= LARGEST_DIFFERENCE:
        raise GateError(
            f"The ONNX model does not answer as scikit-learn does: {found.labels_that_differ} labels "
            f"of {found.rows} differ, and probabilities by up to {found.largest_difference:.1e} "
            f"(allowed are 0 and {LARGEST_DIFFERENCE:.0e})."
        )
    return found


def microseconds(model: Model) -> float:
    """Return the median time of one row through the model, encoded and answered."""
    rows = [model.contract.example]
    times = repeat(lambda: model.probabilities(model.encode(rows)), number=20, repeat=51)
    return median(times) / 20 * 1e6


def files(
    contract: Contract, onnx: bytes, documents: Mapping[str, bytes]
) -> tuple[Contract, dict[str, bytes]]:
    """Return the contract with all checksums, and every file of the baked model with its content."""
    contents = {MODEL_FILE: onnx, **documents}
    checksums = {name: sha256(content) for name, content in contents.items()}
    sealed = contract.model_copy(update={"files": checksums})
    return sealed, contents | {CONTRACT_FILE: to_json(sealed.model_dump(mode="json"))}


def to_json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
