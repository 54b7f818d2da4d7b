"""What a feature is, and how its values become the float32 columns that the model reads.

Training and serving use this one definition.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain, cycle
from operator import call
from typing import Annotated, Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from app.core.instants import read_instant

Value = float | str | bool | None
Row = Mapping[str, Value]
Matrix = npt.NDArray[np.float32]

BOOLEANS: dict[str, Value] = {
    **dict.fromkeys(("true", "yes", "on", "t", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "off", "f", "n", "0", "0.0"), False),
}
"""The words for a boolean, in any case: those that pydantic takes, and the numbers of some files."""
WRITTEN_WITH_A_POINT = re.compile(r"(-?[0-9]+)\.0+")
"""A whole number as some programs write it, when other cells of its column are empty."""


def number_to_text(value: Any) -> Any:
    """Return a whole number or a boolean as the text that names it as a category or label."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
    return value


def is_whole_number(text: str) -> bool:
    """Return whether this is how `number_to_text` writes a whole number."""
    return text == "0" or bool(re.fullmatch("-?[1-9][0-9]*", text))


Name = Annotated[str, BeforeValidator(number_to_text, json_schema_input_type=str | int | bool)]
"""Text that a file may hold as a number or a boolean."""

# Beyond this, float32 has the same value for neighbouring integers.
LARGEST_INTEGER = 2**24
TOO_LARGE = (
    f"must be from {-LARGEST_INTEGER} to {LARGEST_INTEGER}: the model computes in float32, which merges "
    "larger neighbouring integers. Give the distance from a number near them, in the data and in requests, "
    "or declare a code as a category, and an amount as a number"
)
# The first and the last day that Python's dates have.
FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"
# Beyond this, a float32 is infinite.
LARGEST_NUMBER = float(np.finfo(np.float32).max)


