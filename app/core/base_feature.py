"""What every feature declares, and what may stand in place of its values."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.values import Value

Reason = Literal["default", "unknown", "outside"]


class Frozen(BaseModel):
    """Base of what is read from a file: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Missing(Frozen):
    """A feature that declares this may be null or one of the markers."""

    markers: tuple[str, ...] = ()


class Default(Frozen):
    """What the model reads where a request leaves the feature out."""

    value: bool | float | str | None = None
    """A value of the feature; null needs `missing`."""
    training: Literal["mean", "median", "mode"] | None = None
    """In place of a value: that of the training rows. The contract has the value."""

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.training is None) != ("value" in self.model_fields_set):
            raise ValueError("give either a value, or training: mean, median or mode")
        return self


@dataclass(frozen=True, slots=True)
class Replacement:
    """Stands in a row for a value that is not there, or that the feature does not have."""

    value: Value
    """What the model reads."""
    reason: Reason


class BaseFeature(Frozen):
    """What every feature declares."""

    STATISTICS: ClassVar[frozenset[str]] = frozenset({"mode"})
    """What a default may be of the training rows."""

    name: str = Field(min_length=1)
    """The key in a request, and the column in a file."""
    aliases: tuple[str, ...] = ()
    """Other names in requests and files."""
    title: str = Field(min_length=1)
    """For people."""
    unit: str | None = None
    """Of a number, for people."""
    missing: Missing | None = None
    """Allows null, an empty cell, and the markers."""
    default: Default | None = None
    """What the model reads where a request has no such field."""

    @model_validator(mode="after")
    def _default_is_known(self) -> Self:
        if self.default and self.default.training and self.default.training not in self.STATISTICS:
            allowed = ", ".join(sorted(self.STATISTICS))
            raise ValueError(f"default.training of this type must be one of: {allowed}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every key that a row may use for this feature; its own name is the first."""
        return (self.name, *self.aliases)

    @property
    def levels(self) -> tuple[str, ...]:
        """The values in the order of their codes, without the missing ones; a number has no levels."""
        return ()

    @property
    def is_categorical(self) -> bool:
        return bool(self.levels)

    @property
    def is_open(self) -> bool:
        """Whether nobody knows all values: such a feature is no number, and has no levels."""
        return False

    @property
    def may_replace(self) -> bool:
        """Whether the feature accepts what it does not have, and reads another value in its place."""
        return False

    @cached_property
    def absent(self) -> Replacement | None:
        """What stands for the feature in a row without it; None if every row must have it."""
        if self.default is None or self.default.training:
            return None
        return Replacement(self._to_value(self.default.value), "default")

    def _to_value(self, value: Value) -> Value:
        """Return the value that a value of a YAML file is."""
        return value

    def replace(self, value: Value) -> Replacement | None:  # noqa: ARG002
        """Return what stands for a value that the feature does not have, but accepts; None for others."""
        return None

    def from_text(self, text: str) -> Value:
        """Return the value of a cell in a text file. Validation refuses text that is no value."""
        text = text.strip()
        if self.missing is not None and (not text or text in self.missing.markers):
            return None
        return self._from_text(text)

    def _from_text(self, text: str) -> Value:
        return text

    def _missing_codes(self, code: float) -> dict[Value, float]:
        """Return the code of null and of each marker, if the feature may be missing."""
        return {} if self.missing is None else dict.fromkeys((None, *self.missing.markers), code)
