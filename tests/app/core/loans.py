"""A contract with every kind of feature, and a row of it."""

import json
from typing import Any

from app.core.base_feature import Missing
from app.core.features import Feature
from tests.support.features import grade, rate, secured, years

FEATURES: list[Feature] = [
    years(aliases=("duration-years", "term")),
    rate(minimum=-0.5, maximum=1234567.25, unit="percent", missing=Missing(markers=("n/a", "-"))),
    grade(missing=Missing(markers=("?",))),
    secured(),
    secured(name="insured", title="Insured", example=False, missing=Missing()),
    grade(name="use", title="Use", categories=("car", "home"), example="car"),
]
ROW: dict[str, Any] = {
    "years": 5,
    "rate": 2.5,
    "grade": "B",
    "secured": True,
    "insured": False,
    "use": "car",
}


def without(name: str) -> dict[str, Any]:
    """Return the row without one of its values."""
    return {key: value for key, value in ROW.items() if key != name}


def row_text(name: str, value: str) -> str:
    """Return the row as JSON, in which one value is written as given."""
    return json.dumps(ROW | {name: "VALUE"}).replace('"VALUE"', value)
