"""What is no HTTP gets a problem document in its turn, and the connection is closed."""

import json
import logging

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.middleware.security_headers import FOR_PAGES
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers
from tests.support.problems import problem
from tests.support.prometheus import counts

INVALID = problem(400, "invalid-http", "The request is not valid HTTP.")
GET = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
SECURITY = b"".join(b"\r\n%b: %b" % header for header in FOR_PAGES)
POST = b"POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET nopath HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://host HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://host:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nfolded: x\r\n y\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"xyz\r\n",
        POST + b"3\r\nabcdef",
    ],
)
async def test_invalid_http_is_a_problem_and_closes(
    server: Server, metrics: Metrics, caplog: pytest.LogCaptureFixture, request_bytes: bytes
) -> None:
    with caplog.at_level(logging.INFO):
        received = await server.exchange(request_bytes + GET)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.removesuffix(SECURITY) == (
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: %d\r\n"
        b"content-type: application/problem+json" % len(body)
    )
    assert json.loads(body) == INVALID
    assert counts(metrics)['connections_dropped_total{reason="invalid"}'] == 1
    assert [record for record in caplog.records if record.name != "uvicorn.access"] == []


async def test_invalid_http_is_answered_after_the_requests_before_it(server: Server, echo: Echo) -> None:
    received = await server.exchange(GET * 3 + b"nonsense\r\n\r\n" + GET)
    *before, (status, body) = answers(received)
    assert before == [(200, b"")] * 3
    assert (status, json.loads(body)) == (400, INVALID)
    assert echo.requests == [("GET", "/first", b"")] * 3


@pytest.mark.parametrize("segments", [[POST + b"3\r\nabc\r\nxyz\r\n"], [POST + b"3\r\nabc\r\n", b"xyz\r\n"]])
async def test_invalid_body_of_a_request_that_waits_is_answered_in_its_turn(
    server: Server, echo: Echo, segments: list[bytes]
) -> None:
    first, *rest = segments
    received = await server.exchange(GET * 2 + first, *rest)
    *before, (status, body) = answers(received)
    assert before == [(200, b"")] * 2
    assert (status, json.loads(body)) == (400, INVALID)
    assert echo.requests == [("GET", "/first", b"")] * 2


async def test_our_own_exception_in_a_callback_is_logged(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(HttpToolsProtocol, "on_headers_complete", fail)
    received = await server.exchange(GET)
    assert json.loads(received.partition(b"\r\n\r\n")[2]) == INVALID
    ((logger, level, message),) = caplog.record_tuples
    assert (logger, level) == ("app.connections.connection", logging.ERROR)
    assert message == "a callback of the parser failed"
    assert "ZeroDivisionError" in caplog.text


async def test_target_may_be_a_whole_url(server: Server, echo: Echo) -> None:
    target = b"http://host:80/first?a=b"
    await server.exchange(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    assert echo.requests == [("GET", "/first", b"")]


@pytest.mark.parametrize("version", ["0.9", "2.0"])
async def test_refused_version_leaves_the_queue(server: Server, version: str) -> None:
    await server.exchange(f"GET / HTTP/{version}\r\nHost: x\r\n\r\n".encode())
    assert server.shedder.small.size == 0
