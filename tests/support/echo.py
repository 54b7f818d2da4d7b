"""A server in the test's own event loop, whose application records what it was called with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import ServerState

from app.connections.acceptor import Acceptor, limit_unsent
from app.connections.budget import Budget
from app.connections.shedding import Shedder
from app.middleware.problems import Problems
from app.monitoring.metrics import Metrics
from app.routes.predict import read_body
from app.settings import Settings

DEADLINE = 10


class Echo:
    """Answers every request with its body, and records method, path and body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        self.requests.append((scope["method"], scope["path"], body))
        self.headers.append(scope["headers"])
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Server:
    def __init__(self, port: int, state: ServerState, budget: Budget, shedder: Shedder) -> None:
        self.port = port
        self.state = state
        self.budget = budget
        self.shedder = shedder

    async def exchange(self, *segments: bytes) -> bytes:
        """Send the segments one after the other, and return all that comes until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for segment in segments:
            writer.write(segment)
            await writer.drain()
            await asyncio.sleep(0.001)  # so that the server reads each one alone
        received = await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()
        return received


@asynccontextmanager
async def running(app: Any, metrics: Metrics, **settings: Any) -> AsyncIterator[Server]:
    """Serve the application over connections with these settings, without a date in the answers."""
    config = Config(
        Problems(app, metrics),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        date_header=False,
        server_header=False,
    )
    config.load()
    state = ServerState()
    budget = Budget(Settings(**settings), metrics)
    acceptor = Acceptor(budget)
    server = await asyncio.get_running_loop().create_server(
        lambda: acceptor(config, state, {}), "127.0.0.1", 0
    )
    limit_unsent(server.sockets[0])
    try:
        yield Server(server.sockets[0].getsockname()[1], state, budget, acceptor.shedder)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.gather(*state.tasks)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


def answers(received: bytes) -> list[tuple[int, bytes]]:
    """Return status and body of every answer; each must declare its length."""
    parsed = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        start_line, *lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        length = int(headers[b"content-length"])
        parsed.append((int(start_line.split(b" ")[1]), rest[:length]))
        received = rest[length:]
    return parsed
