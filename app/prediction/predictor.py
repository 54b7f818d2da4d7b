"""POST /predict: request bytes → validated rows → matrix → probabilities → response bytes.

`Predict` is a request's whole way through the service: it stands before the framework and speaks ASGI itself.
`Predictor` is what happens between the two bodies, and knows nothing of HTTP.
"""

import asyncio
import logging
from collections.abc import Sequence
from time import perf_counter

import numpy as np
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.core.chunks import Work, rows_per_chunk, run_at_once, run_in_turns
from app.core.errors import Problem, unexpected
from app.core.features import Matrix, Row
from app.core.model import Model
from app.core.validation import RowValidator
from app.monitoring.metrics import CLIENT_LEFT, Metrics
from app.prediction.csv_reader import CsvReader
from app.prediction.responses import ResponseWriter
from app.prediction.scoring import compute_metrics
from app.settings import Settings

PATH = "/predict"
JSON = b"application/json"
CSV = b"text/csv"
PARAMETERS = {b"", b"charset=utf-8", b"header=present"}  # of a media type; any other would need a reader
LARGE_BODY = 128 * 1024  # bytes
MANY_ROWS = 500

Headers = dict[bytes, bytes]

log = logging.getLogger(__name__)


class Predictor:
    """Answers a request body with a response body."""

    def __init__(self, model: Model, metrics: Metrics, max_rows: int) -> None:
        contract = model.contract
        self._model = model
        self._decide = contract.target.decide
        self._metrics = metrics
        self._validator = RowValidator(contract.features, max_rows)
        self._tables = CsvReader(contract, max_rows)
        self._writer = ResponseWriter(contract)
        self._rows_of_a_part = rows_per_chunk(len(contract.features))
        self._read = {JSON: self._validator.parse, CSV: self._read_csv}
        self._read_in_parts = {JSON: self._validator.parse_in_chunks, CSV: self._read_csv_in_parts}
        self._write = {JSON: self._writer.json, CSV: self._writer.csv}
        self._turn = asyncio.Lock()  # of the one large body that is being answered

    def answer(self, body: bytes, takes: bytes = JSON, gives: bytes = JSON) -> bytes:
        """Return predictions for the rows in `body`; raise Problem for one that can't be answered."""
        try:
            rows = self._read[takes](body)
        except Problem as problem:
            self._metrics.count_row_errors(problem.errors)
            raise
        return self._write[gives](*self.predict(rows))

    def answer_in_chunks(self, body: bytes, takes: bytes = JSON, gives: bytes = JSON) -> Work[bytes]:
        """Do as `answer` does, in parts."""
        try:
            rows = yield from self._read_in_parts[takes](body)
        except Problem as problem:
            self._metrics.count_row_errors(problem.errors)
            raise
        return self._write[gives](*(yield from self._predict_in_parts(rows)))

    def answer_file(self, body: bytes) -> Work[bytes]:
        """Return predictions for a CSV file and, if it has the target's column, how right they are."""
        try:
            table = yield from self._tables.read(body, with_truth=True)
            rows = yield from self._validator.check_in_chunks(table.rows, table.lines)
        except Problem as problem:
            self._metrics.count_row_errors(problem.errors)
            raise
        positions, probabilities = yield from self._predict_in_parts(rows)
        if not table.truth:
            return self._writer.json(positions, probabilities)
        figures = compute_metrics(self._model.contract.target, np.array(table.truth), probabilities)
        return self._writer.json(positions, probabilities, figures)

    async def in_turn(self, work: Work[bytes]) -> bytes:
        """Answer a large body between small ones, and after the large ones that came before."""
        async with self._turn:
            return await run_in_turns(work)

    def predict(self, rows: Sequence[Row]) -> tuple[list[int], Matrix]:
        """Return label positions [N] and probabilities [N, labels]; what is noted of a row is noted here."""
        probabilities = self._model.probabilities(self._model.encode(rows))
        positions: list[int] = self._decide(probabilities).tolist()
        self._metrics.count_predictions(positions)
        return positions, probabilities

    def _predict_in_parts(self, rows: Sequence[Row]) -> Work[tuple[list[int], Matrix]]:
        positions: list[int] = []
        probabilities: list[Matrix] = []
        for start in range(0, len(rows), self._rows_of_a_part):
            part = self.predict(rows[start : start + self._rows_of_a_part])
            positions += part[0]
            probabilities.append(part[1])
            yield
        return positions, np.concatenate(probabilities)

    def _read_csv(self, body: bytes) -> list[Row]:
        return run_at_once(self._read_csv_in_parts(body))

    def _read_csv_in_parts(self, body: bytes) -> Work[list[Row]]:
        table = yield from self._tables.read(body, with_truth=False)
        return (yield from self._validator.check_in_chunks(table.rows, table.lines))


