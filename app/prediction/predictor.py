"""Request body → validated rows → matrix → probabilities → response body, without HTTP."""

import asyncio
from collections.abc import Sequence

import numpy as np

from app.core.chunks import Work, rows_per_chunk, run_at_once, run_in_turns
from app.core.features import Matrix, Row
from app.core.model import Model
from app.core.validation import RowValidator
from app.monitoring.metrics import Metrics
from app.prediction.csv_reader import CsvReader
from app.prediction.responses import ResponseWriter
from app.prediction.scoring import compute_metrics

JSON = b"application/json"
CSV = b"text/csv"
LARGE_BODY = 128 * 1024  # bytes
MANY_ROWS = 500


class Predictor:
    """Turns a request body into a response body. Every method raises Problem for an invalid body."""

    def __init__(self, model: Model, metrics: Metrics, max_rows: int) -> None:
        contract = model.contract
        self._model = model
        self._target = contract.target
        self._metrics = metrics
        self._validator = RowValidator(contract.features, max_rows)
        self._csv = CsvReader(contract, max_rows)
        self._writer = ResponseWriter(contract)
        self._rows_per_chunk = rows_per_chunk(len(contract.features))
        self._read = {JSON: self._validator.parse, CSV: self._read_csv}
        self._read_in_chunks = {JSON: self._validator.parse_in_chunks, CSV: self._read_csv_in_chunks}
        self._write = {JSON: self._writer.json, CSV: self._writer.csv}
        self._large_body = asyncio.Lock()  # held by the large body that is being answered

    def answer(self, body: bytes, request_type: bytes = JSON, response_type: bytes = JSON) -> bytes:
        """Return the predictions for the rows in `body`."""
        return self._write[response_type](*self.predict(self._read[request_type](body)))

    def answer_in_chunks(
        self, body: bytes, request_type: bytes = JSON, response_type: bytes = JSON
    ) -> Work[bytes]:
        """Do as `answer` does, in chunks."""
        rows = yield from self._read_in_chunks[request_type](body)
        return self._write[response_type](*(yield from self._predict_in_chunks(rows)))

    def answer_file(self, body: bytes) -> Work[bytes]:
        """Return the predictions for a CSV file, and metrics if the file has the target's column."""
        csv = self._csv.read(body, with_truth=True)
        rows = yield from self._validator.check_in_chunks(csv.rows, csv.lines)
        positions, probabilities = yield from self._predict_in_chunks(rows)
        if not csv.truth:
            return self._writer.json(positions, probabilities)
        metrics = compute_metrics(self._target, np.array(csv.truth), probabilities)
        return self._writer.json(positions, probabilities, metrics)

    async def run_in_turn(self, work: Work[bytes]) -> bytes:
        """Answer a large body between small ones, one large body at a time."""
        async with self._large_body:
            return await run_in_turns(work)

    def predict(self, rows: Sequence[Row]) -> tuple[list[int], Matrix]:
        """Return label positions [N] and probabilities [N, labels], and count the rows."""
        probabilities = self._model.probabilities(self._model.encode(rows))
        if len(rows) == 1:
            positions = [self._target.decide_row(probabilities[0].tolist())]
        else:
            positions = self._target.decide(probabilities).tolist()
        self._metrics.count_predictions(positions)
        return positions, probabilities

    def _predict_in_chunks(self, rows: Sequence[Row]) -> Work[tuple[list[int], Matrix]]:
        positions: list[int] = []
        probabilities: list[Matrix] = []
        for start in range(0, len(rows), self._rows_per_chunk):
            chunk_positions, chunk_probabilities = self.predict(rows[start : start + self._rows_per_chunk])
            positions += chunk_positions
            probabilities.append(chunk_probabilities)
            yield
        return positions, np.concatenate(probabilities)

    def _read_csv(self, body: bytes) -> list[Row]:
        return run_at_once(self._read_csv_in_chunks(body))

    def _read_csv_in_chunks(self, body: bytes) -> Work[list[Row]]:
        csv = self._csv.read(body, with_truth=False)
        return (yield from self._validator.check_in_chunks(csv.rows, csv.lines))


def is_large(body: bytes, media_type: bytes) -> bool:
    """Return whether a body takes milliseconds, so that other requests should not wait for it."""
    if not MANY_ROWS < len(body) <= LARGE_BODY:
        return len(body) > LARGE_BODY
    row_mark = b"{" if media_type == JSON else b"\n"
    return len(body) - len(body.replace(row_mark, b"")) > MANY_ROWS  # six times as fast as count()
