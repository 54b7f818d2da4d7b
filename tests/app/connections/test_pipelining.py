"""Requests that are sent before the answers to earlier ones: in order, and in bounds."""

import asyncio

from starlette.types import Receive, Scope, Send

from app.connections.connection import MAX_WAITING
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers, running, until

GET = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_connection_closes_after_as_many_requests_as_may_wait(server: Server, echo: Echo) -> None:
    received = await server.exchange(GET * 5000)
    assert answers(received) == [(200, b"")] * (MAX_WAITING + 1)
    assert received.count(b"\r\nconnection: close\r\n") == 1
    assert received.rpartition(b"HTTP/1.1 200 OK")[2].startswith(
        b"\r\ncontent-length: 0\r\nconnection: close\r\n"
    )
    assert len(echo.requests) == MAX_WAITING + 1


class Large:
    """Gives large answers, and counts them."""

    def __init__(self) -> None:
        self.answered = 0

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.answered += 1
        size = 20_000_000
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})


async def test_next_request_waits_until_its_client_has_read_the_last_answer(metrics: Metrics) -> None:
    large = Large()
    async with running(large, metrics) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(GET * 3)
        await asyncio.sleep(0.5)
        assert large.answered == 1
        (connection,) = server.state.connections
        assert connection.transport.get_write_buffer_size() > 19_000_000  # the kernel holds little
        writer.write(GET)  # not even read
        read = 0
        async with asyncio.timeout(20):
            while large.answered < 4 or read < 80_000_000:
                read += len(await reader.read(10_000_000))
        writer.close()


async def test_client_that_does_not_read_keeps_no_other_waiting(metrics: Metrics) -> None:
    async with running(Large(), metrics) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(GET)
        await until(lambda: bool(server.state.connections))
        (connection,) = server.state.connections
        await until(lambda: connection.transport.get_write_buffer_size() > 0)
        assert server.shedder.small.size == 0
        writer.close()
