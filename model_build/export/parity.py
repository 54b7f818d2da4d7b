"""Whether the served model answers as scikit-learn does, and how long one row takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from timeit import repeat

import numpy as np

from app.core.contract import Probabilities
from app.core.features import Row
from app.core.model import Model
from model_build.errors import GateError

LARGEST_DIFFERENCE = 1e-5


@dataclass(frozen=True)
class Parity:
    """How far the served model is from scikit-learn's over the same rows."""

    rows: int
    labels_that_differ: int
    largest_difference: float


def check_parity(model: Model, rows: Sequence[Row], expected: Probabilities) -> Parity:
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


def measure_latency(model: Model) -> float:
    """Return the median time of one row through the model, encoded and answered, in microseconds."""
    rows = [model.contract.example]
    times = repeat(lambda: model.probabilities(model.encode(rows)), number=20, repeat=51)
    return median(times) / 20 * 1e6
