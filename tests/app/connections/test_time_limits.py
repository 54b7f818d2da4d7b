"""A client that is slow at anything is dropped, and one that is fast enough is not."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from app.monitoring.metrics import Metrics
from tests.support.echo import DEADLINE, Echo, Server, answers, running, until
from tests.support.problems import problem
from tests.support.prometheus import counts

HEAD = b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
async def server(echo: Echo, metrics: Metrics) -> AsyncIterator[Server]:
    limits = {"slow_seconds": 2, "idle_seconds": 2, "request_seconds": 2, "min_bytes_per_second": 1000}
    async with running(echo, metrics, **limits) as server:
        yield server


def dropped(metrics: Metrics) -> dict[str, float]:
    name = "connections_dropped_total"
    return {key: count for key, count in counts(metrics).items() if key.startswith(name)}


async def received_by(server: Server, *segments: bytes, pause: float = 0.3) -> bytes:
    """Send the segments with a pause between, unless the server closes; return what it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    reading = asyncio.create_task(reader.read())
    for segment in segments:
        if reading.done():
            break
        writer.write(segment)
        await asyncio.sleep(pause)
    received = await asyncio.wait_for(reading, DEADLINE)
    writer.close()
    return received


@pytest.mark.parametrize(
    ("segments", "part", "reason"),
    [
        ([b"GET /first HTTP/1.1\r\nHost: x\r\n"], "head", "head"),
        ([b"GET /first HTTP/1.1\r\n", *[b"a: b\r\n"] * 30], "head", "head"),
        ([HEAD], "body", "body"),
        ([HEAD.replace(b"4", b"1000"), *[b"x"] * 30], "body", "body"),
    ],
    ids=["stopped head", "slow head", "stopped body", "slow body"],
)
async def test_slow_request_is_408(
    server: Server, metrics: Metrics, echo: Echo, segments: list[bytes], part: str, reason: str
) -> None:
    ((status, body),) = answers(await received_by(server, *segments))
    expected = problem(408, "request-timeout", f"The {part} of the request came too slowly.")
    assert (status, json.loads(body)) == (408, expected)
    assert dropped(metrics) == {f'connections_dropped_total{{reason="{reason}"}}': 1}
    assert echo.requests == []


@pytest.mark.parametrize("segments", [[], [b"\r\n"] * 20], ids=["nothing", "empty lines"])
async def test_connection_without_a_request_is_closed_without_a_word(
    server: Server, metrics: Metrics, segments: list[bytes]
) -> None:
    assert await received_by(server, *segments) == b""
    assert dropped(metrics) == {'connections_dropped_total{reason="idle"}': 1}


async def test_idle_connection_is_closed_after_its_answer(server: Server, metrics: Metrics) -> None:
    received = await received_by(server, HEAD + b"abcd", b"\r\n", b"\r\n")
    assert answers(received) == [(200, b"abcd")]
    assert dropped(metrics) == {'connections_dropped_total{reason="idle"}': 1}


async def test_clients_that_are_fast_enough_are_served_for_longer_than_the_limits(
    server: Server, metrics: Metrics
) -> None:
    body = b"x" * 10_000
    long_body = HEAD.replace(b"4", b"%d" % len(body))
    pieces = [body[start : start + 500] for start in range(0, len(body), 500)]
    busy = [HEAD + b"abcd"] * 10
    received = await asyncio.gather(
        received_by(server, long_body, *pieces, LAST), received_by(server, *busy, LAST, pause=0.5)
    )
    assert answers(received[0]) == [(200, body), (200, b"")]
    assert answers(received[1]) == [(200, b"abcd")] * 10 + [(200, b"")]
    assert dropped(metrics) == {}


async def test_client_is_not_blamed_for_the_time_that_the_service_was_busy(
    server: Server, metrics: Metrics
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(HEAD)
    await asyncio.sleep(1.2)
    time.sleep(4)  # blocks the loop of the service
    writer.write(b"abcd" + LAST)
    await asyncio.sleep(0.5)
    assert dropped(metrics) == {}
    writer.close()


class Stubborn:
    """Answers every request but the last with what takes its client, or itself, too long."""

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self.cancelled = 0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        size = 0 if scope["path"] == "/last" else self.size
        if scope["path"] != "/last":
            try:
                await asyncio.sleep(self.seconds)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        headers = [(b"content-length", b"%d" % size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size)})


async def test_request_that_takes_too_long_is_503_and_stopped(metrics: Metrics) -> None:
    app = Stubborn(0, seconds=60)
    async with running(app, metrics, request_seconds=1) as server:
        received = await received_by(server, HEAD + b"abcd" + LAST)
    (status, body), last = answers(received)
    detail = "The service could not answer in time. Try again later."
    assert (status, json.loads(body)) == (503, problem(503, "overloaded", detail))
    assert b"\r\nretry-after: 1\r\n" in received
    assert last == (200, b"")
    assert app.cancelled == 1
    assert dropped(metrics) == {}


async def test_client_that_does_not_read_its_answer_is_dropped(metrics: Metrics) -> None:
    app = Stubborn(30_000_000, seconds=0)
    async with running(app, metrics, slow_seconds=1) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(HEAD + b"abcd")
        await until(lambda: dropped(metrics) == {'connections_dropped_total{reason="reader"}': 1})
        await until(lambda: not server.state.connections)
        writer.close()


async def test_application_is_stopped_when_its_client_leaves(metrics: Metrics) -> None:
    app = Stubborn(0, seconds=60)
    async with running(app, metrics) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD + b"abcd")
        await until(lambda: bool(server.state.tasks))
        writer.close()
        await until(lambda: not server.state.tasks)
    assert app.cancelled == 1
