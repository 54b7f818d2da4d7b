"""Batch: the requests that arrived in the same turn of the event loop are predicted together.

One by one, each request drives the framework, the validation and the model through the processor's cache in
turn, so that all of it is cold every time. In a batch, each of them runs once for many requests. Nobody waits
for company: a batch is what is there when the loop comes round.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.core.values import Matrix, Row
from app.monitoring.metrics import Metrics
from app.prediction.prediction import Prediction

VALUES_PER_BATCH = 1_000
"""Enough to share the fixed costs; more would only let the first of the requests wait for the last."""

Rows = Sequence[Row] | Matrix
"""Valid rows, or those of CSV, which are encoded already."""
Predict = Callable[[Sequence[Rows]], Prediction]

log = logging.getLogger(__name__)


class Member(NamedTuple):
    """A request of a batch."""

    rows: Rows
    prediction: "asyncio.Future[Prediction]"


class Batch:
    """Collects valid rows until the loop comes round, or until there are enough.

    A batch holds only what the features allow, so the bound on values bounds its bytes too.
    """

    def __init__(self, predict: Predict, metrics: Metrics, width: int) -> None:
        self._predict = predict
        self._metrics = metrics
        self.most_rows = max(1, VALUES_PER_BATCH // width)
        self._members: list[Member] = []
        self._row_count = 0

    def add(self, rows: Rows) -> "asyncio.Future[Prediction]":
        """Return what will hold the prediction for the rows, when the loop has come round."""
        if self._row_count + len(rows) > self.most_rows:
            self._run()
        loop = asyncio.get_running_loop()
        if not self._members:
            loop.call_soon(self._run)
        prediction: asyncio.Future[Prediction] = loop.create_future()
        self._members.append(Member(rows, prediction))
        self._row_count += len(rows)
        return prediction

    def _run(self) -> None:
        """Predict for all who still wait: the connection of a client that left has cancelled the future."""
        members = [member for member in self._members if not member.prediction.done()]
        self._members = []
        self._row_count = 0
        if not members:
            return
        self._metrics.count_batch(len(members))
        try:
            together = self._predict([rows for rows, _ in members])
        except Exception as error:
            self._run_alone(members, error)
            return
        start = 0
        for rows, prediction in members:
            end = start + len(rows)
            prediction.set_result(together.rows(start, end))
            start = end

    def _run_alone(self, members: list[Member], error: Exception) -> None:
        """Predict one by one after a batch failed: the error of one request never touches another."""
        if len(members) == 1:
            members[0].prediction.set_exception(error)
            return
        log.error("a batch failed; its %d requests are predicted one by one", len(members), exc_info=error)
        for member in members:
            try:
                member.prediction.set_result(self._predict([member.rows]))
            except Exception as own_error:
                member.prediction.set_exception(own_error)
