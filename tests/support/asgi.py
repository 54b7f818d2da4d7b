"""Raw ASGI: what a test sends to an application without a client between."""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.types import ASGIApp, Message

LEAVE: Message = {"type": "http.disconnect"}


def http_scope(
    path: str, method: str = "POST", headers: Iterable[tuple[bytes, bytes]] = ()
) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": list(headers),
    }


def body_messages(chunks: Sequence[bytes], *, more: bool = False) -> list[Message]:
    """Return the messages of a body; if there is `more`, the last one does not end it."""
    last = len(chunks) - 1
    return [
        {"type": "http.request", "body": chunk, "more_body": more or number < last}
        for number, chunk in enumerate(chunks)
    ]


async def run_asgi(
    app: ASGIApp, scope: dict[str, Any], received: Iterable[Message], *, read_all: bool = True
) -> list[Message]:
    """Call the application, and return the messages that it sent; with `read_all` it must read them all."""
    pending, sent = list(received), list[Message]()

    async def receive() -> Message:
        return pending.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert not (read_all and pending)
    return sent
