"""A server that stops; tests/faults has whole workers that are killed, stopped and sent signals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest
from starlette.responses import PlainTextResponse
from uvicorn import Config

from app import worker
from app.listener import listen
from app.worker import CLOSE, GracefulServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
REQUEST = b"GET / HTTP/1.1\r\nHost: service\r\n\r\n"
DEADLINE = 20.0


@asynccontextmanager
async def stopping() -> AsyncIterator[Streams]:
    """Yield a new connection to a server that has just begun to stop."""
    config = Config(PlainTextResponse("hello"), lifespan="off", log_config=None, http="httptools")
    server = GracefulServer(config)
    listener = listen(IPv4Address("127.0.0.1"), 0)
    port = listener.getsockname()[1]
    task = asyncio.create_task(server._serve([listener]))
    await until(lambda: server.started)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await until(lambda: len(server.server_state.connections) == 1)
    server.should_exit = True
    await until(lambda: CLOSE in server.server_state.default_headers)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()
    await asyncio.wait_for(task, DEADLINE)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_request_on_its_way_is_answered_and_its_connection_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "LAST_REQUESTS_SECONDS", DEADLINE)
    async with stopping() as (reader, writer):
        writer.write(REQUEST)
        answer = await asyncio.wait_for(reader.read(), DEADLINE)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nhello")


async def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LAST_REQUESTS_SECONDS", 0.1)
    async with stopping() as (reader, _):
        assert await asyncio.wait_for(reader.read(), DEADLINE) == b""
