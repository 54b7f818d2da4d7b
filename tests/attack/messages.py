"""Raw requests, built from their pieces."""

from tests.support.bodies import FORM
from tests.support.problems import SECRET
from tests.support.tiny import ROW, batch

MARKER = SECRET.encode()
"""A value that no answer may repeat."""
ONE_ROW = batch(ROW)
JSON = "Content-Type: application/json"
CSV = "Content-Type: text/csv"
MULTIPART = f"Content-Type: {FORM['Content-Type']}"
CHUNKED = "Transfer-Encoding: chunked"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
HIDDEN = b"GET /card HTTP/1.1\r\nHost: x\r\n\r\n"
"""A request that hides in another one. No other request of the suite is for /card, so its count tells."""


def head(start_line: str, *lines: str) -> bytes:
    return "\r\n".join([start_line, "Host: x", *lines, "", ""]).encode("latin-1")


def get(target: str, *lines: str, method: str = "GET") -> bytes:
    return head(f"{method} {target} HTTP/1.1", *lines)


def post(body: bytes, *lines: str, path: str = "/predict") -> bytes:
    """Return a request whose length is right."""
    return head(f"POST {path} HTTP/1.1", *lines, f"Content-Length: {len(body)}") + body


def post_json(body: bytes | str, *lines: str) -> bytes:
    return post(body.encode() if isinstance(body, str) else body, JSON, *lines)


def post_csv(body: bytes | str, *lines: str) -> bytes:
    return post(body.encode() if isinstance(body, str) else body, CSV, *lines)


def post_form(body: bytes, content_type: str = MULTIPART) -> bytes:
    return post(body, content_type, path="/predict/file")


def framed(body: bytes, *lines: str) -> bytes:
    """Return a request with a body whose framing these lines declare."""
    return head("POST /predict HTTP/1.1", JSON, *lines) + body


def chunk(content: bytes, extension: str = "") -> bytes:
    return f"{len(content):x}{extension}\r\n".encode() + content + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"
