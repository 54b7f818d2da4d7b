"""A tiny model with a feature of every type: its spec, its data and its rows."""

import json
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

from app.core.model import Model

TINY = """
name: tiny
title: Tiny loans
version: 1.2.3
description: Will it be paid back?
data:
  sources: [{uri: loans.csv}]
  licence: none
features:
  - {name: years, aliases: [duration-years], type: integer, minimum: 1, maximum: 30, title: Years, example: 5}
  - {name: rate, type: number, minimum: 0, maximum: 20, title: Rate, unit: percent, example: 2.5,
     missing: {markers: ["n/a"]}}
  - {name: grade, type: category, categories: [A, B, C], title: Grade, example: B, missing: {markers: ["?"]}}
  - {name: secured, type: boolean, title: Secured, example: true}
target: {name: paid, labels: ["no", "yes"], positive: "yes", threshold: 0.6}
split: {test: 0.25, seed: 1}
estimator: {name: hist_gradient_boosting, parameters: {max_iter: 5}}
"""


ROW: dict[str, Any] = {"years": 5, "rate": 2.5, "grade": "B", "secured": True}
POOR: dict[str, Any] = {"years": 30, "rate": "n/a", "grade": None, "secured": False}
"""A row whose values are missing where they may be."""
HEADER = "years,rate,grade,secured"
LINE = "5,2.5,B,true"
MUST_BE = {
    "years": "Must be a whole number from 1 to 30.",
    "rate": "Must be a number from 0 to 20; or, when missing, null or n/a.",
    "grade": "Must be one of A, B, C; or, when missing, null or ?.",
    "secured": "Must be true or false.",
}
"""The message about a wrong value of each feature."""


def loans(rows: int = 400, seed: int = 0) -> str:
    """Return a CSV with a header line, whose label depends on every feature."""
    rng = np.random.default_rng(seed)
    lines = ["duration-years, rate, grade, secured, paid"]
    for _ in range(rows):
        years, rate = rng.integers(1, 31), round(rng.uniform(0, 20), 2)
        grade, secured = rng.choice(["A", "B", "C", "?"]), rng.random() < 0.5
        odds = 3 - years / 8 - rate / 6 + 2 * (grade == "A") + secured + rng.normal()
        rate_cell = "n/a" if rng.random() < 0.1 else rate
        lines.append(f"{years}, {rate_cell}, {grade}, {str(secured).lower()}, {'yes' if odds > 0 else 'no'}")
    return "\n".join(lines) + "\n"


def row(**changes: Any) -> dict[str, Any]:
    """Return a valid row with changes."""
    return ROW | changes


def batch(*rows: dict[str, Any]) -> bytes:
    """Return a request body with these rows."""
    return json.dumps({"inputs": rows}).encode()


def csv_body(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def response_to(model: Model, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole response that the model itself gives for rows in the order of the features."""
    probabilities = model.probabilities(model.encode(rows)).tolist()
    return {
        "model_lib_version": "1.2.3",
        "timestamp": ANY,
        "predictions": ["yes" if yes >= 0.6 else "no" for _, yes in probabilities],
        "probabilities": [
            {"no": pytest.approx(no, abs=1e-7), "yes": pytest.approx(yes, abs=1e-7)}
            for no, yes in probabilities
        ],
    }
