"""Dates and times as numbers: text → seconds since 1970 in UTC, and the parts of those."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]
"""Since the beginning of 1970 in UTC; NaN is missing."""

LONGEST = 64  # characters
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS_PER_HOUR = 3_600
HOURS_PER_DAY = 24
SECONDS_PER_DAY = HOURS_PER_DAY * SECONDS_PER_HOUR
THURSDAY = 4  # the weekday of EPOCH, counted from 1 for Monday
DAYS_PER_WEEK = 7
MONTHS_PER_YEAR = 12


def read_instant(text: str, format_: str | None = None) -> float | None:
    """Return the seconds of a date or date-time in ISO 8601, or in a format of strptime; None for other text.

    What names no zone is UTC.
    """
    if len(text) > LONGEST or not text.isascii():
        return None
    try:
        instant = datetime.strptime(text, format_) if format_ else datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return (instant - EPOCH).total_seconds()


def _days(seconds: Seconds) -> "npt.NDArray[np.datetime64]":
    """Return the day in UTC; a missing one is not a time."""
    days = np.floor(seconds / SECONDS_PER_DAY)
    return np.where(np.isnan(days), np.datetime64("NaT"), np.nan_to_num(days).astype("datetime64[D]"))


def _to_numbers(counts: "npt.NDArray[np.datetime64]", seconds: Seconds) -> Seconds:
    return np.where(np.isnan(seconds), np.nan, counts.astype(np.int64).astype(np.float64))


def year(seconds: Seconds) -> Seconds:
    return 1970 + _to_numbers(_days(seconds).astype("datetime64[Y]"), seconds)


def month(seconds: Seconds) -> Seconds:
    """Return 1 for January to 12 for December."""
    return 1 + _to_numbers(_days(seconds).astype("datetime64[M]"), seconds) % MONTHS_PER_YEAR


def day(seconds: Seconds) -> Seconds:
    """Return the day of the month, from 1 on."""
    days = _days(seconds)
    first = days.astype("datetime64[M]").astype("datetime64[D]")
    return 1 + np.floor(seconds / SECONDS_PER_DAY) - _to_numbers(first, seconds)


def weekday(seconds: Seconds) -> Seconds:
    """Return 1 for Monday to 7 for Sunday."""
    return 1 + (np.floor(seconds / SECONDS_PER_DAY) + THURSDAY - 1) % DAYS_PER_WEEK


def hour(seconds: Seconds) -> Seconds:
    """Return 0 to 23."""
    return np.floor(seconds / SECONDS_PER_HOUR) % HOURS_PER_DAY


def days_between(start: Seconds, end: Seconds) -> Seconds:
    """Return the days from start to end, with fractions."""
    return (end - start) / SECONDS_PER_DAY


CALENDAR: dict[str, tuple[Callable[[Seconds], Seconds], int, int]] = {
    "year": (year, 1, 9999),
    "month": (month, 1, MONTHS_PER_YEAR),
    "day": (day, 1, 31),
    "weekday": (weekday, 1, DAYS_PER_WEEK),
    "hour": (hour, 0, HOURS_PER_DAY - 1),
}
"""Parts of a date in UTC, each with its least and its largest value."""
