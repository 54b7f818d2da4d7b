"""What the evaluation asks of a spec, so that rows without a spec can be evaluated too."""

from typing import Protocol

from app.core.features import Feature
from model_build.spec.sections import EvaluationSection


class Plan(Protocol):
    """The columns of the matrix, what is measured by them, and the seed of the resamples."""

    @property
    def columns(self) -> tuple[Feature, ...]: ...

    @property
    def evaluation(self) -> EvaluationSection: ...

    @property
    def seed(self) -> int: ...
