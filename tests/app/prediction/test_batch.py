import asyncio
from collections.abc import Sequence
from itertools import chain

import pytest

from app.core.contract import Contract
from app.core.values import Row
from app.monitoring.metrics import Metrics
from app.prediction.batch import VALUES_PER_BATCH, Batch, Rows
from app.prediction.prediction import Prediction
from tests.support.prometheus import series

TIMESTAMP = "2026-11-27T10:30:00+00:00"
WIDTH = 100
BUCKET = 'predict_batch_requests_bucket{le="%s"}'


class UnfitError(Exception):
    """What the model of these tests raises for rows that it can't predict."""


class Stub:
    """A model that predicts the value of a row's only feature."""

    def __init__(self) -> None:
        self.runs: list[list[Row]] = []

    def predict(self, groups: Sequence[Rows]) -> Prediction:
        rows: list[Row] = [*chain.from_iterable(groups)]
        self.runs.append(rows)
        if any(row["x"] == "unfit" for row in rows):
            raise UnfitError(len(rows))
        positions = [int(str(row["x"])) for row in rows]
        return Prediction(positions, [[position / 10] for position in positions], TIMESTAMP)


@pytest.fixture
def stub() -> Stub:
    return Stub()


@pytest.fixture
def metrics(contract: Contract) -> Metrics:
    return Metrics(contract)


@pytest.fixture
def batch(stub: Stub, metrics: Metrics) -> Batch:
    return Batch(stub.predict, metrics, WIDTH)


def numbers(metrics: Metrics) -> dict[str, float]:
    return series(metrics.render().decode())


def rows(*values: int | str) -> list[Row]:
    return [{"x": value} for value in values]


def answer(*positions: int) -> Prediction:
    return Prediction([*positions], [[position / 10] for position in positions], TIMESTAMP)


async def test_requests_of_one_turn_are_predicted_together_and_each_gets_its_rows(
    batch: Batch, stub: Stub, metrics: Metrics
) -> None:
    waiting = [batch.add(rows(1)), batch.add(rows(2, 3)), batch.add(rows(4))]
    assert stub.runs == []
    assert await asyncio.gather(*waiting) == [answer(1), answer(2, 3), answer(4)]
    assert stub.runs == [rows(1, 2, 3, 4)]
    assert numbers(metrics)[BUCKET % "2"] == 0
    assert numbers(metrics)[BUCKET % "4"] == 1
    assert numbers(metrics)["predict_batch_requests_sum"] == 3


async def test_nobody_waits_for_a_later_turn(batch: Batch, stub: Stub) -> None:
    first = batch.add(rows(1))
    await asyncio.sleep(0)
    assert first.result() == answer(1)
    second = batch.add(rows(2))
    assert await second == answer(2)
    assert stub.runs == [rows(1), rows(2)]


async def test_batch_that_would_become_too_large_is_predicted_before(batch: Batch, stub: Stub) -> None:
    assert batch.most_rows == VALUES_PER_BATCH // WIDTH == 10
    waiting = [batch.add(rows(*range(6))), batch.add(rows(*range(4)))]
    assert stub.runs == []
    waiting.append(batch.add(rows(7)))
    assert stub.runs == [rows(*range(6), *range(4))]
    assert [prediction.done() for prediction in waiting] == [True, True, False]
    assert await waiting[2] == answer(7)
    await asyncio.sleep(0)
    assert len(stub.runs) == 2


async def test_request_whose_client_left_is_skipped(batch: Batch, stub: Stub, metrics: Metrics) -> None:
    waiting = [batch.add(rows(1)), batch.add(rows(2)), batch.add(rows(3))]
    waiting[1].cancel()
    assert (await waiting[0], await waiting[2]) == (answer(1), answer(3))
    assert stub.runs == [rows(1, 3)]
    assert numbers(metrics)["predict_batch_requests_sum"] == 2


async def test_batch_whose_clients_have_all_left_is_not_predicted(
    batch: Batch, stub: Stub, metrics: Metrics
) -> None:
    batch.add(rows(1)).cancel()
    await asyncio.sleep(0)
    assert stub.runs == []
    assert numbers(metrics)["predict_batch_requests_count"] == 0


async def test_error_reaches_only_the_request_whose_rows_caused_it(
    batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = [batch.add(rows(1)), batch.add(rows("unfit", 2)), batch.add(rows(3))]
    first, unfit, last = await asyncio.gather(*waiting, return_exceptions=True)
    assert (first, last) == (answer(1), answer(3))
    assert isinstance(unfit, UnfitError)
    assert unfit.args == (2,)
    assert caplog.messages == ["a batch failed; its 3 requests are predicted one by one"]


async def test_request_that_fails_alone_is_not_predicted_again(
    batch: Batch, stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UnfitError):
        await batch.add(rows("unfit"))
    assert len(stub.runs) == 1
    assert caplog.messages == []


@pytest.mark.parametrize(("width", "most"), [(1, VALUES_PER_BATCH), (14, 71), (5_000, 1)])
def test_bound_on_rows_depends_on_the_width(stub: Stub, metrics: Metrics, width: int, most: int) -> None:
    assert Batch(stub.predict, metrics, width).most_rows == most
