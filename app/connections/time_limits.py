"""Sweep: looks at every connection once a second, and drops those that are over a time limit.

A sweep costs less than a timer for each request. It also bounds what a timer that every byte resets does not:
a client that sends a byte from time to time.
"""

import asyncio
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice

from app.connections.budget import Budget
from app.connections.connection import Connection
from app.connections.lingering import LINGER_SECONDS
from app.connections.phases import Phase
from app.connections.refusals import out_of_time, too_slow

SWEEP_SECONDS = 1.0
LONGEST_TICK = 2 * SWEEP_SECONDS
CONNECTIONS_AT_ONCE = 500


class Sweep:
    """Its clock counts at most LONGEST_TICK from sweep to sweep: a worker that was busy blames no client."""

    def __init__(
        self, budget: Budget, connections: AbstractSet[Connection], loop: asyncio.AbstractEventLoop
    ) -> None:
        settings = budget.settings
        self._budget = budget
        self._connections = connections
        self._loop = loop
        self._now, self._last = 0.0, loop.time()
        self._rate = settings.min_bytes_per_second
        self._seconds = {
            Phase.FIRST_BYTE: settings.slow_seconds,
            Phase.HEAD: settings.slow_seconds,
            Phase.BODY: settings.slow_seconds,
            Phase.WORK: settings.request_seconds,
            Phase.READER: settings.slow_seconds,
            Phase.NEXT_REQUEST: settings.idle_seconds,
            Phase.CLOSE: LINGER_SECONDS,
        }

    def start(self) -> None:
        self._loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self.start()
        now = self._loop.time()
        self.look_at_all(min(now - self._last, LONGEST_TICK))
        self._last = now

    def look_at_all(self, seconds: float) -> None:
        """Look at every connection, so many seconds after the last time."""
        self._now += seconds
        self._look_at(iter(list(self._connections)), 0)

    def _look_at(self, connections: Iterator[Connection], unread: int) -> None:
        """Look at some, and let requests have their turn before the others."""
        some = list(islice(connections, CONNECTIONS_AT_ONCE))
        for connection in some:
            waiting = connection.transport.get_write_buffer_size()
            unread += waiting
            if waiting or not connection.transport.is_closing():
                self._judge(connection, waiting)
        if len(some) == CONNECTIONS_AT_ONCE:
            self._loop.call_soon(self._look_at, connections, unread)
        else:
            self._budget.unread = unread

    def _judge(self, connection: Connection, unread: int) -> None:
        watch, phase = connection.watch, phase_of(connection)
        progress = connection.received if phase is Phase.BODY else -unread
        subject = connection.scope if connection.active is None else connection.active.scope
        is_new = watch.phase is not phase or watch.subject is not subject
        if is_new or (phase is Phase.BODY and connection.flow.read_paused):
            watch.begin(phase, subject, progress, self._now)
        elif self._now - watch.since >= self._seconds[phase]:
            required = self._rate * (self._now - watch.since)
            if phase in {Phase.BODY, Phase.READER} and progress - watch.progress >= required:
                watch.begin(phase, subject, progress, self._now)
            else:
                drop(connection, phase)


def phase_of(connection: Connection) -> Phase:
    active, latest = connection.active, connection.cycle
    if connection.lingering:
        return Phase.CLOSE
    if connection.transport.get_write_buffer_size():
        return Phase.READER
    if active is not None and not active.response_complete:
        return Phase.BODY if active.more_body else Phase.WORK
    if latest is None or latest.scope is not connection.scope:
        return Phase.FIRST_BYTE if connection.scope is None else Phase.HEAD
    return Phase.BODY if latest.more_body else Phase.NEXT_REQUEST


def drop(connection: Connection, phase: Phase) -> None:
    """End what the connection waits for."""
    match phase:
        case Phase.FIRST_BYTE | Phase.NEXT_REQUEST:
            connection.count_dropped("idle")
            connection.transport.close()
        case Phase.HEAD:
            connection.refuse(too_slow("head"), "head")
        case Phase.BODY:
            connection.refuse(too_slow("body"), "body")
        case Phase.WORK:
            connection.interrupt(out_of_time())
        case Phase.READER:
            connection.count_dropped("reader")
            connection.transport.abort()
        case Phase.CLOSE:
            connection.transport.abort()
