"""model-checks.json and refit.json: the results of the gates that a model had to pass."""

from typing import Literal

from app.core.contract import FittedOn, Sha256
from model_build.artifacts import Artifact
from model_build.spec.sections import Severity


class BoundResult(Artifact):
    """A bound of a gate, and what was compared with it."""

    key: Literal["minimum", "maximum", "tolerance", "minimum_probability", "maximum_bytes"]
    """Its name in the spec."""
    bound: float
    value: float
    """Of many slices or groups, of the one that is closest to the bound."""
    end: float
    """The end of the interval that the bound looks at; the value, if that has no interval."""


class GateResult(Artifact):
    """Whether a gate passed."""

    kind: Literal[
        "metric", "slice", "fairness", "size", "latency", "deployed", "baseline", "parity", "behaviour"
    ]
    name: str
    severity: Severity = "fail"
    """`fail` stops the bake if the gate fails; `warn` only says so."""
    passed: bool
    judged: bool = True
    """False if there was nothing to judge; a gate that is not optional then fails."""
    sentence: str
    """What was measured, what is allowed, and the difference if the gate fails."""
    bounds: tuple[BoundResult, ...] = ()
    """Empty if the gate has no bound in the spec, or had nothing to judge."""


class ModelReport(Artifact):
    """model-checks.json: the results of all gates."""

    results: tuple[GateResult, ...]
    bytes: int
    microseconds: float
    checked: dict[str, Sha256]
    """Checksums of the files that were checked."""
    gates_checksum: Sha256
    """Of the sections of the spec that define the gates."""

    @property
    def failed(self) -> tuple[GateResult, ...]:
        return self._not_passed("fail")

    @property
    def warnings(self) -> tuple[GateResult, ...]:
        return self._not_passed("warn")

    def _not_passed(self, severity: Severity) -> tuple[GateResult, ...]:
        return tuple(result for result in self.results if not result.passed and result.severity == severity)

    @property
    def passed(self) -> tuple[GateResult, ...]:
        return tuple(result for result in self.results if result.passed and result.judged)

    @property
    def not_judged(self) -> tuple[GateResult, ...]:
        return tuple(result for result in self.results if result.passed and not result.judged)


class RefitReport(ModelReport):
    """refit.json: the model to serve, and the results of the gates that it passed again after a refit."""

    fitted_on: FittedOn
    rows: int
    """That it learnt from."""
