"""Acceptor: makes the connections of a worker, no more than there are descriptors for."""

import asyncio
import logging
import resource
import socket
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from app.connections.budget import Budget
from app.connections.connection import Connection
from app.connections.phases import IDLE
from app.connections.shedding import Shedder
from app.connections.time_limits import Sweep, phase_of

SPARE_DESCRIPTORS = 16
"""For the files and pipes that a worker opens while it runs."""
EVICTED_SHARE = 50
"""One of so many connections is closed when there are too many, so that the search for idle ones is rare."""
LOG_SECONDS = 60.0
UNSENT_BYTES = 128 * 1024

log = logging.getLogger(__name__)


class Acceptor:
    """uvicorn calls it for each new client."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.shedder = Shedder(budget.metrics, budget.settings.max_pending)
        self._sweep: Sweep | None = None
        self._limit = budget.settings.max_connections
        self._logged = float("-inf")

    def __call__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Connection:
        loop = _loop or asyncio.get_running_loop()
        connections: AbstractSet[Any] = server_state.connections
        if self._sweep is None:
            self._limit = min(self._limit, free_descriptors())
            self._sweep = Sweep(self._budget, connections, loop)
            self._sweep.start()
        has_room = len(connections) < self._limit or self._make_room(connections, loop.time())
        return Connection(
            config,
            server_state,
            app_state,
            loop,
            budget=self._budget,
            shedder=self.shedder,
            has_room=has_room,
        )

    def _make_room(self, connections: AbstractSet[Connection], now: float) -> bool:
        """Close the connections that are idle for longest; return whether there were any."""
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            log.warning("The worker has all the %d connections that it may have.", self._limit)
        idle = [connection for connection in connections if phase_of(connection) in IDLE]
        idle.sort(key=lambda connection: connection.watch.since)
        evicted = idle[: 1 + self._limit // EVICTED_SHARE]
        for connection in evicted:
            connection.count_dropped("full")
            connection.transport.abort()
        return bool(evicted)


def limit_unsent(listener: socket.socket) -> None:
    """Let the kernel take only so much of an answer as its client reads, or it would take megabytes for each.

    Connections inherit this from the socket that accepts them. What the kernel does not take stays where the
    sweep sees it.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def free_descriptors() -> int:
    """Return for how many connections the process has descriptors, after it took all that it may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    used = sum(1 for _ in Path("/dev/fd").iterdir())
    return max(1, hard - used - SPARE_DESCRIPTORS)
