"""Whether the replica wants traffic."""

import mmap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHECKS = ("/health", "/ready")
"""The paths that load balancers ask. No key, limit or load makes the service refuse them."""


class Readiness:
    """Whether the replica wants traffic. The master tells every worker, also one that it starts later."""

    def __init__(self) -> None:
        self._draining = mmap.mmap(-1, 1)  # forked processes share this memory
        self.started = False

    @property
    def draining(self) -> bool:
        return self._draining[0] != 0

    def drain(self) -> None:
        self._draining[0] = 1

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """Mark the service as started when the server runs its ASGI lifespan."""
        self.started = True
        yield

    def obstacle(self) -> str | None:
        """Return why this process does not want traffic; None if it does."""
        if self.draining:
            return "The replica is draining."
        return None if self.started else "The replica is starting."
