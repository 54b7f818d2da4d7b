"""POST /predict/file: a CSV file from a form."""

import re

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.errors import Problem
from app.prediction.csv_options import PLAIN
from app.prediction.predictor import CSV, Predictor
from app.routes.options import describe_extras, find_charset, is_compressed, read_query
from app.routes.predict import negotiate_response, read_body

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
        raw = dict(scope["headers"])
        boundary, response_type = read_boundary(Headers(scope=scope)), negotiate_response(raw)
        options = read_query(scope["query_string"])
        content, encoding = read_file(await read_body(receive), boundary)
        work = self._predictor.answer_file(content, response_type, options._replace(encoding=encoding))
        answer = await self._predictor.run_in_turn(work)
        response = Response(answer.content, headers={"Content-Type": response_type.decode()})
        if response_type == CSV:
            response.raw_headers += describe_extras(answer.extras)
        await response(scope, receive, send)


def read_boundary(headers: Headers) -> bytes:
    """Return what separates the parts of the form; raise Problem 415 for another body, 400 without one."""
    if is_compressed(dict(headers.raw)):
        raise Problem(
            415,
            "unsupported-media-type",
            "A form is read without Content-Encoding; the file in it may be compressed with gzip.",
            headers={"Accept-Encoding": "identity"},
        )
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


def read_file(body: bytes, boundary: bytes) -> tuple[bytes, str]:
    """Return the file in a form that has nothing else (RFC 7578), and the codec that its part declares.

    Raises:
        Problem: 400 for another form, 415 for a charset that is not known.

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
    return body[head_end + 4 : end], read_charset(body[start:head_end])


def read_charset(head: bytes) -> str:
    """Return the codec of the charset that the lines after a separator declare; UTF-8 if they do not."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-type":
            charset = find_charset(value)
            if charset is None:
                detail = "The file must be in UTF-8, UTF-16 or windows-1252."
                raise Problem(415, "unsupported-media-type", detail)
            return charset
    return PLAIN.encoding


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
