"""A fitted pipeline → ONNX that answers as scikit-learn does → a baked model on the disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx.checker import check_model
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from app.contract import CONTRACT_FILE, MODEL_FILE, Contract, sha256
from app.features import Row
from app.model import INPUT, LABELS, PROBABILITIES, Model
from model_build import trees
from model_build.errors import GateError

OPSETS = {"": 18, "ai.onnx.ml": 3}
LARGEST_DIFFERENCE = 1e-5


def convert(pipeline: Pipeline, name: str, width: int) -> bytes:
    """Return ONNX: float32 [N, width] → label positions [N] and probabilities [N, labels]."""
    model = to_onnx(
        pipeline,
        name=name,
        initial_types=[(INPUT, FloatTensorType([None, width]))],
        final_types=[(LABELS, None), (PROBABILITIES, None)],
        options={"zipmap": False},
        target_opset=OPSETS,
    )
    trees.correct(model, pipeline[-1])
    check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


@dataclass(frozen=True)
class Parity:
    """How far the served model is from scikit-learn's over the same rows."""

    rows: int
    labels_that_differ: int
    largest_difference: float


def parity(model: Model, rows: Sequence[Row], expected: npt.NDArray[np.float64]) -> Parity:
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


def files(contract: Contract, onnx: bytes, documents: Mapping[str, Any]) -> tuple[Contract, dict[str, bytes]]:
    """Return the contract with all checksums, and every file of the baked model with its content."""
    contents = {MODEL_FILE: onnx} | {name: to_json(value) for name, value in documents.items()}
    checksums = {name: sha256(content) for name, content in contents.items()}
    sealed = contract.model_copy(update={"files": checksums})
    return sealed, contents | {CONTRACT_FILE: to_json(sealed.model_dump(mode="json"))}


def to_json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
