from typing import Any

import pytest
from pydantic import ValidationError

from app.core.base_feature import Missing
from app.core.features import BooleanFeature, CategoryFeature, IntegerFeature, NumberFeature
from benchmarks.apps.request_model import request_model

MODEL = request_model(
    [
        IntegerFeature(type="integer", name="age", title="Age", minimum=0, maximum=120, example=1),
        NumberFeature(
            type="number",
            name="rate",
            title="Rate",
            minimum=0,
            maximum=1,
            example=1,
            missing=Missing(markers=("n/a",)),
        ),
        CategoryFeature(
            type="category",
            name="work",
            title="Work",
            categories=("office", "field"),
            example="field",
            missing=Missing(markers=("?",)),
        ),
        BooleanFeature(type="boolean", name="paid", title="Paid", example=True),
    ]
)
ROW = {"age": 39, "rate": 0.5, "work": "office", "paid": True}


@pytest.mark.parametrize("change", [{}, {"rate": None}, {"rate": "n/a"}, {"work": "?"}, {"work": None}])
def test_what_the_features_allow_is_accepted(change: dict[str, Any]) -> None:
    row = ROW | change
    assert MODEL.model_validate({"inputs": [row]}).model_dump() == {"inputs": [row]}


@pytest.mark.parametrize(
    "change", [{"age": 121}, {"age": None}, {"rate": "?"}, {"work": "sea"}, {"paid": None}, {"extra": 1}]
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MODEL.model_validate({"inputs": [ROW | change]})
