"""POST /predict, in plain ASGI: the routing of FastAPI would cost as much as the model."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.core.errors import Problem
from app.prediction.csv_options import PLAIN, Options
from app.prediction.predictor import CSV, JSON, Predictor, is_large
from app.prediction.responses import NO_EXTRAS
from app.routes.options import describe_extras, find_charset, is_compressed, read_query

PATH = "/predict"
FORM = b"application/x-www-form-urlencoded"
PARAMETERS = {b"", b"charset=utf-8"}  # of JSON

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
        options = PLAIN
        if scope["query_string"] or request_type == CSV or b"content-encoding" in headers:
            options = read_options(scope["query_string"], headers, request_type)
        body = await read_body(receive)
        if options.is_compressed or is_large(body, request_type):
            work = self._predictor.answer_in_chunks(body, request_type, response_type, options)
            answer = await self._predictor.run_in_turn(work)
        else:
            answer = await self._predictor.answer(
                body, request_type, response_type, options=options, is_alone=is_alone(scope)
            )
        content = answer.content
        answer_headers = [(b"content-type", response_type), (b"content-length", b"%d" % len(content))]
        if answer.extras is not NO_EXTRAS and response_type == CSV:
            answer_headers += describe_extras(answer.extras)
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
        Problem: 415 unless the body is JSON in UTF-8, or CSV in an encoding that is known.
    """
    content_type = headers.get(b"content-type", b"")
    if content_type in {JSON, b""}:
        return JSON
    media_type, _, parameters = content_type.lower().replace(b" ", b"").replace(b'"', b"").partition(b";")
    is_known = media_type == CSV and find_charset(content_type) is not None
    if is_known or (media_type == JSON and PARAMETERS.issuperset(parameters.split(b";"))):
        return media_type
    detail = (
        "The Content-Type must be application/json in UTF-8, or text/csv in UTF-8, UTF-16 or windows-1252."
    )
    if media_type == FORM:
        detail += " curl -d sends a form unless it is told: add -H 'Content-Type: application/json'."
    accepted = {"Accept-Post": "application/json, text/csv"}
    raise Problem(415, "unsupported-media-type", detail, headers=accepted)


def read_options(query: bytes, headers: Headers, media_type: bytes) -> Options:
    """Return what the client asks beyond predictions; raise Problem 400 or 415 for what can't be."""
    options = read_query(query) if query else PLAIN
    if options.keep and media_type == JSON:
        raise Problem(
            400, "invalid-query", "keep= is for CSV; a row of JSON has the features and nothing else."
        )
    encoding = find_charset(headers.get(b"content-type", b"")) or PLAIN.encoding
    return options._replace(encoding=encoding, is_compressed=is_compressed(headers))


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
