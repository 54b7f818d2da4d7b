"""A whole answer in one message arrives as the same answer in two."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.monitoring.metrics import Metrics
from app.routes.predict import WHOLE_ANSWER, read_body
from tests.support.echo import answers, running

POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
LAST = POST.replace(b"Host: x", b"Connection: close")
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx-mine: 1\r\n"


class Whole:
    """Echoes the body in one message where the server takes it, or else in two."""

    def __init__(self, *, in_one: bool) -> None:
        self._in_one = in_one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert WHOLE_ANSWER in scope["extensions"]
        body = await read_body(receive)
        headers = [(b"content-length", b"%d" % len(body)), (b"x-mine", b"1")]
        start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
        if self._in_one:
            await send({**start, "body": body})
        else:
            await send(start)
            await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("in_one", [True, False])
async def test_answers_are_the_same_in_one_message_and_in_two(metrics: Metrics, in_one: bool) -> None:
    async with running(Whole(in_one=in_one), metrics) as server:
        received = await server.exchange(POST, POST + LAST)
    assert received == (HEAD + b"\r\nabc") * 2 + HEAD + b"connection: close\r\n\r\nabc"


@pytest.mark.parametrize("in_one", [True, False])
async def test_answer_to_http_1_0_closes_the_connection(metrics: Metrics, in_one: bool) -> None:
    async with running(Whole(in_one=in_one), metrics) as server:
        received = await server.exchange(POST.replace(b"1.1", b"1.0"))
    assert received == HEAD + b"connection: close\r\n\r\nabc"


async def test_a_large_whole_answer_waits_for_its_reader(metrics: Metrics) -> None:
    size = 5_000_000
    request = LAST.replace(b": 3\r\n\r\nabc", b": %d\r\n\r\n" % size) + b"x" * size
    async with running(Whole(in_one=True), metrics) as server:
        assert answers(await server.exchange(request)) == [(200, b"x" * size)]


async def test_a_second_answer_is_an_error_and_closes_the_connection(metrics: Metrics) -> None:
    async def answer_twice(scope: Scope, receive: Receive, send: Send) -> None:
        await Whole(in_one=True)(scope, receive, send)
        await send({"type": "http.response.body", "body": b"more"})

    async with running(answer_twice, metrics) as server:
        assert await server.exchange(LAST) == HEAD + b"connection: close\r\n\r\nabc"
