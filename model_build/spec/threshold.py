"""The threshold of a spec: which probability is enough for the positive label."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from app.core.base_feature import Frozen
from model_build.spec.sections import Share

Maximized = Literal["accuracy", "balanced_accuracy", "f1", "f2"]
Word = Literal["fixed", "accuracy", "balanced_accuracy", "f1", "f2"]
Level = Annotated[float, Field(gt=0, le=1)]


class Cost(Frozen):
    """What a wrong answer costs, in any unit."""

    false_positive: float = Field(gt=0)
    false_negative: float = Field(gt=0)


class ThresholdRule(Frozen):
    """One rule by which the threshold is chosen on the folds."""

    maximize: Maximized | None = None
    precision_at_recall: Level | None = None
    """The highest precision with at least this recall."""
    recall_at_precision: Level | None = None
    """The highest recall with at least this precision."""
    cost: Cost | None = None
    """The least cost."""
    budget: Share | None = Field(default=None, gt=0, lt=1)
    """The largest share of the rows that may get the positive label."""

    @model_validator(mode="after")
    def _there_is_one_rule(self) -> Self:
        if sum(value is not None for _, value in self) != 1:
            raise ValueError(f"must have exactly one of the keys {', '.join(type(self).model_fields)}")
        return self

    @property
    def name(self) -> str:
        """The metric that is maximized, or the key of the rule."""
        return self.maximize or next(name for name, value in self if value is not None)


Threshold = Annotated[
    Annotated[ThresholdRule, Tag("rule")] | Annotated[Word, Tag("word")],
    Discriminator(lambda value: "rule" if isinstance(value, Mapping | ThresholdRule) else "word"),
]


def to_rule(threshold: Any) -> ThresholdRule | None:
    """Return the rule that a word of the spec stands for; None for `fixed`."""
    if isinstance(threshold, ThresholdRule):
        return threshold
    return ThresholdRule(maximize=threshold) if threshold in get_args(Maximized) else None
