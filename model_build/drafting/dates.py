"""Columns of dates: their format, and the parts that a model can use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

FORMATS = (
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b-%Y",
    "%Y-%m",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
)
"""Formats beside ISO 8601."""


class AmbiguousDatesError(Exception):
    """The dates of a column have several formats that fit all of them."""


@dataclass(frozen=True)
class DraftDates:
    keys: Mapping[str, Any]
    comment: str


def draft_dates(texts: Iterable[str]) -> DraftDates | None:
    """Return the keys of a datetime feature for these texts; None if they are no dates.

    Raises:
        AmbiguousDatesError: day and month could be exchanged in every text.
    """
    texts = list(texts)
    if not any(sign in texts[0] for sign in "-./"):  # fromisoformat reads 20240506, which is a number
        return None
    if dates := _parse(texts, None):
        return _draft(texts, dates, {})
    parsed = {form: dates for form in FORMATS if (dates := _parse(texts, form))}
    if len(parsed) > 1:
        raise AmbiguousDatesError(f"has dates whose format may be {' or '.join(parsed)}; declare one")
    return next((_draft(texts, dates, {"format": form}) for form, dates in parsed.items()), None)


def _parse(texts: list[str], form: str | None) -> list[datetime] | None:
    try:
        return [datetime.strptime(text, form) if form else datetime.fromisoformat(text) for text in texts]
    except ValueError:
        return None


def _draft(texts: list[str], dates: list[datetime], keys: Mapping[str, Any]) -> DraftDates:
    days = sorted(date.date() for date in dates)
    has_times = any(date.hour or date.minute for date in dates)
    has_days = any(day.day > 1 for day in days)
    parts = ["month", *(["weekday"] if has_days else []), *(["hour"] if has_times else []), "days"]
    since = {"days": {"since": days[0].replace(day=1).isoformat()}}
    feature = {"type": "datetime", **keys, "parts": parts, **since, "example": texts[0]}
    return DraftDates(feature, f"{days[0]} … {days[-1]}")
