"""Dates and date-times, of which the model reads parts."""

from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from app.core.base_feature import BaseFeature, Frozen
from app.core.instants import read_instant
from app.core.values import Value

# The first and the last day that Python's dates have.
FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"


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
        if self.absent is not None and not self._may_be_absent(self.absent.value):
            raise ValueError(f"default.value must be {self.describe()}, or null with missing")
        return self

    def _may_be_absent(self, value: Value) -> bool:
        return self.missing is not None if value is None else self.accepts(value)

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
