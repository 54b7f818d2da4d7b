import pytest
from starlette.types import Message, Receive, Scope, Send

from app.core.errors import Problem
from app.middleware.body_limit import BodyLimit
from tests.support.asgi import body_messages, http_scope, run_asgi
from tests.support.problems import too_large

TOO_LARGE = too_large(10)


class Reader:
    """An application that reads the whole body."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        more = True
        while more:
            message: Message = await receive()
            self.chunks.append(message["body"])
            more = message["more_body"]


@pytest.mark.parametrize(
    ("length", "chunks", "read"),
    [
        (b"11", [], []),
        (b"99999999999999999999", [], []),
        (None, [b"12345", b"123456"], [b"12345"]),
        (b"1", [b"12345", b"123456"], [b"12345"]),
        (b"many", [b"12345678901"], []),
    ],
    ids=["declared", "declared far above", "streamed", "declared too low", "no number declared"],
)
async def test_body_over_the_limit_is_413_and_read_no_further(
    length: bytes | None, chunks: list[bytes], read: list[bytes]
) -> None:
    reader = Reader()
    headers = [] if length is None else [(b"content-length", length)]
    with pytest.raises(Problem) as refused:
        await run_asgi(
            BodyLimit(reader, limit=10), http_scope("/", headers=headers), body_messages(chunks, more=True)
        )
    assert refused.value.document() == TOO_LARGE
    assert refused.value.headers == {"Connection": "close"}
    assert reader.chunks == read


@pytest.mark.parametrize("chunks", [[b""], [b"1234567890"], [b"12345", b"", b"67890"]])
async def test_body_up_to_the_limit_passes(chunks: list[bytes]) -> None:
    reader = Reader()
    size = b"%d" % len(b"".join(chunks))
    scope = http_scope("/", headers=[(b"content-length", size)])
    await run_asgi(BodyLimit(reader, limit=10), scope, body_messages(chunks))
    assert reader.chunks == chunks


async def test_body_that_is_not_read_is_not_refused() -> None:
    async def answer(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pass

    scope = http_scope("/", headers=[(b"content-length", b"11")])
    assert await run_asgi(BodyLimit(answer, limit=10), scope, []) == []


async def test_zeros_before_the_declared_length_do_not_count() -> None:
    reader = Reader()
    scope = http_scope("/", headers=[(b"content-length", b"0" * 5000 + b"2")])
    await run_asgi(BodyLimit(reader, limit=10), scope, body_messages([b"{}"]))
    assert reader.chunks == [b"{}"]
