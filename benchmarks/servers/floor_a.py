"""Floor A: bare ASGI. It reads the body and sends a constant; no Python web service can do less."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.servers.answers import by_rows

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def create() -> App:
    """Return the app; /health is for the benchmark, which waits for it."""
    answers = {f"/predict/{rows}": _messages(body) for rows, body in by_rows().items()}
    answers["/health"] = _messages(b"{}")

    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        head, body = answers[scope["path"]]
        while (await receive()).get("more_body"):
            pass
        await send(head)
        await send(body)

    return app


def _messages(body: bytes) -> tuple[Message, Message]:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
