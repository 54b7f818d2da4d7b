"""Shedder: refuses what a worker could not answer in time, so that it answers the rest in time.

A refusal costs a tenth of an answer or more. Far above its capacity, a worker would do nothing but refuse.
So after a refusal its connection is not read for a moment: what the client sends meanwhile waits in the
kernel and costs nothing. The connections are read again in turn: ten every hundredth of a second while
about as many requests are refused, which costs a few percent of a core, and twice as many in every turn in
which fewer are.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from time import perf_counter
from typing import Protocol

from app.connections.admission import LARGE, SMALL, Queue
from app.connections.refusals import overloaded
from app.core.errors import Problem
from app.middleware.security_headers import FOR_ALL
from app.monitoring.metrics import Metrics
from app.prediction.predictor import LARGE_BODY
from app.routes.predict import WAITING, WHOLE_ANSWER

LARGEST_DROPPED = 64 * 1024  # bytes of a refused body that are read, so that the connection stays open
UNDECLARED = LARGEST_DROPPED + 1
OPEN_TARGETS = frozenset({b"/health", b"/ready"})  # a load balancer must not kill replicas that are busy
MOST_DIGITS = 20  # of a length; the parser refuses a larger one, but no zeros before it
TICK = 0.01  # seconds
FEWEST = 10  # connections that are read again in a tick
MOST = 400
LOG_INTERVAL = 10  # seconds

log = logging.getLogger(__name__)


class Refusable(Protocol):
    """What the shedder must know of a connection."""

    stale: bool
    """Whether a request that arrives now has waited since before the connection was read again."""

    def resume_reading(self) -> None: ...


class Shedder:
    """The queues of a worker, and the connections that it does not read for a moment."""

    def __init__(self, metrics: Metrics, max_pending: int) -> None:
        self._metrics = metrics
        self._paused: deque[Refusable] = deque()
        self._resumed: list[Refusable] = []
        self._is_ticking = False
        self._count = FEWEST
        self._refused = 0
        self._refused_in_turn = 0
        self._next_log = 0.0
        self.small = Queue(SMALL, max_pending)
        self.large = Queue(LARGE, max_pending)
        self.extensions = {WHOLE_ANSWER: {}, WAITING: self.small}
        """What the worker offers its application; the small queue says whether a request is alone."""
        self.answer = answer_bytes(overloaded())
        self.answer_to_head = self.answer[: self.answer.index(b"\r\n\r\n") + 4]

    def queue_for(self, body_bytes: int) -> Queue:
        """Return the queue of a request with a body of that length."""
        return self.large if body_bytes > LARGE_BODY else self.small

    def count_refusal(self, target: bytes) -> None:
        path = target.partition(b"?")[0].decode("ascii", "replace")
        self._metrics.count_refusal(path)
        self._refused += 1
        self._refused_in_turn += 1

    def pause(self, connection: Refusable) -> None:
        """Note a connection that was refused and is not read now."""
        self._paused.append(connection)
        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_later(TICK, self._tick)

    def _tick(self) -> None:
        now = perf_counter()
        for connection in self._resumed:
            connection.stale = False
        is_over = 2 * self._refused_in_turn < FEWEST
        self._count = min(2 * self._count, MOST) if is_over else FEWEST
        self._refused_in_turn = 0
        count = min(self._count, len(self._paused))
        self._resumed = [self._paused.popleft() for _ in range(count)]
        for connection in self._resumed:
            connection.stale = True
            connection.resume_reading()
        self._is_ticking = bool(self._paused or self._resumed)
        self._report(now)
        if self._is_ticking:
            asyncio.get_running_loop().call_later(TICK, self._tick)

    def _report(self, now: float) -> None:
        """Log how many requests were refused, at most once in LOG_INTERVAL and at the end."""
        if self._refused and (now > self._next_log or not self._is_ticking):
            log.warning("refused requests", extra={"refused": self._refused})
            self._refused = 0
            self._next_log = now + LOG_INTERVAL


def declared_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the length of a body; one of unknown length counts as small, and too long to be dropped."""
    length = 0
    for name, value in headers:
        if name == b"content-length":
            return int(value[-MOST_DIGITS:])
        if name == b"transfer-encoding":
            length = UNDECLARED
    return length


def answer_bytes(problem: Problem) -> bytes:
    """Return the problem as it is sent, on a connection that stays open."""
    response = problem.response()
    headers = [*response.raw_headers, *FOR_ALL]
    lines = [b": ".join(header) for header in headers]
    start_line = b"HTTP/1.1 %d Service Unavailable" % problem.status
    return b"\r\n".join([start_line, *lines, b"", bytes(response.body)])
