"""A request that asks for another protocol is answered in HTTP/1.1, with its body."""

import pytest

from app.connections.connection import MAX_WAITING
from app.connections.upgrade import head_without_upgrade
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers
from tests.support.prometheus import counts

H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BODIES = {
    "length": b"Content-Length: %d\r\n\r\n%b" % (len(HIDDEN), HIDDEN),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
}


@pytest.mark.parametrize("pieces", ["one segment", "head and body", "byte by byte"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
async def test_body_is_read_and_never_executed(
    server: Server, echo: Echo, upgrade: bytes, body: str, pieces: str
) -> None:
    request = b"POST /first HTTP/1.1\r\nHost: x\r\n" + upgrade + BODIES[body]
    head, _, rest = request.partition(b"\r\n\r\n")
    segments = {
        "one segment": [request * 2 + LAST],
        "head and body": [head + b"\r\n\r\n", rest, request + LAST],
        "byte by byte": [bytes([byte]) for byte in request * 2 + LAST],
    }
    received = await server.exchange(*segments[pieces])
    assert answers(received) == [(200, HIDDEN), (200, HIDDEN), (200, b"")]
    assert echo.requests == [("POST", "/first", HIDDEN), ("POST", "/first", HIDDEN), ("GET", "/last", b"")]


async def test_many_pipelined_upgrades_are_answered_one_by_one(server: Server, echo: Echo) -> None:
    upgrade = b"GET /first HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n"
    received = await server.exchange(upgrade * MAX_WAITING + LAST)
    assert answers(received) == [(200, b"")] * (MAX_WAITING + 1)
    assert echo.requests == [("GET", "/first", b"")] * MAX_WAITING + [("GET", "/last", b"")]


@pytest.mark.parametrize("target", [b"x:443", b"/", b"http://x/"])
async def test_connect_is_refused_and_its_tunnel_not_read(
    server: Server, echo: Echo, metrics: Metrics, target: bytes
) -> None:
    received = await server.exchange(b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN)
    ((status, _),) = answers(received)
    assert status == 405
    assert b"\r\nallow: GET, HEAD, OPTIONS, POST\r\n" in received
    assert echo.requests == []
    assert counts(metrics)['connections_dropped_total{reason="invalid"}'] == 1


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ([(b"connection", b"Upgrade"), (b"upgrade", b"h2c")], b"connection: \r\n"),
        ([(b"connection", b"close , UPGRADE"), (b"upgrade", b"h2c")], b"connection: close\r\n"),
        ([(b"host", b"a: b"), (b"connection", b"upgrade")], b"host: a: b\r\nconnection: \r\n"),
    ],
)
def test_head_keeps_everything_but_the_upgrade(headers: list[tuple[bytes, bytes]], kept: bytes) -> None:
    assert head_without_upgrade(b"GET / HTTP/1.1", headers) == b"GET / HTTP/1.1\r\n" + kept + b"\r\n"
