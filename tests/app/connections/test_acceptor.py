"""Idle connections make room for new ones, and nobody is locked out."""

import asyncio
import json
import logging
import resource

import pytest

from app.connections.acceptor import SPARE_DESCRIPTORS, free_descriptors
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, answers, running, until
from tests.support.problems import problem
from tests.support.prometheus import counts

GET = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FULL = problem(503, "overloaded", "The service holds too many requests. Try again later.")
LINE = "The worker has all the 5 connections that it may have."

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(server: Server, connections: int, data: bytes = b"") -> list[Client]:
    clients = []
    for _ in range(connections):
        clients.append(await asyncio.open_connection("127.0.0.1", server.port))
        clients[-1][1].write(data)
    return clients


def close(clients: list[Client]) -> None:
    for _, writer in clients:
        writer.close()


@pytest.mark.parametrize("data", [b"", b"GET /first", GET], ids=["no byte", "half a head", "keep-alive"])
async def test_idle_connections_make_room(
    echo: Echo, metrics: Metrics, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    async with running(echo, metrics, max_connections=5) as server:
        clients = await connect(server, 30, data)
        assert answers(await server.exchange(LAST)) == [(200, b"")]
        assert counts(metrics)['connections_dropped_total{reason="full"}'] == 26
        assert len(server.state.connections) <= 5
        close(clients)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [LINE]


async def test_longest_idle_goes_first(echo: Echo, metrics: Metrics) -> None:
    async with running(echo, metrics, max_connections=5) as server:
        old = await connect(server, 3, GET)
        await asyncio.sleep(1.5)  # a sweep sees them
        new = await connect(server, 2, GET)
        await asyncio.sleep(0.2)
        newest = await connect(server, 3, GET)
        for reader, _ in old:
            assert answers(await asyncio.wait_for(reader.read(), 5)) == [(200, b"")]
        assert not any(reader.at_eof() for reader, _ in new + newest)
        close(old + new + newest)


async def test_new_connection_is_503_when_all_are_at_work(echo: Echo, metrics: Metrics) -> None:
    body = b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    async with running(echo, metrics, max_connections=5) as server:
        busy = await connect(server, 5, body)
        await until(lambda: len(server.state.tasks) == 5)
        ((status, document),) = answers(await server.exchange(b""))
        assert (status, json.loads(document)) == (503, FULL)
        for reader, writer in busy:
            writer.write(b"abcd" + LAST)
            assert answers(await reader.read()) == [(200, b"abcd"), (200, b"")]
        assert answers(await server.exchange(LAST)) == [(200, b"")]
        close(busy)


def test_descriptors_bound_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 128))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))
    assert 0 < free_descriptors() < 128 - SPARE_DESCRIPTORS
    assert limits == [(128, 128)]
