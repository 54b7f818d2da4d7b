"""The section of a spec on the split: which rows are set aside for the test, and how folds are made."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.core.base_feature import Frozen
from model_build.spec.source import Source

LARGEST_SEED = 2**32 - 1  # of NumPy and scikit-learn

SplitKind = Literal["random", "time", "groups", "file"]


def _to_source(value: Any) -> Any:
    return {"uri": value} if isinstance(value, str) else value


class Split(Frozen):
    """Which rows are set aside for the test: drawn at random, the last ones, whole groups, or a file."""

    test: float | None = Field(default=None, gt=0, lt=1)
    """Share of the rows; needed unless the test rows are those of a file."""
    by: str | None = Field(default=None, min_length=1)
    """Column of a time or a rising number: the last rows test, and every fold validates later rows."""
    groups: str | None = Field(default=None, min_length=1)
    """Column of which every value is on one side only, in the split and in the folds."""
    file: Annotated[Source, BeforeValidator(_to_source)] | None = None
    """Test rows of one's own: a file, or a source as in data.sources."""
    stratify: bool = True
    """Whether train and test rows have the same shares of the labels."""
    seed: int = Field(ge=0, le=LARGEST_SEED)
    """Of every random choice of a bake."""

    @property
    def kind(self) -> SplitKind:
        if self.by:
            return "time"
        if self.groups:
            return "groups"
        return "file" if self.file else "random"

    @property
    def has_others(self) -> bool:
        """Whether another seed makes another split."""
        return self.kind in {"random", "groups"}
