"""POST /predict: request bytes → validated rows → matrix → probabilities → response bytes."""

import json
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.contract import Contract
from app.errors import Problem
from app.features import Matrix
from app.model import Model
from app.schemas import RowValidator
from app.settings import Settings

Headers = dict[bytes, bytes]


class Predict:
    """The ASGI endpoint. It reads the body itself, so that a body too large is refused while it streams."""

    def __init__(self, model: Model, settings: Settings) -> None:
        self._model = model
        self._validator = RowValidator(model.contract.features, settings.max_rows)
        self._writer = AnswerWriter(model.contract)
        self._max_body_bytes = settings.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        try:
            check_media_type(headers)
            body = await read_body(headers, receive, self._max_body_bytes)
            response = Response(self.answer(body), media_type="application/json")
        except Problem as problem:
            response = problem.response()
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    def answer(self, body: bytes) -> bytes:
        """Return the response body for a request body; raise Problem for one that can't be answered."""
        rows = self._validator.parse(body)
        return self._writer.write(self._model.probabilities(self._model.encode(rows)))


class AnswerWriter:
    """Writes the response body as text: its shape is fixed by the contract, so only numbers are filled in."""

    def __init__(self, contract: Contract) -> None:
        self._decide = contract.target.decide
        self._labels = [json.dumps(label) for label in contract.target.labels]
        keys = (label.replace("%", "%%") for label in self._labels)
        self._row = "{" + ",".join(f"{key}:%.7g" for key in keys) + "}"  # a float32 has 7 digits
        self._head = f'{{"model_lib_version":{json.dumps(contract.model_version)},"timestamp":"'

    def write(self, probabilities: Matrix) -> bytes:
        """Return the JSON for probabilities [N, labels]."""
        labels, row = self._labels, self._row
        predictions = ",".join([labels[position] for position in self._decide(probabilities).tolist()])
        scores = ",".join([row % tuple(each) for each in probabilities.tolist()])
        timestamp = datetime.now(UTC).isoformat()
        return f'{self._head}{timestamp}","predictions":[{predictions}],"probabilities":[{scores}]}}'.encode()


def check_media_type(headers: Headers) -> None:
    """Raise Problem 415 unless the body is declared as plain JSON in UTF-8."""
    encoding = headers.get(b"content-encoding", b"identity")
    if encoding.lower() != b"identity":
        raise Problem(
            415,
            "unsupported-media-type",
            "Compressed bodies are not accepted; send the body without Content-Encoding.",
            headers={"Accept-Encoding": "identity"},
        )
    content_type = headers.get(b"content-type", b"")
    if content_type == b"application/json":
        return
    kind, _, parameters = content_type.lower().replace(b" ", b"").replace(b'"', b"").partition(b";")
    if kind != b"application/json" or parameters not in {b"", b"charset=utf-8"}:
        raise Problem(
            415,
            "unsupported-media-type",
            "The Content-Type must be application/json, in UTF-8.",
            headers={"Accept-Post": "application/json"},
        )


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """Return the whole body; raise Problem 413 as soon as it is, or says it will be, over `limit` bytes."""
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> Problem:
    """The rest of the body is not read, so the connection can't be used again."""
    detail = f"The body may have at most {limit} bytes."
    return Problem(413, "body-too-large", detail, headers={"Connection": "close"})
