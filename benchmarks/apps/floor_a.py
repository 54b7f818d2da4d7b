"""Floor A: bare ASGI. It reads the body and sends a constant; no Python web service can do less."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.apps.constant_answers import read_answers

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def create() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Return the app, which has a path for each number of rows; it does not parse the body."""
    answers = {f"/predict/{rows}": _messages(body) for rows, body in read_answers().items()}
    answers["/health"] = _messages(b"{}")

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        start, body = answers[scope["path"]]
        while (await receive()).get("more_body"):
            pass
        await send(start)
        await send(body)

    return app


def _messages(body: bytes) -> tuple[Message, Message]:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )
