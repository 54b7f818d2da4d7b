"""POST /predict/file: a CSV file from a form."""

import re

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.errors import Problem
from app.prediction.predictor import Predictor
from app.routes.predict import read_body, refuse_compressed

PATH = "/predict/file"
FORM = b"multipart/form-data"
FIELDS = ("file", "csv_file")
HEADER = re.compile(rb"([\w!#$%&'*+.^`|~-]+):[ \t]*(.*)")
LONGEST_HEAD = 4096  # bytes of a Content-Type, and of what stands before a file
LONGEST_BOUNDARY = 70  # bytes, says RFC 2046


class PredictFile:
    """The ASGI endpoint."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        boundary = read_boundary(Headers(scope=scope))
        content = read_file(await read_body(receive), boundary)
        answer = await self._predictor.run_in_turn(self._predictor.answer_file(content))
        await Response(answer, media_type="application/json")(scope, receive, send)


def read_boundary(headers: Headers) -> bytes:
    """Return what separates the parts of the form; raise Problem 415 for another body, 400 without one."""
    refuse_compressed(dict(headers.raw))
    media_type, parameters = parse_options_header(headers.get("content-type", "")[:LONGEST_HEAD])
    if media_type.strip() != FORM:
        raise Problem(
            415,
            "unsupported-media-type",
            "The Content-Type must be multipart/form-data.",
            headers={"Accept-Post": "multipart/form-data"},
        )
    boundary = parameters.get(b"boundary", b"")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY:
        raise invalid_form()
    return boundary


def read_file(body: bytes, boundary: bytes) -> bytes:
    """Return the file in a form that has nothing else (RFC 7578); raise Problem 400 for another form.

    One search for each separator, because a reader of parts takes seconds for millions of them, or for
    beginnings of a separator, and writes a large file to a disk.
    """
    separator = b"\r\n--" + boundary
    start = 0 if body.startswith(separator) else -2  # the line end before the first separator may be absent
    if start and not body.startswith(separator[2:]):
        raise invalid_form()
    start += len(separator)
    head_end = body.find(b"\r\n\r\n", start, start + LONGEST_HEAD)
    end = body.find(separator, head_end + 2)
    is_last = body.startswith(b"--", end + len(separator))
    if min(head_end, end) < 0 or not is_last or not is_file(body[start:head_end]):
        raise invalid_form()
    return body[head_end + 4 : end]


def is_file(head: bytes) -> bool:
    """Return whether the lines after a separator declare a file in one of the fields."""
    padding, *lines = head.split(b"\r\n")
    headers = [HEADER.fullmatch(line) for line in lines]
    for header in headers:
        if header is None or padding.strip(b" \t"):
            return False
        if header[1].lower() == b"content-disposition":
            _, options = parse_options_header(header[2].decode("latin-1"))
            return (
                None not in headers
                and options.get(b"name", b"").decode("latin-1") in FIELDS
                and b"filename" in options
            )
    return False


def invalid_form() -> Problem:
    fields = " or ".join(map(repr, FIELDS))
    detail = f"The body must be a multipart form with a CSV file in the field {fields}, and nothing else."
    return Problem(400, "invalid-form", detail)
