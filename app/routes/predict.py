"""POST /predict, in plain ASGI: the routing of FastAPI would cost as much as the model."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.core.errors import Problem
from app.prediction.predictor import CSV, JSON, Predictor, is_large

PATH = "/predict"
FORM = b"application/x-www-form-urlencoded"
PARAMETERS = {b"", b"charset=utf-8", b"header=present"}  # of a media type, and all that the readers know

WHOLE_ANSWER = "app.whole_answer"
"""ASGI extension of a server that takes a whole answer in http.response.start, with its `body`."""

WAITING = "app.waiting"
"""ASGI extension of a server that says, as `size`, how many requests have arrived and are not answered."""

Headers = dict[bytes, bytes]


class Predict:
    """The ASGI endpoint."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = dict(scope["headers"])
        request_type, response_type = negotiate_request(headers), negotiate_response(headers)
        body = await read_body(receive)
        if is_large(body, request_type):
            work = self._predictor.answer_in_chunks(body, request_type, response_type)
            content = await self._predictor.run_in_turn(work)
        else:
            content = await self._predictor.answer(
                body, request_type, response_type, is_alone=is_alone(scope)
            )
        answer_headers = [(b"content-type", response_type), (b"content-length", b"%d" % len(content))]
        start = {"type": "http.response.start", "status": 200, "headers": answer_headers}
        if WHOLE_ANSWER in scope.get("extensions", ()):
            await send(start | {"body": content})
        else:
            await send(start)
            await send({"type": "http.response.body", "body": content})


def is_alone(scope: Scope) -> bool:
    """Return whether the server knows that no other request waits, so that there is no use in a batch."""
    waiting = scope.get("extensions", {}).get(WAITING)
    return waiting is not None and waiting.size <= 1


async def read_body(receive: Receive) -> bytes:
    """Return the whole body; raise ClientDisconnect if the client leaves before its end."""
    chunks: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(chunks)


def negotiate_request(headers: Headers) -> bytes:
    """Return the media type of the body: JSON if the client declares none.

    Raises:
        Problem: 415 unless the body is JSON or CSV, in UTF-8 and not compressed.
    """
    if b"content-encoding" in headers:
        refuse_compressed(headers)
    content_type = headers.get(b"content-type", b"")
    if content_type in {JSON, b""}:
        return JSON
    media_type, _, parameters = content_type.lower().replace(b" ", b"").replace(b'"', b"").partition(b";")
    if media_type not in {JSON, CSV} or not PARAMETERS.issuperset(parameters.split(b";")):
        detail = "The Content-Type must be application/json or text/csv, in UTF-8."
        if media_type == FORM:
            detail += " curl -d sends a form unless it is told: add -H 'Content-Type: application/json'."
        raise Problem(
            415,
            "unsupported-media-type",
            detail,
            headers={"Accept-Post": "application/json, text/csv"},
        )
    return media_type


def refuse_compressed(headers: Headers) -> None:
    """Raise Problem 415 for a body with a Content-Encoding."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Problem(
            415,
            "unsupported-media-type",
            "Compressed bodies are not accepted; send the body without Content-Encoding.",
            headers={"Accept-Encoding": "identity"},
        )


def negotiate_response(headers: Headers) -> bytes:
    """Return the media type of the response: CSV if the client names it and prefers it to JSON."""
    accept = headers.get(b"accept", b"").lower()
    if CSV not in accept:
        return JSON
    quality = {JSON: 0.0, CSV: 0.0}
    for choice in accept.replace(b" ", b"").split(b","):
        media_type, _, q = choice.partition(b";q=")
        quality[media_type] = float(q) if q.replace(b".", b"", 1).isdigit() else 1.0
    return CSV if quality[CSV] > quality[JSON] else JSON
