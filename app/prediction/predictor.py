"""Request body → validated rows → matrix → probabilities → response body, without HTTP."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np

from app.core.chunks import Work, run_at_once, run_in_turns
from app.core.features import Matrix, Row
from app.core.ids import Values, split_ids
from app.core.model import Model
from app.core.validation import RowValidator
from app.monitoring.metrics import Metrics
from app.prediction.batch import Batch, Rows
from app.prediction.csv_reader import CsvData, CsvReader
from app.prediction.id_writers import CsvIdWriter, JsonIdWriter
from app.prediction.prediction import Prediction
from app.prediction.responses import CsvWriter, FileWriter, JsonWriter, Writer
from app.prediction.scoring import compute_metrics

Sent = Sequence[Row] | CsvData
"""The rows of a body, with the ids that it may hold."""

JSON = b"application/json"
CSV = b"text/csv"
LARGE_BODY = 128 * 1024  # bytes
MANY_ROWS = 500
VALUES_PER_RUN = 2_000
"""Of a large body in one run of the model: about a millisecond, with some hundred trees."""


class Predictor:
    """Turns a request body into a response body. Every method raises Problem for an invalid body."""

    def __init__(self, model: Model, metrics: Metrics, max_rows: int) -> None:
        contract = model.contract
        width = len(contract.features)
        self._model = model
        self._target = contract.target
        self._metrics = metrics
        self._ids = contract.ids
        self._validator = RowValidator(contract.features, max_rows, contract.ids)
        self._csv = CsvReader(contract, self._validator, max_rows)
        self._json_writer: FileWriter = JsonIdWriter(contract) if contract.ids else JsonWriter(contract)
        self._rows_per_run = max(1, VALUES_PER_RUN // width)
        self._read: dict[bytes, Callable[[bytes], Sent]] = {JSON: self._validator.parse, CSV: self._read_csv}
        self._read_in_chunks: dict[bytes, Callable[[bytes], Work[Sent]]] = {
            JSON: self._validator.parse_in_chunks,
            CSV: self._read_csv_in_chunks,
        }
        csv_writer: Writer = CsvIdWriter(contract) if contract.ids else CsvWriter(contract)
        self._writers: dict[bytes, Writer] = {JSON: self._json_writer, CSV: csv_writer}
        self._batch = Batch(self._predict_together, metrics, width)
        self._large_body = asyncio.Lock()  # held by the large body that is being answered

    async def answer(
        self,
        body: bytes,
        request_type: bytes = JSON,
        response_type: bytes = JSON,
        *,
        is_alone: bool = False,
    ) -> bytes:
        """Return the predictions for the rows in `body`, together with others unless it `is_alone`."""
        rows, ids = self._split_ids(self._read[request_type](body))
        if is_alone or len(rows) >= self._batch.most_rows:
            self._metrics.count_batch(1)
            prediction = self._predict_together([rows])
        else:
            prediction = await self._batch.add(rows)
        writer = self._writers[response_type]
        return writer.write_body([writer.write_chunk(prediction, ids)])

    def answer_in_chunks(
        self, body: bytes, request_type: bytes = JSON, response_type: bytes = JSON
    ) -> Work[bytes]:
        """Do as `answer` does for a large body, in chunks."""
        rows, ids = self._split_ids((yield from self._read_in_chunks[request_type](body)))
        writer = self._writers[response_type]
        texts = []
        for chunk, probabilities in self._probabilities_in_chunks(rows):
            texts.append(writer.write_chunk(self._predict(probabilities), ids[chunk]))
            yield
        return writer.write_body(texts)

    def answer_file(self, body: bytes) -> Work[bytes]:
        """Return the predictions for a CSV file, and metrics if the file has the target's column."""
        csv = yield from self._csv.read_in_chunks(body, with_truth=True)
        writer = self._json_writer
        texts, matrices = [], []
        for chunk, probabilities in self._probabilities_in_chunks(csv.matrix):
            texts.append(writer.write_chunk(self._predict(probabilities), csv.ids[chunk]))
            matrices.append(probabilities)
            yield
        if csv.truth is None:
            return writer.write_body(texts)
        metrics = compute_metrics(self._target, csv.truth, np.concatenate(matrices))
        return writer.write_body(texts, metrics)

    async def run_in_turn(self, work: Work[bytes]) -> bytes:
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

    def _probabilities_in_chunks(self, rows: Rows) -> Iterator[tuple[slice, Matrix]]:
        """Yield which rows a chunk has, and their probabilities."""
        for start in range(0, len(rows), self._rows_per_run):
            chunk = slice(start, start + self._rows_per_run)
            yield chunk, self._model.probabilities(self._encode([rows[chunk]]))

    def _split_ids(self, sent: Sent) -> tuple[Rows, Sequence[Values]]:
        """Return what the model reads, and the ids of each row if the contract has ids."""
        if isinstance(sent, CsvData):
            return sent.matrix, sent.ids
        return split_ids(self._ids, sent) if self._ids else (sent, ())

    def _read_csv(self, body: bytes) -> CsvData:
        return run_at_once(self._read_csv_in_chunks(body))

    def _read_csv_in_chunks(self, body: bytes) -> Work[CsvData]:
        return (yield from self._csv.read_in_chunks(body, with_truth=False))


def is_large(body: bytes, media_type: bytes) -> bool:
    """Return whether a body takes milliseconds, so that other requests should not wait for it."""
    if not MANY_ROWS < len(body) <= LARGE_BODY:
        return len(body) > LARGE_BODY
    row_mark = b"{" if media_type == JSON else b"\n"
    return len(body) - len(body.replace(row_mark, b"")) > MANY_ROWS  # six times as fast as count()
