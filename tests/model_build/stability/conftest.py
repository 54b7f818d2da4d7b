"""What a split measures, made up."""

from typing import Any

from model_build.gate_report import BoundResult, GateResult
from model_build.spec.sections import METRICS, Severity
from model_build.stability.splits import SplitResult

FINGERPRINT = "f1" * 32


def gate(
    kind: Any, name: str, *bounds: BoundResult, severity: Severity = "fail", passed: bool = True
) -> GateResult:
    return GateResult(
        kind=kind, name=name, severity=severity, passed=passed, sentence="Measured.", bounds=bounds
    )


def at_least(bound: float, value: float, end: float) -> BoundResult:
    return BoundResult(key="minimum", bound=bound, value=value, end=end)


def split_result(seed: int, value: float, *results: GateResult) -> SplitResult:
    return SplitResult(
        seed=seed, fingerprint=FINGERPRINT, metrics=dict.fromkeys(METRICS, value), results=results
    )
