"""A feature of every type; keyword arguments change what it declares."""

from typing import Any

from app.core.datetime_feature import DatetimeFeature
from app.core.features import (
    BooleanFeature,
    CategoryFeature,
    IntegerFeature,
    NumberFeature,
    OpenCategoryFeature,
)

YEARS: dict[str, Any] = {
    "name": "years",
    "type": "integer",
    "title": "Years",
    "minimum": 1,
    "maximum": 30,
    "example": 5,
}
RATE: dict[str, Any] = {
    "name": "rate",
    "type": "number",
    "title": "Rate",
    "minimum": 0,
    "maximum": 20,
    "example": 2.5,
}
GRADE: dict[str, Any] = {
    "name": "grade",
    "type": "category",
    "title": "Grade",
    "categories": ("A", "B", "C"),
    "example": "B",
}
SECURED: dict[str, Any] = {"name": "secured", "type": "boolean", "title": "Secured", "example": True}

DATE: dict[str, Any] = {
    "name": "date",
    "type": "datetime",
    "title": "Date",
    "parts": ("year", "day", "hour"),
    "example": "2024-05-06",
}

ZIP: dict[str, Any] = {"name": "zip", "type": "open_category", "title": "ZIP", "example": "01234"}


def years(**changes: Any) -> IntegerFeature:
    return IntegerFeature(**YEARS | changes)


def rate(**changes: Any) -> NumberFeature:
    return NumberFeature(**RATE | changes)


def grade(**changes: Any) -> CategoryFeature:
    return CategoryFeature(**GRADE | changes)


def secured(**changes: Any) -> BooleanFeature:
    return BooleanFeature(**SECURED | changes)


def date(**changes: Any) -> DatetimeFeature:
    return DatetimeFeature(**DATE | changes)


def zip_code(**changes: Any) -> OpenCategoryFeature:
    return OpenCategoryFeature(**ZIP | changes)
