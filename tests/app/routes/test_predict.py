import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest

from app.core.model import Model
from app.core.values import Matrix
from app.main import create_app
from app.prediction.batch import Batch
from app.prediction.predictor import VALUES_PER_RUN
from app.settings import Settings
from tests.support.bodies import split
from tests.support.clients import client_of
from tests.support.echo import answers, running
from tests.support.headers import own
from tests.support.prometheus import series
from tests.support.tiny import LINE, POOR, ROW, batch, csv_body, response_to

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"inputs": [ROW]}, [ROW]),
        (ROW, [ROW]),
        ({"inputs": [ROW, POOR, ROW | {"grade": "A"}]}, [ROW, POOR, ROW | {"grade": "A"}]),
        ({"inputs": [POOR] * 5}, [POOR] * 5),
        ({"secured": True, "grade": "B", "rate": 2.5, "duration-years": 5.0}, [ROW]),
        ({"inputs": [ROW | {"grade": "?", "rate": None}]}, [ROW | {"grade": None, "rate": "n/a"}]),
    ],
    ids=["one row", "a bare row", "several rows", "as many rows as allowed", "alias", "missing values"],
)
async def test_rows_are_answered_as_the_model_answers(
    client: httpx.AsyncClient, model: Model, body: Any, rows: list[dict[str, Any]]
) -> None:
    response = await client.post("/predict", json=body)
    assert response.status_code == 200
    assert own(response) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == response_to(model, rows)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (csv_body(LINE), [ROW]),
        (
            csv_body(LINE, "30,n/a,?,false", "5,,,true"),
            [ROW, POOR, ROW | {"rate": None, "grade": None}],
        ),
        (csv_body("true,B,2.5,5.0", header="secured,grade,rate,duration-years"), [ROW]),
        (csv_body("yes,5,2.5,B,true", ",30,,,0", header="paid,years,rate,grade,secured"), [ROW, POOR]),
        (
            b"\xef\xbb\xbf" + csv_body(LINE, "", '"5","2.5","B","1"').replace(b"\n", b"\r\n"),
            [ROW, ROW],
        ),
        (csv_body(*[LINE] * 5), [ROW] * 5),
    ],
    ids=[
        "one row",
        "missing values",
        "alias",
        "target",
        "as a spreadsheet writes it",
        "as many rows as allowed",
    ],
)
@pytest.mark.parametrize("content_type", ["text/csv", 'Text/CSV; charset="UTF-8"'])
async def test_rows_as_csv_are_answered_as_the_same_rows_as_json(
    client: httpx.AsyncClient, model: Model, content: bytes, rows: list[dict[str, Any]], content_type: str
) -> None:
    response = await client.post("/predict", content=content, headers={"Content-Type": content_type})
    assert response.status_code == 200
    assert own(response) == {
        "content-type": "application/json",
        "content-length": str(len(response.content)),
    }
    assert response.json() == response_to(model, rows)
    as_json = await client.post("/predict", json={"inputs": rows})
    assert response.json() == as_json.json() | {"timestamp": ANY}


async def test_body_in_pieces_is_joined(client: httpx.AsyncClient, model: Model) -> None:
    response = await client.post("/predict", content=split(batch(ROW, POOR), 7), headers=JSON)
    assert (response.status_code, response.json()) == (200, response_to(model, [ROW, POOR]))


async def test_small_request_is_answered_between_the_chunks_of_a_large_one(
    tiny_model: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    probabilities = Model.probabilities

    def record_size(self: Model, matrix: Matrix) -> Matrix:
        sizes.append(len(matrix))
        return probabilities(self, matrix)

    monkeypatch.setattr(Model, "probabilities", record_size)
    run = VALUES_PER_RUN // len(ROW)
    rows = [POOR] * (2 * run + 1)
    async with client_of(create_app(Settings(model_dir=tiny_model))) as client:
        sizes.clear()  # of the example row, with which the service checks the model
        large = asyncio.create_task(client.post("/predict", content=batch(*rows), headers=JSON))
        while not sizes:
            await asyncio.sleep(0)
        small = await client.post("/predict", json=ROW)
        assert not large.done()
        large_response = await large
    assert sorted(sizes) == [1, 1, run, run]
    assert small.json() == response_to(model, [ROW])
    assert large_response.json() == response_to(model, rows)


POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"


async def test_requests_of_several_connections_are_answered_in_one_batch(
    tiny_model: Path, model: Model
) -> None:
    app = create_app(Settings(model_dir=tiny_model))
    bodies = [json.dumps(row).encode() for row in (ROW, POOR, ROW, POOR)]
    async with running(app, app.metrics) as server:
        received = await asyncio.gather(
            *(server.exchange(POST % (len(body), body)) for body in [*bodies, b"{}"])
        )
    assert [answers(answer)[0][0] for answer in received] == [200, 200, 200, 200, 422]
    documents = [json.loads(answers(answer)[0][1]) for answer in received[:4]]
    assert documents == [response_to(model, [row]) for row in (ROW, POOR, ROW, POOR)]
    numbers = series(app.metrics.render().decode())
    assert (numbers["predict_batch_requests_count"], numbers["predict_batch_requests_sum"]) == (1, 4)


async def test_lone_request_does_not_wait_for_a_batch(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batch, "add", None)
    app = create_app(Settings(model_dir=tiny_model))
    body = json.dumps(ROW).encode()
    async with running(app, app.metrics) as server:
        received = await server.exchange(POST % (len(body), body))
    assert answers(received)[0][0] == 200
    numbers = series(app.metrics.render().decode())
    assert (numbers["predict_batch_requests_count"], numbers["predict_batch_requests_sum"]) == (1, 1)
