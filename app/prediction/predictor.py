"""Request body → validated rows → matrix → probabilities → response body, without HTTP."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from app.core.chunks import Work, rows_per_chunk, run_at_once, run_in_turns
from app.core.ids import Values, split_ids
from app.core.model import Model
from app.core.replacements import Replaced, names_of_replaceable, settle
from app.core.validation import RowValidator
from app.core.values import Matrix, Row
from app.monitoring.metrics import Metrics
from app.prediction.batch import Batch, Rows
from app.prediction.csv_options import PLAIN, Options, decompress_body
from app.prediction.csv_reader import CsvData, CsvReader
from app.prediction.id_writers import CsvIdWriter, JsonIdWriter
from app.prediction.prediction import Prediction
from app.prediction.responses import NO_EXTRAS, Cells, CsvWriter, Extras, JsonWriter, Writer
from app.prediction.scoring import compute_metrics

JSON = b"application/json"
CSV = b"text/csv"
LARGE_BODY = 128 * 1024  # bytes
MANY_ROWS = 500
VALUES_PER_RUN = 2_000
"""Of a large body in one run of the model: about a millisecond, with some hundred trees."""


NOTHING: Cells = ()


class Answer(NamedTuple):
    """A response body, and what a client should know of its request."""

    content: bytes
    extras: Extras = NO_EXTRAS
    """What is said of the columns and values that were not read, for bodies that can't say it."""


