"""The results of the gates that depend on a model and its test rows, but on no machine and no other model."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.contract import DataSource, Probabilities
from app.core.model import Model
from app.core.values import Row
from model_build.artifacts import Baselines, Evaluation, Slices
from model_build.errors import GateError
from model_build.export.parity import check_parity
from model_build.fairness_report import Fairness
from model_build.gate_report import GateResult
from model_build.gates import behaviour, bounds
from model_build.gates.baselines import check_baselines
from model_build.spec.model_spec import ModelSpec


@dataclass(frozen=True)
class Measurements:
    """A served model, its test rows, and what was measured on them."""

    model: Model
    bytes: int
    """Size of model.onnx."""
    rows: Sequence[Row]
    expected: Probabilities
    """Of the rows [N, labels], by scikit-learn."""
    source: DataSource
    evaluation: Evaluation
    slices: Slices
    fairness: Fairness
    baselines: Baselines


def check_measurements(spec: ModelSpec, measured: Measurements) -> list[GateResult]:
    """Check parity, the bounds of the spec, the baselines and the behaviour; parity is the first result."""
    gates, model, rows = spec.gates, measured.model, measured.rows
    documents = (measured.evaluation, measured.slices, measured.fairness)
    return [
        parity_result(model, rows, measured.expected),
        *bounds.check_gates(gates, measured.source, *documents),
        *bounds.check_size(gates, measured.bytes),
        *check_baselines(measured.baselines),
        *behaviour.check_behaviour(model, spec.model_checks, rows, spec.split.seed),
    ]


def parity_result(model: Model, rows: Sequence[Row], expected: Probabilities) -> GateResult:
    """Compare the served model with scikit-learn's probabilities [N, labels] of the rows."""
    try:
        parity = check_parity(model, rows, expected)
    except GateError as error:
        return GateResult(kind="parity", name="parity", passed=False, sentence=str(error).removesuffix("."))
    sentence = (
        f"{parity.rows:,} rows: {parity.labels_that_differ} labels differ from scikit-learn's, "
        f"probabilities by at most {parity.largest_difference:.1e}"
    )
    return GateResult(kind="parity", name="parity", passed=True, sentence=sentence)
