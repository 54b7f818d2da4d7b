"""Values that a model reads as others are counted once, however a body is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.baked_model import read_file
from app.core.base_feature import Default
from app.core.chunks import run_at_once
from app.core.contract import MODEL_FILE
from app.core.errors import Problem
from app.core.ids import Id
from app.core.model import Model
from app.monitoring.metrics import Metrics
from app.prediction.predictor import CSV, JSON, Predictor
from tests.support.prometheus import series
from tests.support.tiny import ROW, batch, csv_body

ROWS = 3000
CHANGES: dict[str, dict[str, Any]] = {
    "years": {"outside": "clip"},
    "grade": {"unknown": "missing"},
    "secured": {"default": Default(value=False)},
}
SHORT = {name: value for name, value in ROW.items() if name != "secured"}
REPLACED = {("years", "outside"): 300, ("grade", "unknown"): 1000, ("secured", "default"): 3000}


@pytest.fixture(params=[(), (Id(name="order"),)], ids=["without ids", "with ids"])
def predictor(model: Model, tiny_model: Path, request: pytest.FixtureRequest) -> tuple[Predictor, Metrics]:
    features = tuple(
        feature.model_validate(feature.model_dump() | CHANGES.get(feature.name, {}))
        for feature in model.contract.features
    )
    contract = model.contract.model_copy(update={"features": features, "ids": request.param})
    metrics = Metrics(contract)
    onnx = read_file(tiny_model, model.contract, MODEL_FILE)
    return Predictor(Model(contract, onnx), metrics, max_rows=ROWS), metrics


def many_rows() -> list[dict[str, Any]]:
    return [
        SHORT | {"years": 5 if number % 10 else 99, "grade": "B" if number % 3 else f"new {number}"}
        for number in range(ROWS)
    ]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    return csv_body(*(",".join(map(str, row.values())) for row in rows), header=",".join(rows[0]))


def counts(metrics: Metrics) -> dict[tuple[str, str], float]:
    numbers = series(metrics.render().decode())
    return {
        (name, reason): numbers[f'values_replaced_total{{feature="{name}",reason="{reason}"}}']
        for name, reason in REPLACED
    }


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_a_large_body_counts_every_value_once(
    predictor: tuple[Predictor, Metrics], media_type: bytes
) -> None:
    predict, metrics = predictor
    rows = many_rows()
    body = batch(*rows) if media_type == JSON else as_csv(rows)
    answer = run_at_once(predict.answer_in_chunks(body, media_type))
    assert answer.extras.replaced == counts(metrics) == REPLACED
    replaced = {"years": {"outside": 300}, "grade": {"unknown": 1000}, "secured": {"default": 3000}}
    assert json.loads(answer.content)["replaced"] == replaced


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_a_body_that_is_refused_at_its_end_counts_nothing(
    predictor: tuple[Predictor, Metrics], media_type: bytes
) -> None:
    predict, metrics = predictor
    rows = [*many_rows()[1:], SHORT | {"years": "x"}]
    body = batch(*rows) if media_type == JSON else as_csv(rows)
    with pytest.raises(Problem):
        run_at_once(predict.answer_in_chunks(body, media_type))
    assert not any(counts(metrics).values())


def test_the_event_loop_turns_while_values_of_a_large_body_are_replaced(
    predictor: tuple[Predictor, Metrics],
) -> None:
    predict, metrics = predictor
    work = predict.answer_in_chunks(batch(*many_rows()))
    counts_of_turns = {counts(metrics)["years", "outside"] for _ in work}
    assert {0, 300} < counts_of_turns