class Predict:
    """The ASGI endpoint. It reads the body itself, so that one too large is refused while it streams."""

    def __init__(self, predictor: Predictor, metrics: Metrics, settings: Settings) -> None:
        self._predictor = predictor
        self._metrics = metrics
        self._max_body_bytes = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        self._metrics.request_started()
        status = CLIENT_LEFT
        try:
            headers: Headers = dict(scope["headers"])
            takes, gives = declared(headers), wanted(headers)
            body = await read_body(headers, receive, self._max_body_bytes)
            if is_large(body, takes):
                work = self._predictor.answer_in_chunks(body, takes, gives)
                answer = await self._predictor.in_turn(work)
            else:
                answer = self._predictor.answer(body, takes, gives)
            await respond(send, gives, answer)
            status = 200
        except ClientDisconnect:
            pass
        except Problem as problem:
            status = problem.status
            await problem.response()(scope, receive, send)
        except Exception:
            status = 500
            log.exception("unhandled error at %s", PATH)
            await unexpected().response()(scope, receive, send)
        finally:
            self._metrics.request_finished(PATH, status, perf_counter() - started)


def is_large(body: bytes, media_type: bytes) -> bool:
    """Say whether a body is milliseconds of work, for which other requests should not wait."""
    if len(body) > LARGE_BODY:
        return True
    sign = b"{" if media_type == JSON else b"\n"
    return len(body) - len(body.replace(sign, b"")) > MANY_ROWS  # takes a sixth of the time of count()


async def respond(send: Send, media_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def declared(headers: Headers) -> bytes:
    """Return the body's media type; raise Problem 415 unless it is plain JSON or CSV, in UTF-8."""
    refuse_compressed(headers)
    content_type = headers.get(b"content-type", b"")
    if content_type == JSON:
        return JSON
    kind, _, parameters = content_type.lower().replace(b" ", b"").replace(b'"', b"").partition(b";")
    if kind not in {JSON, CSV} or not PARAMETERS.issuperset(parameters.split(b";")):
        raise Problem(
            415,
            "unsupported-media-type",
            "The Content-Type must be application/json or text/csv, in UTF-8.",
            headers={"Accept-Post": "application/json, text/csv"},
        )
    return kind


def refuse_compressed(headers: Headers) -> None:
    """Raise Problem 415 for a body that is not sent as it is."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Problem(
            415,
            "unsupported-media-type",
            "Compressed bodies are not accepted; send the body without Content-Encoding.",
            headers={"Accept-Encoding": "identity"},
        )


def wanted(headers: Headers) -> bytes:
    """Return the media type of the answer: CSV if the client names it and does not prefer JSON."""
    accept = headers.get(b"accept", b"").lower()
    if CSV not in accept:
        return JSON
    quality = {JSON: 0.0, CSV: 0.0}
    for choice in accept.replace(b" ", b"").split(b","):
        kind, _, q = choice.partition(b";q=")
        quality[kind] = float(q) if q.replace(b".", b"", 1).isdigit() else 1.0
    return CSV if quality[CSV] > quality[JSON] else JSON


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Return the whole body; raise Problem 413 as soon as it is, or says it will be, over `limit` bytes."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def too_large(limit: int) -> Problem:
    """The rest of the body is not read, so the connection can't be used again."""
    detail = f"The body may have at most {limit} bytes."
    return Problem(413, "body-too-large", detail, headers={"Connection": "close"})
