"""Incoming: the body of a request that comes in more than one piece."""

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.connections.refusals import HEAD_BYTES, invalid_http


class Trailers(list[tuple[bytes, bytes]]):
    """Forgets what the parser adds: fields after a body would pass for headers of the request."""

    def append(self, field: tuple[bytes, bytes]) -> None:
        pass


TRAILERS = Trailers()


class Incoming:
    """Bounds what is no body: extensions of chunks, and trailers, which the parser collects without end."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self.cycle = cycle
        self.received = 0
        self._body_bytes = 0
        self._others = 0

    def add(self, size: int, body_bytes: int) -> None:
        """Note bytes that were received, after which the whole body has so many.

        Raises:
            Problem: too many bytes came since the last one of the body.
        """
        self.received += size
        self._others = self._others + size if body_bytes == self._body_bytes else 0
        self._body_bytes = body_bytes
        if self._others > HEAD_BYTES:
            raise invalid_http()
