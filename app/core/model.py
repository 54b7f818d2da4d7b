"""The model in memory; the only file that knows ONNX Runtime."""

from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime as ort

from app.core.contract import MODEL_FILE, Contract, load_contract
from app.core.errors import StartupError
from app.core.features import Encoder, Matrix

INPUT = "features"
LABELS = "labels"
PROBABILITIES = "probabilities"
LOG_ERRORS_ONLY = 3


class Model:
    """Answers a matrix with probabilities."""

    def __init__(self, contract: Contract, onnx: bytes) -> None:
        """Raise StartupError when the ONNX model does not fit the contract."""
        self.contract = contract
        self.encode = Encoder(contract.features)
        self._session = _session(onnx)
        self._check_fit()

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the baked model in `directory`; raise StartupError if anything is off."""
        return cls(load_contract(directory), (directory / MODEL_FILE).read_bytes())

    def probabilities(self, matrix: Matrix) -> Matrix:
        """Return float32 [N, labels] for an encoded float32 [N, features]."""
        answer: Matrix = self._session.run([PROBABILITIES], {INPUT: matrix})[0]
        return answer

    def _check_fit(self) -> None:
        width = len(self.contract.features)
        inputs = {each.name: (each.type, each.shape[1:]) for each in self._session.get_inputs()}
        batch = [each.shape[0] for each in self._session.get_inputs() if isinstance(each.shape[0], int)]
        if inputs != {INPUT: ("tensor(float)", [width])} or batch:
            raise StartupError(
                f"{MODEL_FILE} takes {inputs}; the contract has {width} features in one {INPUT!r}."
            )
        outputs = {each.name for each in self._session.get_outputs()}
        if not {LABELS, PROBABILITIES} <= outputs:
            raise StartupError(
                f"{MODEL_FILE} gives {sorted(outputs)}; {LABELS!r} and {PROBABILITIES!r} are needed."
            )
        self._check_example()

    def _check_example(self) -> None:
        answer = self.probabilities(self.encode([self.contract.example]))
        labels = len(self.contract.target.labels)
        if answer.shape != (1, labels) or not np.isclose(answer.sum(), 1, atol=1e-3):
            raise StartupError(
                f"{MODEL_FILE} answers the example row with {answer.tolist()}, not {labels} probabilities."
            )


def _session(onnx: bytes) -> ort.InferenceSession:
    """Open the model for one thread: a worker has one core, and more threads would fight over it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = LOG_ERRORS_ONLY
    try:
        return ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no public base
        raise StartupError(f"{MODEL_FILE} can't be read as an ONNX model: {error}") from error
