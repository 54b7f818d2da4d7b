"""What bodies hold together has a ceiling, under which there is always room for a small one."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from app.connections.budget import SMALL_BODY
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers, running, until
from tests.support.problems import problem
from tests.support.prometheus import counts

FULL = problem(503, "overloaded", "The service holds too many requests. Try again later.")
SIZE = 400_000


@pytest.fixture
async def server(echo: Echo, metrics: Metrics) -> AsyncIterator[Server]:
    async with running(echo, metrics, max_buffered_bytes=1_000_000) as server:
        yield server


def head(size: int) -> bytes:
    return b"POST /first HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size


async def unfinished(server: Server, held: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send all of a body but its last byte; wait until so many bytes are held."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head(SIZE) + bytes(SIZE - 1))
    await until(lambda: server.budget.held == held)
    return reader, writer


async def test_body_over_the_ceiling_is_503_and_the_others_are_answered(
    server: Server, metrics: Metrics
) -> None:
    first = await unfinished(server, SIZE - 1)
    second = await unfinished(server, 2 * SIZE - 2)
    received = await server.exchange(head(SIZE) + bytes(SIZE))
    ((status, body),) = answers(received)
    assert (status, json.loads(body)) == (503, FULL)
    assert b"\r\nretry-after: 1\r\n" in received
    assert counts(metrics)['connections_dropped_total{reason="full"}'] == 1
    small = bytes(SMALL_BODY)
    assert answers(await server.exchange(head(SMALL_BODY) + small)) == [(200, small)]
    for reader, writer in (first, second):
        writer.write(bytes(1))
        assert answers(await reader.read()) == [(200, bytes(SIZE))]
        writer.close()
    await until(lambda: server.budget.held == 0)
    assert answers(await server.exchange(head(SIZE) + bytes(SIZE))) == [(200, bytes(SIZE))]


async def test_clients_that_leave_hold_nothing(server: Server) -> None:
    for _ in range(5):
        _, writer = await unfinished(server, SIZE - 1)
        writer.close()
        await until(lambda: server.budget.held == 0)


async def test_unread_answers_count_too(server: Server) -> None:
    server.budget.unread = 900_000  # as the sweep notes it
    ((status, body),) = answers(await server.exchange(head(SIZE) + bytes(SIZE)))
    assert (status, json.loads(body)) == (503, FULL)
