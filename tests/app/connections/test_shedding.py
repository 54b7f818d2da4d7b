"""What a worker cannot answer in time gets 503 at once; the others notice nothing."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.connections.connection import SHED
from app.connections.phases import Phase
from app.connections.shedding import Shedder
from app.middleware.measure import Measure
from app.monitoring.metrics import Metrics
from app.prediction.predictor import LARGE_BODY
from app.routes.predict import read_body
from tests.support.echo import Server, running
from tests.support.problems import problem
from tests.support.prometheus import counts

OVERLOADED = problem(
    503,
    "overloaded",
    "The replica has more requests than it can answer in time. Send this one again later.",
)
ROW = b"POST /predict?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gate:
    """Reads every request, and holds the answers to all but /health back until it opens."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if scope["path"] != "/health":
            await self.open.wait()
        await Response(body)(scope, receive, send)


@pytest.fixture
def gate() -> Gate:
    return Gate()


class Clients:
    """Opens connections and closes them at the end."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.opened: list[Opened] = []

    async def send(self, request: bytes) -> Opened:
        client = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.opened.append(client)
        client[1].write(request)
        return client


@pytest.fixture
async def clients(metrics: Metrics, gate: Gate) -> AsyncIterator[Clients]:
    async with running(Measure(gate, metrics), metrics, max_pending=2) as server:
        clients = Clients(server)
        yield clients
        for _, writer in clients.opened:
            writer.close()
        gate.open.set()


@pytest.fixture
def shedder(clients: Clients) -> Shedder:
    return clients.server.shedder


@pytest.fixture
async def waiting(clients: Clients, shedder: Shedder) -> list[Opened]:
    """Two clients whose requests fill the queue."""
    waiting = [await clients.send(ROW) for _ in range(2)]
    await until(lambda: shedder.small.size == 2)
    return waiting


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def read_answer(client: Opened) -> tuple[bytes, bytes]:
    """Return head and body of the next answer."""
    async with asyncio.timeout(5):
        head = await client[0].readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head, await client[0].readexactly(length)


async def test_above_max_pending_a_request_gets_503_at_once_and_the_others_are_answered(
    clients: Clients, waiting: list[Opened], shedder: Shedder, gate: Gate, metrics: Metrics
) -> None:
    head, body = await read_answer(await clients.send(ROW))
    assert json.loads(body) == OVERLOADED
    assert head == (
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: %d\r\n"
        b"content-type: application/problem+json\r\n"
        b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
        b"x-content-type-options: nosniff\r\n\r\n" % len(body)
    )
    gate.open.set()
    for client in waiting:
        assert (await read_answer(client))[1] == b"{}"
    assert shedder.small.size == 0
    assert counts(metrics)["http_requests_refused_total"] == 1
    assert counts(metrics)['http_requests_total{route="/predict",status="503"}'] == 1


@pytest.mark.usefixtures("waiting")
async def test_a_refused_connection_is_answered_again_once_there_is_room(
    clients: Clients, gate: Gate
) -> None:
    client = await clients.send(ROW)
    await read_answer(client)
    gate.open.set()
    await asyncio.sleep(0.1)
    client[1].write(ROW)
    assert (await read_answer(client))[1] == b"{}"


@pytest.mark.usefixtures("waiting")
async def test_who_does_not_wait_is_refused_again(clients: Clients, gate: Gate) -> None:
    client = await clients.send(ROW)
    await read_answer(client)
    gate.open.set()
    client[1].write(ROW)  # while the connection is not read
    assert json.loads((await read_answer(client))[1]) == OVERLOADED


@pytest.mark.usefixtures("waiting")
async def test_health_is_never_refused(clients: Clients) -> None:
    assert (await read_answer(await clients.send(HEALTH)))[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("waiting")
async def test_health_with_a_query_is_never_refused(clients: Clients) -> None:
    client = await clients.send(HEALTH.replace(b"health", b"health?from=balancer"))
    assert (await read_answer(client))[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("waiting")
async def test_the_refusal_of_head_has_no_body(clients: Clients) -> None:
    client = await clients.send(b"HEAD /card HTTP/1.1\r\nHost: x\r\n\r\n")
    refusal = await asyncio.wait_for(client[0].readuntil(b"\r\n\r\n"), 5)
    assert refusal.startswith(b"HTTP/1.1 503 ")
    client[1].write(HEALTH)
    assert (await read_answer(client))[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("waiting")
async def test_of_many_requests_at_once_two_are_refused_and_the_connection_closes(
    clients: Clients, metrics: Metrics
) -> None:
    client = await clients.send(ROW * 1000)
    received = await asyncio.wait_for(client[0].read(), 5)
    assert received.count(b"HTTP/1.1 503 ") == 2
    assert counts(metrics)["http_requests_refused_total"] == 2


@pytest.mark.usefixtures("waiting")
async def test_zeros_before_a_length_fail_nowhere(
    clients: Clients, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    request_bytes = ROW.replace(b"Length: 2", b"Length: " + b"0" * 5000 + b"2")
    assert json.loads((await read_answer(await clients.send(request_bytes)))[1]) == OVERLOADED
    gate.open.set()
    await asyncio.sleep(0.1)
    assert (await read_answer(await clients.send(request_bytes)))[1] == b"{}"
    assert "a callback of the parser failed" not in caplog.text


@pytest.mark.usefixtures("waiting")
async def test_who_is_refused_again_and_again_is_not_idle(clients: Clients) -> None:
    client = await clients.send(ROW)
    await read_answer(client)
    connections = clients.server.state.connections
    (refused,) = [connection for connection in connections if connection.cycle is SHED]  # type: ignore[union-attr]
    refused.watch.phase = Phase.NEXT_REQUEST  # type: ignore[union-attr]
    client[1].write(ROW)
    await read_answer(client)
    assert refused.watch.phase is None  # type: ignore[union-attr]


@pytest.mark.usefixtures("waiting")
async def test_a_large_body_waits_in_a_queue_of_its_own(clients: Clients, shedder: Shedder) -> None:
    size = LARGE_BODY + 1
    await clients.send(
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b" " * size
    )
    await until(lambda: shedder.large.size == 1)
    assert shedder.small.size == 2


@pytest.mark.usefixtures("waiting")
async def test_the_body_of_a_refused_request_is_dropped(clients: Clients) -> None:
    client = await clients.send(ROW.replace(b"Length: 2", b"Length: 50002"))
    assert (await read_answer(client))[0].startswith(b"HTTP/1.1 503 ")
    client[1].write(b" " * 50_000 + HEALTH)
    assert (await read_answer(client))[0].startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize(
    "request_bytes",
    [
        ROW.replace(b"Host: x", b"Connection: close"),
        ROW.replace(b"Host: x", b"Expect: 100-continue"),
        ROW.replace(b"Length: 2", b"Length: 100000"),
        ROW.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
    ],
)
async def test_a_refused_request_whose_end_is_far_closes_the_connection(
    clients: Clients, request_bytes: bytes
) -> None:
    client = await clients.send(request_bytes)
    head, body = await read_answer(client)
    assert json.loads(body) == OVERLOADED
    assert b"connection: close" in head
    assert await asyncio.wait_for(client[0].read(), 5) == b""


async def test_requests_whose_client_left_leave_the_queue(clients: Clients, shedder: Shedder) -> None:
    for _ in range(2):
        await clients.send(ROW * 2)
    await until(lambda: shedder.small.size == 2)
    for connection in list(clients.server.state.connections):
        connection.transport.abort()
    await until(lambda: shedder.small.size == 0)


@pytest.mark.usefixtures("waiting")
async def test_the_log_counts_what_was_refused(clients: Clients, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await read_answer(await clients.send(ROW))
        await until(lambda: sum(record.__dict__["refused"] for record in caplog.records) == 3)
    assert {record.getMessage() for record in caplog.records} == {"refused requests"}


async def test_a_request_that_fails_leaves_the_queue(metrics: Metrics) -> None:
    async def fail(_scope: Scope, receive: Receive, _send: Send) -> None:
        await read_body(receive)
        raise RuntimeError

    async with running(fail, metrics, max_pending=2) as server:
        client = await Clients(server).send(ROW)
        assert (await read_answer(client))[0].startswith(b"HTTP/1.1 500 ")
        assert server.shedder.small.size == 0
        client[1].close()


@pytest.mark.parametrize("version", [b"2.0", b"0.9"])
async def test_a_request_of_another_version_leaves_the_queue(
    clients: Clients, shedder: Shedder, version: bytes
) -> None:
    client = await clients.send(ROW.replace(b"HTTP/1.1", b"HTTP/" + version))
    assert (await read_answer(client))[0].startswith(b"HTTP/1.1 400 ")
    assert shedder.small.size == 0


async def test_of_the_requests_on_a_connection_only_the_first_is_in_the_queue(
    clients: Clients, shedder: Shedder, gate: Gate
) -> None:
    client = await clients.send(ROW * 30)
    await until(lambda: shedder.small.size == 1)
    gate.open.set()
    for _ in range(30):
        assert (await read_answer(client))[1] == b"{}"
    assert shedder.small.size == 0


async def test_a_body_that_ends_after_its_answer_began_enters_no_queue(metrics: Metrics) -> None:
    async def answer_slowly(_scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await read_body(receive)
        begun.set()
        await receive()  # returns when the client leaves

    begun = asyncio.Event()
    async with running(answer_slowly, metrics) as server:
        client = await Clients(server).send(ROW[:-2])
        await client[0].readline()
        client[1].write(ROW[-2:])
        await asyncio.wait_for(begun.wait(), 5)
        assert server.shedder.small.size == 0
        client[1].close()


async def test_a_large_body_of_unknown_length_waits_in_the_queue_of_large_ones(
    clients: Clients, shedder: Shedder
) -> None:
    head = ROW.partition(b"\r\n\r\n")[0].replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")
    size = LARGE_BODY + 1
    await clients.send(head + b"\r\n\r\n%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n")
    await until(lambda: shedder.large.size == 1)
    assert shedder.small.size == 0
