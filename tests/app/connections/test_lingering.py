"""An answer that comes before the end of its request reaches the client, which may send for a while."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.types import Send

from app.connections.lingering import LINGER_BODIES
from app.middleware.body_limit import BodyLimit
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers, running
from tests.support.problems import too_large

LIMIT = 1_000_000
TOO_LARGE = too_large(LIMIT)
CHUNK = b"186a0\r\n" + bytes(100_000) + b"\r\n"


@pytest.fixture
async def server(echo: Echo, metrics: Metrics) -> AsyncIterator[Server]:
    async with running(BodyLimit(echo, LIMIT), metrics, max_body_bytes=LIMIT) as server:
        yield server


async def refuse(_scope: object, _receive: object, send: Send) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def exchange(server: Server, head: bytes, piece: bytes, pieces: int) -> bytes:
    """Send all before the first byte is read, as simple clients do."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head)
    for _ in range(pieces):
        writer.write(piece)
        await writer.drain()
    received = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return received


@pytest.mark.parametrize("bodies", [3, 10])
@pytest.mark.parametrize(
    ("framing", "piece"),
    [(b"Content-Length: %d", bytes(100_000)), (b"Transfer-Encoding: chunked", CHUNK)],
    ids=["length", "chunked"],
)
async def test_413_reaches_a_client_that_sends_all_first(
    server: Server, echo: Echo, framing: bytes, piece: bytes, bodies: int
) -> None:
    framing = framing % (bodies * LIMIT) if b"%d" in framing else framing
    head = b"POST /first HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n"
    ((status, body),) = answers(await exchange(server, head, piece, bodies * 10))
    assert (status, json.loads(body)) == (413, TOO_LARGE)
    assert echo.requests == []


async def test_413_comes_without_the_body_that_waits_for_100(server: Server) -> None:
    head = b"POST /first HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n"
    ((status, body),) = answers(await server.exchange(head))
    assert (status, json.loads(body)) == (413, TOO_LARGE)


async def test_client_that_sends_without_end_is_cut_off(server: Server) -> None:
    head = b"POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with pytest.raises(ConnectionError):
        await exchange(server, head, CHUNK, (LINGER_BODIES + 20) * 10)


async def test_invalid_http_is_answered_although_more_comes(server: Server) -> None:
    ((status, _),) = answers(await exchange(server, b"nonsense\r\n\r\n", bytes(100_000), 30))
    assert status == 400


async def test_connection_serves_on_after_an_early_answer(metrics: Metrics) -> None:
    request = b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
    last = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with running(refuse, metrics, max_body_bytes=LIMIT) as server:
        assert answers(await server.exchange(request, request, last)) == [(404, b"")] * 3


async def test_body_that_nobody_reads_is_cut_off(metrics: Metrics) -> None:
    head = b"POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with running(refuse, metrics, max_body_bytes=LIMIT) as server:
        with pytest.raises(ConnectionError):
            await exchange(server, head, CHUNK, (LINGER_BODIES + 20) * 10)
