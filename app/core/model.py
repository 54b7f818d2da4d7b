"""The model in memory. No other file knows ONNX Runtime."""

from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort

from app.core.baked_model import load_contract, read_file
from app.core.contract import MODEL_FILE, Contract
from app.core.encoders import row_encoder
from app.core.errors import StartupError
from app.core.values import Matrix

INPUT = "features"
LABELS = "labels"
PROBABILITIES = "probabilities"
LOG_ERRORS_ONLY = 3


class Model:
    """Computes the probabilities of encoded rows."""

    def __init__(self, contract: Contract, onnx: bytes) -> None:
        """Raise StartupError when the ONNX model does not fit the contract."""
        self.contract = contract
        self.encode = row_encoder(contract.features, contract.derived)
        self._session = _open_session(onnx)
        self._check_fit()

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the baked model in `directory`; raise StartupError if anything is off."""
        contract = load_contract(directory)
        return cls(contract, read_file(directory, contract, MODEL_FILE))

    def probabilities(self, matrix: Matrix) -> Matrix:
        """Return float32 [N, labels] for an encoded float32 [N, columns]."""
        answer: Matrix = self._session.run([PROBABILITIES], {INPUT: matrix})[0]
        return answer

    def _check_fit(self) -> None:
        width = len(self.contract.columns)
        tensors = self._session.get_inputs()
        inputs = {tensor.name: (tensor.type, tensor.shape[1:]) for tensor in tensors}
        is_batch_size_fixed = any(isinstance(tensor.shape[0], int) for tensor in tensors)
        if inputs != {INPUT: ("tensor(float)", [width])} or is_batch_size_fixed:
            raise StartupError(
                f"{MODEL_FILE} has the inputs {inputs}; "
                f"the contract needs one input {INPUT!r} of {width} features."
            )
        outputs = {tensor.name for tensor in self._session.get_outputs()}
        if not {LABELS, PROBABILITIES} <= outputs:
            raise StartupError(
                f"{MODEL_FILE} has the outputs {sorted(outputs)}; "
                f"{LABELS!r} and {PROBABILITIES!r} are needed."
            )
        self._check_example()

    def _check_example(self) -> None:
        answer = self.probabilities(self.encode([self.contract.example]))
        labels = len(self.contract.target.labels)
        if answer.shape != (1, labels) or not np.isclose(answer.sum(), 1, atol=1e-3):
            raise StartupError(
                f"{MODEL_FILE} answers the example row with {answer.tolist()}, not {labels} probabilities."
            )


def _open_session(onnx: bytes) -> ort.InferenceSession:
    """Open the model for one thread: a worker has one core, and more threads would fight over it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = LOG_ERRORS_ONLY
    try:
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no public base
        raise StartupError(f"{MODEL_FILE} can't be read as an ONNX model: {error}") from error
