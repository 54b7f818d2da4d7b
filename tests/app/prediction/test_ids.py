"""Ids come back with the answer, and change nothing else of it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from app.core.baked_model import read_file
from app.core.chunks import run_at_once
from app.core.contract import MODEL_FILE
from app.core.errors import Problem
from app.core.ids import Id
from app.core.model import Model
from app.monitoring.metrics import Metrics
from app.prediction.predictor import CSV, JSON, Answer, Predictor
from tests.support.tiny import HEADER, LINE, POOR, ROW, batch, csv_body

IDS = (Id(name="customer", aliases=("cust id",)), Id(name="order"))
ALLOWED = "Must be text of at most 100 characters, or a number."
ROWS = 3000


@pytest.fixture(scope="module")
def with_ids(model: Model, tiny_model: Path) -> Predictor:
    contract = model.contract.model_copy(update={"ids": IDS})
    onnx = read_file(tiny_model, model.contract, MODEL_FILE)
    return Predictor(Model(contract, onnx), Metrics(contract), max_rows=ROWS)


@pytest.fixture(scope="module")
def without_ids(model: Model) -> Predictor:
    return Predictor(model, Metrics(model.contract), max_rows=ROWS)


def document(answer: Answer) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(answer.content)
    return parsed | {"timestamp": ""}


async def test_every_row_has_its_ids_in_json(with_ids: Predictor, without_ids: Predictor) -> None:
    rows = [{"customer": 'C"1', **ROW, "order": 7}, POOR, ROW | {"cust id": 1.5, "order": None}]
    answer = document(await with_ids.answer(batch(*rows)))
    assert answer.pop("ids") == [
        {"customer": 'C"1', "order": 7},
        {"customer": None, "order": None},
        {"customer": 1.5, "order": None},
    ]
    assert answer == document(await without_ids.answer(batch(ROW, POOR, ROW)))


async def test_one_row_alone_has_its_ids(with_ids: Predictor) -> None:
    body = json.dumps({"order": 2**63 - 1, **ROW}).encode()
    assert document(await with_ids.answer(body, is_alone=True))["ids"] == [
        {"customer": None, "order": 2**63 - 1}
    ]


async def test_ids_are_the_first_columns_of_csv(with_ids: Predictor, without_ids: Predictor) -> None:
    body = csv_body(f' C"1, {LINE}', f",{LINE}", header=f"cust id,{HEADER}")
    answer = (await with_ids.answer(body, CSV, CSV)).content.decode()
    cells = [*csv.reader(io.StringIO(answer))]
    assert [line[:2] for line in cells] == [["customer", "order"], ['C"1', ""], ["", ""]]
    plain = (await without_ids.answer(csv_body(LINE, LINE), CSV, CSV)).content.decode()
    assert [line[2:] for line in cells] == [*csv.reader(io.StringIO(plain))]


async def test_a_cell_is_text(with_ids: Predictor) -> None:
    body = csv_body(f"{LINE},17", header=f"{HEADER},order")
    assert document(await with_ids.answer(body, CSV, JSON))["ids"] == [{"customer": None, "order": "17"}]


@pytest.mark.parametrize("media_type", [JSON, CSV])
def test_every_row_of_a_large_body_has_its_ids(with_ids: Predictor, media_type: bytes) -> None:
    numbers = [f"C{number}" for number in range(ROWS)]
    body = batch(*({"customer": number, **ROW} for number in numbers))
    if media_type == CSV:
        body = csv_body(*(f"{LINE},{number}" for number in numbers), header=f"{HEADER},customer")
    answer = document(run_at_once(with_ids.answer_in_chunks(body, media_type)))
    assert [ids["customer"] for ids in answer["ids"]] == numbers
    assert len(answer["predictions"]) == ROWS


def test_the_rows_of_a_file_have_their_ids_beside_the_metrics(with_ids: Predictor) -> None:
    body = csv_body(f"C1,yes,{LINE}", f"C2,no,{LINE}", header=f"customer,paid,{HEADER}")
    answer = document(run_at_once(with_ids.answer_file(body)))
    assert [ids["customer"] for ids in answer["ids"]] == ["C1", "C2"]
    assert answer["metrics"]["rows"] == 2


@pytest.mark.parametrize("value", [True, ["C1"], {"a": 1}, "x" * 101, 2**64, 1e300])
async def test_a_wrong_id_is_refused(with_ids: Predictor, value: object) -> None:
    with pytest.raises(Problem) as caught:
        await with_ids.answer(batch(ROW, ROW | {"order": value}))
    assert caught.value.errors[0] == {"loc": ["inputs", 1, "order"], "msg": ALLOWED, "type": "id"}


async def test_a_long_cell_is_refused_with_its_line(with_ids: Predictor) -> None:
    body = csv_body(f"{'x' * 100}  ,{LINE}", f"{'x' * 101},{LINE}", header=f"order,{HEADER}")
    with pytest.raises(Problem) as caught:
        await with_ids.answer(body, CSV, JSON)
    assert caught.value.errors[0] == {"loc": ["line", 3, "order"], "msg": ALLOWED, "type": "id"}


@pytest.mark.parametrize(
    ("row", "loc"),
    [(ROW | {"order": 1, "cust id": 2, "customer": 3}, ["cust id"]), (ROW | {"other": 1}, ["other"])],
)
async def test_an_id_stands_once_and_other_fields_are_unknown(
    with_ids: Predictor, row: dict[str, Any], loc: list[str]
) -> None:
    with pytest.raises(Problem) as caught:
        await with_ids.answer(json.dumps(row).encode())
    (error,) = caught.value.errors
    assert (error["loc"], error["type"]) == (loc, "extra_forbidden")
    assert error["msg"].endswith("A row has: years, rate, grade, secured, customer, order.")


async def test_a_column_of_ids_stands_once(with_ids: Predictor) -> None:
    with pytest.raises(Problem) as caught:
        await with_ids.answer(csv_body(f"1,2,{LINE}", header=f"customer,cust id,{HEADER}"), CSV, CSV)
    assert caught.value.detail == (
        "At line 2 customer: The columns 1 and 2 are both customer, and differ. Remove one."
    )


async def test_text_of_an_id_may_look_like_json(with_ids: Predictor) -> None:
    ids = ['{"inputs": [', "}, {", "]", "{3F25}"] * 700
    answer = run_at_once(with_ids.answer_in_chunks(batch(*({"order": text, **ROW} for text in ids))))
    assert [row["order"] for row in document(answer)["ids"]] == ids
