from typing import Any

import pytest
from pydantic import ValidationError

from benchmarks.servers.request_model import request_model

CONTRACT: dict[str, Any] = {
    "features": [
        {"name": "age", "type": "integer", "minimum": 0, "maximum": 120, "missing": None},
        {"name": "rate", "type": "number", "minimum": 0, "maximum": 1, "missing": {"markers": ["n/a"]}},
        {"name": "work", "type": "category", "categories": ["office"], "missing": {"markers": ["?"]}},
        {"name": "paid", "type": "boolean", "missing": None},
    ]
}
ROW = {"age": 39, "rate": 0.5, "work": "office", "paid": True}


@pytest.mark.parametrize("change", [{}, {"rate": None}, {"rate": "n/a"}, {"work": "?"}, {"work": None}])
def test_floor_b_accepts_what_the_contract_allows(change: dict[str, Any]) -> None:
    row = ROW | change
    assert request_model(CONTRACT).model_validate({"inputs": [row]}).model_dump() == {"inputs": [row]}


@pytest.mark.parametrize(
    "change", [{"age": 121}, {"age": None}, {"rate": "?"}, {"work": "sea"}, {"paid": None}, {"extra": 1}]
)
def test_floor_b_refuses_what_the_contract_does_not_allow(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request_model(CONTRACT).model_validate({"inputs": [ROW | change]})
