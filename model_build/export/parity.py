"""Whether the served model predicts as scikit-learn does, and how long one row takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from timeit import repeat

import numpy as np

from app.core.contract import Probabilities
from app.core.model import Model
from app.core.values import Row
from model_build.data.packed_rows import encode_in_chunks
from model_build.errors import GateError

LARGEST_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Parity:
    """Differences between the served model and scikit-learn's on the same rows."""

    rows: int
    labels_that_differ: int
    largest_difference: float


def check_parity(model: Model, rows: Sequence[Row], expected: Probabilities) -> Parity:
    """Predict `rows` with the code that serves, and compare with scikit-learn's probabilities.

    Raises:
        GateError: a label differs, or a probability differs by more than LARGEST_DIFFERENCE.
    """
    target = model.contract.target
    served = model.probabilities(encode_in_chunks(model.encode, rows))
    parity = Parity(
        rows=len(rows),
        labels_that_differ=int((target.decide(served) != target.decide(expected)).sum()),
        largest_difference=float(np.abs(served - expected).max()),
    )
    if parity.labels_that_differ or not parity.largest_difference <= LARGEST_DIFFERENCE:  # NaN fails too
        raise GateError(
            f"The ONNX model does not predict as scikit-learn does: {parity.labels_that_differ:,} of "
            f"{parity.rows:,} labels differ (allowed: 0), and probabilities differ by up to "
            f"{parity.largest_difference:.1e} (allowed: {LARGEST_DIFFERENCE:.0e})."
        )
    return parity


def measure_latency(model: Model) -> float:
    """Return the median time to encode and predict one row, in microseconds."""
    rows = [model.contract.example]
    times = repeat(lambda: model.probabilities(model.encode(rows)), number=20, repeat=51)
    return median(times) / 20 * 1e6
