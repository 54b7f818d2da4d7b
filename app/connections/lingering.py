"""Closing so that the client can read the answer.

A socket that is closed while it holds unread data sends a reset, which destroys the answer on its way. So a
connection that closes amid a request ends its own direction, then reads for a while and drops what it reads,
as nginx and Apache do.
"""

import asyncio
from collections.abc import Callable

LINGER_SECONDS = 10
LINGER_BODIES = 16
"""How many of the largest bodies are read and dropped at most."""


class LingeringTransport:
    """The transport of an answer to a request that is not read to its end: closing it lingers."""

    def __init__(self, transport: asyncio.Transport, linger: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = linger


class Discard:
    """Stands in for the parser of a connection that reads no more requests; drops a bounded amount."""

    def __init__(self, transport: asyncio.Transport, limit: int) -> None:
        self._transport = transport
        self._left = limit

    def feed_data(self, data: bytes | memoryview) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._transport.abort()
