"""Limits how many requests a client may send."""

import logging
import mmap
from collections.abc import Awaitable, Collection
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import Problem
from app.middleware.auth import KEY_NAME
from app.monitoring.readiness import CHECKS

PERIODS = {"s": ("second", 1), "m": ("minute", 60), "h": ("hour", 3600)}
BUCKETS_OF_ADDRESSES = 2**17
LONGEST_ADDRESS = 45  # characters
ROUNDING = 0.001  # tokens
LOG_SECONDS = 60

log = logging.getLogger(__name__)


class RateLimit:
    """Raises Problem 429 for a client that sends more than `limit`, such as "100/s", allows.

    A client is the name of an API key, or else an address. It has a bucket of tokens, which holds the
    requests of one period, so that they may come at once. All workers share the buckets. In memory a bucket
    is one number: the time at which it is full again.

    A name has its own bucket. An address has the one that its hash selects of 131,072, so memory is bounded
    whatever clients send, and two addresses may share a bucket. Nobody can choose with whom: the hash has a
    random seed. When two workers change a bucket in the same microsecond, one request may go uncounted.
    """

    def __init__(self, app: ASGIApp, limit: str, key_names: Collection[str]) -> None:
        self._app = app
        requests, _, unit = limit.partition("/")
        self._requests = int(requests)
        self._period, self._seconds = PERIODS[unit]
        self._interval = self._seconds / self._requests
        self._policy = f'"default";q={self._requests};w={self._seconds}'
        self._bucket_of = {name: BUCKETS_OF_ADDRESSES + number for number, name in enumerate(key_names)}
        memory = mmap.mmap(-1, (BUCKETS_OF_ADDRESSES + len(self._bucket_of)) * 8)
        self._full_at = memoryview(memory).cast("d")
        self._silent_until = dict.fromkeys(key_names, 0.0)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["path"] in CHECKS:
            return self._app(scope, receive, send)
        name = scope.get(KEY_NAME)
        bucket = self._bucket_of[name] if name else bucket_of_client(scope.get("client"))
        now = monotonic()
        full_at = max(self._full_at[bucket], now) + self._interval
        tokens = (now + self._seconds - full_at) / self._interval
        if tokens < -ROUNDING:
            raise self._refuse(name, now, ceil(-tokens * self._interval))
        self._full_at[bucket] = full_at
        if tokens < self._requests / 2:
            send = self._send_with_headers(send, tokens)
        return self._app(scope, receive, send)

    def _send_with_headers(self, send: Send, tokens: float) -> Send:
        """Tell a client that has less than half of its tokens left how many, and when there is one more."""
        wait = ceil((1 - tokens % 1) * self._interval)
        fields = self._fields(int(tokens), wait)
        added = [(name.lower().encode(), value.encode()) for name, value in fields.items()]

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            return send(message)

        return send_with_headers

    def _fields(self, tokens: int, wait: int) -> dict[str, str]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-11."""
        return {"RateLimit": f'"default";r={tokens};t={wait}', "RateLimit-Policy": self._policy}

    def _refuse(self, name: str | None, now: float, wait: int) -> Problem:
        """Return Problem 429, and log the name of a key at most once a minute."""
        if name and now >= self._silent_until[name]:
            self._silent_until[name] = now + LOG_SECONDS
            log.warning("the rate limit refuses requests", extra={"key": name})
        requests = "request" if self._requests == 1 else "requests"
        seconds = "second" if wait == 1 else "seconds"
        return Problem(
            429,
            "too-many-requests",
            f"The limit is {self._requests} {requests} per {self._period}. Send again in {wait} {seconds}.",
            headers={"Retry-After": str(wait)} | self._fields(0, wait),
        )


def bucket_of_client(client: tuple[str, int] | None) -> int:
    """Return the bucket of a client's address; what is no address, as a proxy may forward it, shares one."""
    host = client[0] if client else ""
    return _bucket_of_address(host if len(host) <= LONGEST_ADDRESS else "")


@lru_cache(maxsize=4096)
def _bucket_of_address(host: str) -> int:
    """Return the bucket of an address; a network of 64 bits is one client, as IPv6 hands them out."""
    try:
        address = ip_address(host)
    except ValueError:
        return 0
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64)
    return hash(str(address)) % BUCKETS_OF_ADDRESSES
