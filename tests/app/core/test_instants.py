"""Dates as text and as numbers."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.instants import CALENDAR, EPOCH, LONGEST, days_between, read_instant
from tests.properties.census import often

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-06T12:00:00Z",
        "2024-05-06T12:00",
        "2024-05-06 12:00:00.000",
        "20240506T120000",
        "2024-05-06T14:00:00+02:00",
        "2024-05-05T22:00:00-14:00",
    ],
)
def test_iso_8601_is_read_and_without_a_zone_it_is_utc(text: str) -> None:
    assert read_instant(text) == NOON


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("06.05.2024 12:00", "%d.%m.%Y %H:%M"),
        ("05/06/24 12", "%m/%d/%y %H"),
        ("06 May 2024 14:00 +0200", "%d %b %Y %H:%M %z"),
    ],
)
def test_a_declared_format_is_read(text: str, format_: str) -> None:
    assert read_instant(text, format_) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-13-01",
        "2023-02-29",
        "2024-05-06T25:00",
        "06.05.2024",
        "12",
        "\N{FULLWIDTH DIGIT TWO}024-05-06",
        "2024-05-06\0",
    ],
)
def test_other_text_is_no_date(text: str) -> None:
    assert read_instant(text) is None


def test_long_text_is_no_date() -> None:
    assert read_instant("2024-05-06" + " " * LONGEST, "%Y-%m-%d") is None


@often
@given(st.datetimes(timezones=st.just(UTC)))
def test_parts_are_those_of_the_calendar(instant: datetime) -> None:
    seconds = np.array([(instant - EPOCH).total_seconds(), math.nan])
    expected = instant.year, instant.month, instant.day, instant.isoweekday(), instant.hour
    for (name, (compute, low, high)), part in zip(CALENDAR.items(), expected, strict=True):
        computed, missing = compute(seconds)
        assert (name, computed) == (name, part)
        assert low <= computed <= high
        assert math.isnan(missing)


def test_days_between_have_fractions() -> None:
    assert days_between(np.array(NOON), np.array(NOON + 36 * 3600)) == 1.5
