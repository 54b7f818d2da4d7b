"""The head of a request, and whatever else is no body, is bounded, however it comes."""

import json

import pytest

from app.connections.refusals import HEAD_BYTES, HEAD_LINES, TARGET_BYTES
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers
from tests.support.problems import problem
from tests.support.prometheus import counts

HEAD_TOO_LARGE = problem(
    431, "head-too-large", "The head of a request may have at most 65536 bytes and 100 lines."
)
TARGET_TOO_LONG = problem(414, "target-too-long", "The target of a request may have at most 8192 bytes.")
INVALID = problem(400, "invalid-http", "The request is not valid HTTP.")
START = b"GET /first HTTP/1.1\r\nHost: x\r\n"
CLOSE = b"Connection: close\r\n\r\n"
CHUNKED = b"POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def pieces(data: bytes, size: int = 10_000) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize(
    ("request_bytes", "document"),
    [
        (START + b"a: b\r\n" * HEAD_LINES + CLOSE, HEAD_TOO_LARGE),
        (START + b"a: b\r\n" * 1_000_000, HEAD_TOO_LARGE),
        (START + b"a: " + b"b" * HEAD_BYTES + b"\r\n" + CLOSE, HEAD_TOO_LARGE),
        (START + b"a: " + b"b" * 1_000_000, HEAD_TOO_LARGE),
        (START + b"b" * 1_000_000, HEAD_TOO_LARGE),
        (b"GET /" + b"a" * TARGET_BYTES + b" HTTP/1.1\r\nHost: x\r\n" + CLOSE, TARGET_TOO_LONG),
        (b"GET /" + b"a" * 1_000_000, TARGET_TOO_LONG),
        (CHUNKED + b"1;" + b"a" * 1_000_000, INVALID),
        (CHUNKED + b"1\r\na\r\n0\r\na: " + b"b" * 1_000_000, INVALID),
        (CHUNKED + b"1\r\na\r\n0\r\n" + b"a: b\r\n" * 1_000_000, INVALID),
    ],
    ids=[
        "lines",
        "lines without end",
        "value",
        "value without end",
        "name without end",
        "target",
        "target without end",
        "extension of a chunk",
        "trailer without end",
        "trailers without end",
    ],
)
@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_what_is_too_large_is_refused(
    server: Server,
    echo: Echo,
    metrics: Metrics,
    request_bytes: bytes,
    document: dict[str, object],
    in_one_piece: bool,
) -> None:
    segments = [request_bytes] if in_one_piece else pieces(request_bytes[:200_000])
    received = await server.exchange(*segments)
    ((status, body),) = answers(received)
    assert (status, json.loads(body)) == (document["status"], document)
    assert b"\r\nconnection: close\r\n" in received.partition(b"\r\n\r\n")[0]
    assert echo.requests == []
    assert counts(metrics)['connections_dropped_total{reason="invalid"}'] == 1


@pytest.mark.parametrize("in_one_piece", [True, False])
async def test_head_and_target_up_to_the_limits_are_answered(
    server: Server, echo: Echo, in_one_piece: bool
) -> None:
    lines = [b"a: " + b"b" * 550 + b"\r\n"] * (HEAD_LINES - 2)
    target = b"/" + b"a" * (TARGET_BYTES - 1)
    head = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + b"".join(lines)
    assert len(head) < HEAD_BYTES
    segments = [head, CLOSE] if in_one_piece else [*pieces(head, 1000), CLOSE]
    assert answers(await server.exchange(*segments)) == [(200, b"")]
    assert echo.requests == [("GET", target.decode(), b"")]


async def test_trailers_are_no_headers(server: Server, echo: Echo) -> None:
    request = CHUNKED + b"1\r\na\r\n0\r\nContent-Type: x\r\n\r\n"
    received = await server.exchange(request + START + CLOSE)
    assert answers(received) == [(200, b"a"), (200, b"")]
    assert [header for headers in echo.headers for header in headers] == [
        (b"host", b"x"),
        (b"transfer-encoding", b"chunked"),
        (b"host", b"x"),
        (b"connection", b"close"),
    ]