class Predictor:
    """Turns a request body into a response body. Every method raises Problem for an invalid body."""

    def __init__(self, model: Model, metrics: Metrics, max_rows: int, max_bytes: int = 10 * 2**20) -> None:
        contract = model.contract
        width = len(contract.features)
        self._model = model
        self._target = contract.target
        self._metrics = metrics
        self._ids = contract.ids
        self._replaceable = names_of_replaceable(contract.features)
        self._validator = RowValidator(contract.features, max_rows, contract.ids)
        self._max_bytes = max_bytes
        self._csv = CsvReader(contract, self._validator, max_rows, max_bytes)
        self._rows_per_run = max(1, VALUES_PER_RUN // width)
        self._rows_per_chunk = rows_per_chunk(width)
        self._writers: dict[bytes, Writer] = {
            JSON: JsonIdWriter(contract) if contract.ids else JsonWriter(contract),
            CSV: CsvIdWriter(contract) if contract.ids else CsvWriter(contract),
        }
        self._batch = Batch(self._predict_together, metrics, width)
        self._large_body = asyncio.Lock()  # held by the large body that is being answered

    async def answer(
        self,
        body: bytes,
        request_type: bytes = JSON,
        response_type: bytes = JSON,
        *,
        options: Options = PLAIN,
        is_alone: bool = False,
    ) -> Answer:
        """Return the predictions for the rows in `body`, together with others unless it `is_alone`."""
        rows: Rows
        if request_type == JSON:
            rows, ids, extras = self._take_apart(self._validator.parse(body))
            kept = NOTHING
        else:
            csv = run_at_once(self._csv.read_in_chunks(body, with_truth=False, options=options))
            rows, ids, extras, kept = csv.matrix, csv.ids, self._extras(csv), csv.kept
        if is_alone or len(rows) >= self._batch.most_rows:
            self._metrics.count_batch(1)
            prediction = self._predict_together([rows])
        else:
            prediction = await self._batch.add(rows)
        writer = self._writers[response_type]
        text = writer.write_chunk(prediction, extras, kept, ids)
        return Answer(writer.write_body([text], extras), extras)

    def answer_in_chunks(
        self,
        body: bytes,
        request_type: bytes = JSON,
        response_type: bytes = JSON,
        options: Options = PLAIN,
    ) -> Work[Answer]:
        """Do as `answer` does for a large body, in chunks."""
        if options.is_compressed:
            body = decompress_body(body, self._max_bytes)
        if request_type == JSON:
            valid = yield from self._validator.parse_in_chunks(body)
            rows, ids, extras = yield from self._take_apart_in_chunks(valid)
            return (yield from self._answer_rows(rows, ids, extras, response_type))
        csv = yield from self._csv.read_in_chunks(body, with_truth=False, options=options)
        return (yield from self._answer_rows(csv.matrix, csv.ids, self._extras(csv), response_type, csv))

    def answer_file(self, body: bytes, response_type: bytes = JSON, options: Options = PLAIN) -> Work[Answer]:
        """Return the predictions for a CSV file, and metrics if the file has the target's column."""
        csv = yield from self._csv.read_in_chunks(body, with_truth=response_type == JSON, options=options)
        return (yield from self._answer_rows(csv.matrix, csv.ids, self._extras(csv), response_type, csv))

    def _answer_rows(
        self,
        rows: Rows,
        ids: Sequence[Values],
        extras: Extras,
        response_type: bytes,
        csv: CsvData | None = None,
    ) -> Work[Answer]:
        writer = self._writers[response_type]
        texts: list[Any] = []
        matrices: list[Matrix] = []
        for start, probabilities in self._probabilities_in_chunks(rows):
            kept = csv.kept[start : start + len(probabilities)] if csv else NOTHING
            some_ids = ids[start : start + len(probabilities)]
            texts.append(writer.write_chunk(self._predict(probabilities), extras, kept, some_ids))
            matrices.append(probabilities)
            yield
        if csv and csv.truth is not None:
            metrics = compute_metrics(self._target, csv.truth, np.concatenate(matrices))
            extras = replace(extras, metrics=metrics)
        return Answer(writer.write_body(texts, extras), extras)

    def _take_apart_in_chunks(
        self, rows: Sequence[Row]
    ) -> Work[tuple[Sequence[Row], Sequence[Values], Extras]]:
        """Do as `_take_apart` does for many rows."""
        taken: list[Row] = []
        ids: list[Values] = []
        replaced = Replaced()
        for start in range(0, len(rows), self._rows_per_chunk):
            some, some_ids, extras = self._take_apart(rows[start : start + self._rows_per_chunk])
            taken += some
            ids += some_ids
            replaced.update(extras.replaced)
            yield
        return taken, ids, Extras(replaced=replaced) if replaced else NO_EXTRAS

    def _take_apart(self, rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Values], Extras]:
        """Return what the model reads, the ids of each row if the contract has ids, and what was replaced."""
        extras = NO_EXTRAS
        if self._replaceable:
            rows, replaced = settle(rows, self._replaceable)
            self._metrics.count_replaced(replaced)
            extras = Extras(replaced=replaced) if replaced else NO_EXTRAS
        return (*split_ids(self._ids, rows), extras) if self._ids else (rows, (), extras)

    def _extras(self, csv: CsvData) -> Extras:
        """Return what an answer says of the columns and values of a file, and count what was replaced."""
        header = csv.header
        self._metrics.count_replaced(csv.replaced)
        if not (header.kept or header.ignored or csv.replaced):
            return NO_EXTRAS
        return Extras(tuple(header.names[column] for column in header.kept), header.ignored, csv.replaced)

    async def run_in_turn(self, work: Work[Answer]) -> Answer:
        """Answer a large body between small ones, one large body at a time."""
        async with self._large_body:
            return await run_in_turns(work)

    def _predict_together(self, groups: Sequence[Rows]) -> Prediction:
        return self._predict(self._model.probabilities(self._encode(groups)))

    def _encode(self, groups: Sequence[Rows]) -> Matrix:
        """Return the rows of all groups in one matrix."""
        encode = self._model.encode
        if any(isinstance(rows, np.ndarray) for rows in groups):
            return np.concatenate([rows if isinstance(rows, np.ndarray) else encode(rows) for rows in groups])
        return encode([*chain.from_iterable(groups)])

    def _predict(self, probabilities: Matrix) -> Prediction:
        """Return the prediction for probabilities [N, labels], and count its rows."""
        prediction = Prediction.decide(self._target, probabilities)
        self._metrics.count_predictions(prediction.positions)
        return prediction

    def _probabilities_in_chunks(self, rows: Rows) -> Iterator[tuple[int, Matrix]]:
        """Yield the number of the first row of each chunk, and the probabilities of its rows."""
        for start in range(0, len(rows), self._rows_per_run):
            yield start, self._model.probabilities(self._encode([rows[start : start + self._rows_per_run]]))


def is_large(body: bytes, media_type: bytes) -> bool:
    """Return whether a body takes milliseconds, so that other requests should not wait for it."""
    if not MANY_ROWS < len(body) <= LARGE_BODY:
        return len(body) > LARGE_BODY
    row_mark = b"{" if media_type == JSON else b"\n"
    return len(body) - len(body.replace(row_mark, b"")) > MANY_ROWS  # six times as fast as count()
