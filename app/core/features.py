"""What a feature is: which values it has, and the code of each, that the model reads.

Training and serving use this one definition.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Protocol, Self
from zlib import crc32

import numpy as np
from pydantic import Field, ValidationInfo, field_validator, model_validator

from app.core.base_feature import BaseFeature, Frozen, Replacement
from app.core.datetime_feature import DatetimeFeature
from app.core.values import (
    BOOLEANS,
    TRUTH,
    Name,
    Value,
    drop_point,
    is_whole_number,
    number_to_text,
)

# Beyond this, float32 has the same value for neighbouring integers.
LARGEST_INTEGER = 2**24
# Beyond this, so does float64.
LARGEST_EXACT = 2**53
TOO_LARGE = (
    f"must be from {-LARGEST_INTEGER} to {LARGEST_INTEGER}: the model computes in float32, which merges "
    "larger neighbouring integers. Declare an offset, from which the model reads the distance; a code as a "
    "category, or an amount as a number"
)
# Beyond this, a float32 is infinite.
LARGEST_NUMBER = float(np.finfo(np.float32).max)
LONGEST_TEXT = 200
"""Characters of a category that is not declared."""
OTHER = "(other)"


class RangedFeature(BaseFeature):
    """A number from `minimum` to `maximum`; missing is NaN."""

    STATISTICS = frozenset({"mean", "median", "mode"})

    offset: float = 0
    scale: float = Field(default=1, gt=0)
    """The model reads (value - offset) / scale, computed in float64."""
    minimum: float
    maximum: float
    outside: Literal["refuse", "clip"] = "refuse"
    """What a number outside the range is: an error, or the nearer end of the range."""
    example: float

    @model_validator(mode="after")
    def _range_holds_example(self) -> Self:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum {self.minimum:.15g} must be below maximum {self.maximum:.15g}")
        if not self.minimum <= self.example <= self.maximum:
            raise ValueError(
                f"example {self.example:.15g} must lie in {self.minimum:.15g} to {self.maximum:.15g}"
            )
        farthest = max(abs(end - self.offset) for end in (self.minimum, self.maximum))
        if self.is_scaled and farthest > self.scale * LARGEST_NUMBER:
            raise ValueError("the ends of the range, divided by scale, must be within float32")
        return self

    @model_validator(mode="after")
    def _default_is_a_value(self) -> Self:
        if self.absent is None:
            return self
        value = self.absent.value
        if value is None and self.missing is not None:
            return self
        if isinstance(value, bool | str | None) or not self.minimum <= value <= self.maximum:
            raise ValueError(f"default.value must lie in {self.minimum:.15g} to {self.maximum:.15g}")
        return self

    @property
    def is_scaled(self) -> bool:
        """Whether the model reads another number than the value."""
        return (self.offset, self.scale) != (0, 1)

    @property
    def may_replace(self) -> bool:
        return self.outside == "clip"

    @cached_property
    def _ends(self) -> tuple[Replacement, Replacement]:
        return Replacement(self.minimum, "outside"), Replacement(self.maximum, "outside")

    def replace(self, value: Value) -> Replacement | None:
        if self.outside == "refuse" or not isinstance(value, int | float) or isinstance(value, bool):
            return None
        low, high = self._ends
        if value < self.minimum:
            return low
        return high if value > self.maximum else None

    @cached_property
    def codes(self) -> dict[Value, float]:
        return self._missing_codes(float("nan"))

    def _from_text(self, text: str) -> Value:
        if "_" in text or not text.isascii():  # float() accepts 1_000, and digits of any script
            return text
        try:
            return float(text)
        except ValueError:
            return text


class IntegerFeature(RangedFeature):
    type: Literal["integer"]
    minimum: int = -LARGEST_INTEGER
    maximum: int = LARGEST_INTEGER
    example: int

    @field_validator("minimum", "maximum")
    @classmethod
    def _float32_holds_every_integer(cls, bound: int, info: ValidationInfo) -> int:
        distance = bound - info.data.get("offset", 0)
        if abs(distance) > LARGEST_INTEGER or abs(bound) > LARGEST_EXACT:
            raise ValueError(TOO_LARGE)
        return bound

    def replace(self, value: Value) -> Replacement | None:
        is_fraction = isinstance(value, float) and value % 1
        return None if is_fraction else super().replace(value)

    @model_validator(mode="after")
    def _default_is_whole(self) -> Self:
        if self.absent is not None and isinstance(self.absent.value, float) and self.absent.value % 1:
            raise ValueError("default.value must be a whole number")
        return self


class NumberFeature(RangedFeature):
    type: Literal["number"]
    minimum: float = Field(default=-LARGEST_NUMBER, ge=-LARGEST_NUMBER)
    maximum: float = Field(default=LARGEST_NUMBER, le=LARGEST_NUMBER)


class Other(Frozen):
    """The category that stands for rare and for unknown ones."""

    name: str = Field(default=OTHER, min_length=1)
    minimum_rows: int = Field(default=0, ge=0)
    """Categories that fewer rows of those that a model is fitted to have are read as this one."""


class CategoryFeature(BaseFeature):
    """One of the categories; its code is its position. After the last come `other`, if any, and missing."""

    type: Literal["category"]
    categories: tuple[Name, ...] = Field(min_length=2)
    unknown: Literal["refuse", "missing", "other"] = "refuse"
    """What a text is that is no category, in requests and in training data."""
    other: Other | None = None
    order: Literal["given"] | None = None
    """Whether the order of the categories means something, so that no target_rate may change it."""
    example: Name

    @model_validator(mode="after")
    def _categories_are_distinct(self) -> Self:
        markers = self.missing.markers if self.missing else ()
        known = (*self.levels, *markers)
        duplicates = sorted({value for value in known if known.count(value) > 1})
        if duplicates:
            raise ValueError(
                f"categories and missing markers must differ, {', '.join(duplicates)} appears twice"
            )
        if self.example not in self.categories:
            raise ValueError(f"example must be one of the categories: {', '.join(self.categories)}")
        if self.unknown == "missing" and self.missing is None:
            raise ValueError("unknown: missing needs missing: {}")
        if self.absent is not None and self.absent.value not in self.codes:
            raise ValueError(f"default.value must be one of {', '.join(self.levels)}, or null with missing")
        return self

    @property
    def other_name(self) -> str | None:
        """The name of the category that stands for others."""
        if self.other is not None:
            return self.other.name
        return OTHER if self.unknown == "other" else None

    @property
    def levels(self) -> tuple[str, ...]:
        return self.categories if self.other_name is None else (*self.categories, self.other_name)

    @property
    def may_replace(self) -> bool:
        return self.unknown != "refuse"

    @property
    def unknown_level(self) -> str | None:
        """What the model reads for an unknown category, if it accepts one."""
        return self.other_name if self.unknown == "other" else None

    @cached_property
    def _of_unknown(self) -> Replacement:
        return Replacement(self.unknown_level, "unknown")

    def _to_value(self, value: Value) -> Value:
        text: Value = number_to_text(value)
        return text

    def replace(self, value: Value) -> Replacement | None:
        is_text = isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT
        return self._of_unknown if self.may_replace and is_text and value not in self.codes else None

    @property
    def has_numbers(self) -> bool:
        """Whether a category is a whole number, so that a number may stand for it."""
        return any(map(is_whole_number, self.categories))

    @property
    def has_booleans(self) -> bool:
        """Whether a category is true or false, so that a boolean may stand for it."""
        return not set(TRUTH).isdisjoint(self.categories)

    def _from_text(self, text: str) -> Value:
        return self.spell(text)

    def spell(self, text: str) -> str:
        """Return the category that a text means: `3.0` is 3, and `True` is true; other text as it is."""
        if text in self.codes:
            return text
        truth = text.lower()
        meant = truth if truth in TRUTH else drop_point(text)
        return meant if meant in self.codes else text

    @cached_property
    def codes(self) -> dict[Value, float]:
        codes: dict[Value, float] = {level: float(code) for code, level in enumerate(self.levels)}
        return codes | self._missing_codes(float(len(self.levels)))


class OpenCategoryFeature(BaseFeature):
    """Any text, of which there are too many to list, such as a zip code; the model reads a rate of each.

    The code of a text is the number of a bucket that its hash chooses; missing is the bucket after the last.
    """

    type: Literal["open_category"]
    buckets: int = Field(default=2**16, ge=2, le=2**20)
    example: Name = Field(min_length=1, max_length=LONGEST_TEXT)

    @model_validator(mode="after")
    def _example_and_default_are_accepted(self) -> Self:
        if not self.accepts(self.example):
            raise ValueError("example must have no space at its ends")
        if self.absent is not None and not self.accepts(self.absent.value):
            raise ValueError("default.value must be text, or null with missing")
        return self

    def _to_value(self, value: Value) -> Value:
        text = number_to_text(value)
        return self.spell(text) if isinstance(text, str) else value

    @property
    def is_open(self) -> bool:
        return True

    @property
    def codes_count(self) -> int:
        return self.buckets + (self.missing is not None)

    def accepts(self, value: Value) -> bool:
        """Return whether a value is valid."""
        if value is None:
            return self.missing is not None
        return isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value == value.strip()

    def encode(self, value: str | None) -> float:
        """Return the code of an accepted value."""
        is_missing = value is None or (self.missing is not None and value in self.missing.markers)
        return float(self.buckets if is_missing else crc32(str(value).encode()) % self.buckets)

    def _from_text(self, text: str) -> Value:
        return self.spell(text)

    def spell(self, text: str) -> str:
        """Return the category that a text means: `3.0` is 3."""
        return drop_point(text)

    @cached_property
    def codes(self) -> dict[Value, float]:
        return self._missing_codes(float(self.buckets))


class Words(Frozen):
    """Other words for true and false than the usual ones, in any case."""

    true: tuple[Name, ...] = ()
    false: tuple[Name, ...] = ()

    @cached_property
    def meanings(self) -> dict[str, Value]:
        """What each word means, in lower case."""
        return {word.lower(): word in self.true for word in (*self.false, *self.true)}


class BooleanFeature(BaseFeature):
    """true or false; the codes are 1 and 0, and missing is 2."""

    type: Literal["boolean"]
    words: Words = Words()
    example: bool

    @model_validator(mode="after")
    def _words_differ(self) -> Self:
        markers = self.missing.markers if self.missing else ()
        words = [word.lower() for word in (*self.words.true, *self.words.false)]
        if len({*words, *markers}) < len(words) + len(markers):
            raise ValueError("words and missing markers must differ")
        return self

    @model_validator(mode="after")
    def _default_is_a_value(self) -> Self:
        if self.absent is not None and self.absent.value not in self.codes:
            raise ValueError("default.value must be true or false, or null with missing")
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        return ("false", "true")

    @cached_property
    def codes(self) -> dict[Value, float]:
        return {False: 0.0, True: 1.0} | self._missing_codes(2.0)

    @cached_property
    def meanings(self) -> dict[str, Value]:
        """What every word means, in lower case."""
        return BOOLEANS | self.words.meanings

    def _from_text(self, text: str) -> Value:
        return self.meanings.get(drop_point(text).lower(), text)


Feature = Annotated[
    IntegerFeature | NumberFeature | CategoryFeature | OpenCategoryFeature | BooleanFeature | DatetimeFeature,
    Field(discriminator="type"),
]


def coder(feature: Feature) -> Callable[[Any], float]:
    """Return the function from a feature's value to its code; a number is its own code."""
    if isinstance(feature, DatetimeFeature | OpenCategoryFeature):
        return feature.encode
    if feature.is_categorical:
        return feature.codes.__getitem__
    codes = feature.codes
    return (lambda value: codes.get(value, value)) if codes else float


class Named(Protocol):
    """What has a name of its own, and perhaps others."""

    @property
    def name(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...


def check_names(features: Sequence[Named]) -> None:
    """Raise ValueError when two features share a name or an alias, or a feature is called `inputs`."""
    owners = {"inputs": "the key that holds the rows of a request"}
    for feature in features:
        for name in feature.names:
            if name in owners:
                raise ValueError(f"feature name or alias {name!r} is taken already by {owners[name]}")
            owners[name] = f"feature {feature.name!r}"