class Frozen(BaseModel):
    """Base of what is read from a file: unknown keys are errors, and nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Missing(Frozen):
    """A feature that declares this may be null or one of the markers."""

    markers: tuple[str, ...] = ()


class BaseFeature(Frozen):
    """What every feature declares."""

    name: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    title: str = Field(min_length=1)
    unit: str | None = None
    missing: Missing | None = None

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


class RangedFeature(BaseFeature):
    """A number from `minimum` to `maximum`; missing is NaN."""

    minimum: float
    maximum: float
    example: float

    @model_validator(mode="after")
    def _range_holds_example(self) -> Self:
        if self.minimum >= self.maximum:
            raise ValueError(f"minimum {self.minimum:.15g} must be below maximum {self.maximum:.15g}")
        if not self.minimum <= self.example <= self.maximum:
            raise ValueError(
                f"example {self.example:.15g} must lie in {self.minimum:.15g} to {self.maximum:.15g}"
            )
        return self

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
    minimum: int
    maximum: int
    example: int

    @field_validator("minimum", "maximum")
    @classmethod
    def _float32_holds_every_integer(cls, bound: int) -> int:
        if abs(bound) > LARGEST_INTEGER:
            raise ValueError(TOO_LARGE)
        return bound


class NumberFeature(RangedFeature):
    type: Literal["number"]
    minimum: float = Field(ge=-LARGEST_NUMBER)
    maximum: float = Field(le=LARGEST_NUMBER)


class CategoryFeature(BaseFeature):
    """One of the categories; its code is its position, and missing comes after the last."""

    type: Literal["category"]
    categories: tuple[Name, ...] = Field(min_length=2)
    example: Name

    @model_validator(mode="after")
    def _categories_are_distinct(self) -> Self:
        markers = self.missing.markers if self.missing else ()
        known = (*self.categories, *markers)
        duplicates = sorted({value for value in known if known.count(value) > 1})
        if duplicates:
            raise ValueError(
                f"categories and missing markers must differ, {', '.join(duplicates)} appears twice"
            )
        if self.example not in self.categories:
            raise ValueError(f"example must be one of the categories: {', '.join(self.categories)}")
        return self

    @property
    def levels(self) -> tuple[str, ...]:
        return self.categories

    @property
    def has_numbers(self) -> bool:
        """Whether a category is a whole number, so that a number may stand for it."""
        return any(map(is_whole_number, self.categories))

    def _from_text(self, text: str) -> Value:
        if text not in self.codes and (number := WRITTEN_WITH_A_POINT.fullmatch(text)):
            return number[1] if number[1] in self.codes else text
        return text

    @cached_property
    def codes(self) -> dict[Value, float]:
        codes: dict[Value, float] = {category: float(code) for code, category in enumerate(self.categories)}
        return codes | self._missing_codes(float(len(self.categories)))


class BooleanFeature(BaseFeature):
    """true or false; the codes are 1 and 0, and missing is 2."""

    type: Literal["boolean"]
    example: bool

    @property
    def levels(self) -> tuple[str, ...]:
        return ("false", "true")

    @cached_property
    def codes(self) -> dict[Value, float]:
        return {False: 0.0, True: 1.0} | self._missing_codes(2.0)

    def _from_text(self, text: str) -> Value:
        return BOOLEANS.get(text.lower(), text)


class Since(Frozen):
    """The day from which a datetime feature counts days."""

    since: str


class DatetimeFeature(BaseFeature):
    """A date or a date-time as text; the model reads its parts in UTC.

    Its code is the seconds since 1970, from which the parts are computed; missing is NaN.
    """

    type: Literal["datetime"]
    parts: tuple[Literal["year", "month", "day", "weekday", "hour", "days"], ...] = Field(min_length=1)
    days: Since | None = None
    """Needed for the part of that name."""
    format: str | None = Field(default=None, pattern=r"^[^\[\]{}\"\\]*%[^\[\]{}\"\\]*$")
    """As strptime has it; by default ISO 8601. The range and `since` are in ISO 8601 all the same."""
    minimum: str = FIRST_DAY
    maximum: str = LAST_DAY
    example: str

    @model_validator(mode="after")
    def _instants_can_be_read(self) -> Self:
        low, high = self.range
        if low >= high:
            raise ValueError(f"minimum {self.minimum} must be before maximum {self.maximum}")
        if not self.accepts(self.example):
            raise ValueError(f"example must be {self.describe()}, not {self.example}")
        if ("days" in self.parts) != (self.days is not None):
            raise ValueError("days: {since: …} and the part days need each other")
        if self.days:
            _seconds("days.since", self.days.since)
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("every part may appear only once")
        return self

    @cached_property
    def range(self) -> tuple[float, float]:
        """The seconds of minimum and maximum; raise ValueError for what is not ISO 8601."""
        return _seconds("minimum", self.minimum), _seconds("maximum", self.maximum)

    @cached_property
    def codes(self) -> dict[Value, float]:
        return self._missing_codes(float("nan"))

    @property
    def first_day(self) -> float:
        """The seconds from which days are counted."""
        return _seconds("days.since", self.days.since) if self.days else 0.0

    def read(self, text: str) -> float | None:
        """Return the seconds, whatever the range; None for text that is no date."""
        return read_instant(text, self.format)

    def accepts(self, value: Any) -> bool:
        seconds = self.read(value) if isinstance(value, str) else None
        return seconds is not None and self.range[0] <= seconds <= self.range[1]

    def describe(self) -> str:
        """Say in words what is allowed."""
        form = f"in the format {self.format}" if self.format else "in ISO 8601"
        text = f"a date or date-time {form}, such as {self.example}"
        any_year = (self.minimum, self.maximum) == (FIRST_DAY, LAST_DAY)
        return text if any_year else f"{text}, from {self.minimum} to {self.maximum}"

    def encode(self, value: str | None) -> float:
        """Return the code of an accepted value."""
        seconds = None if value is None else self.read(value)
        return float("nan") if seconds is None else seconds


def _seconds(key: str, text: str) -> float:
    seconds = read_instant(text)
    if seconds is None:
        raise ValueError(f"{key} must be a date or date-time in ISO 8601, not {text}")
    return seconds


Feature = Annotated[
    IntegerFeature | NumberFeature | CategoryFeature | BooleanFeature | DatetimeFeature,
    Field(discriminator="type"),
]


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


class Encoder:
    """Turns validated rows into the codes of their values: the matrix, unless columns are computed."""

    def __init__(self, features: Sequence[Feature], dtype: type[np.floating[Any]] = np.float32) -> None:
        self._dtype = dtype
        self._code_of = [_coder(feature) for feature in features]
        self._widths = frozenset([len(features)])

    def __call__(self, rows: Sequence[Row]) -> npt.NDArray[Any]:
        """Return [N, features] in the dtype. Every row must hold its values in the order of the features.

        Every step of the iteration is C; a comprehension takes half as long again.
        """
        width = len(self._code_of)
        if not self._widths.issuperset(map(len, rows)):  # otherwise the rows after it would be shifted
            raise ValueError(f"every row must have {width} values")
        values = chain.from_iterable([row.values() for row in rows])
        codes = map(call, cycle(self._code_of), values)
        return np.fromiter(codes, self._dtype, len(rows) * width).reshape(-1, width)


def _coder(feature: Feature) -> Callable[[Any], float]:
    """Return the function from a feature's value to its code; a number is its own code."""
    if isinstance(feature, DatetimeFeature):
        return feature.encode
    if feature.is_categorical:
        return feature.codes.__getitem__
    codes = feature.codes
    return (lambda value: codes.get(value, value)) if codes else float
