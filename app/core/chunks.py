"""Work in chunks, between which the event loop answers other requests.

A thread would not help: a large body is mostly the work of C functions that hold the interpreter's lock.
"""

import asyncio
import re
from collections.abc import Generator, Iterator
from typing import TypeVar

VALUES_PER_CHUNK = 8_000  # about a millisecond of validation, and another of inference

Result = TypeVar("Result")
Work = Generator[None, None, Result]  # every yield ends a chunk

_HEAD = re.compile(rb'\s*\{\s*"inputs"\s*:\s*\[')
_SEPARATOR = re.compile(rb"\}\s*,\s*\{")
_TAIL = re.compile(rb"\]\s*\}\s*\Z")
_LONGEST_TAIL = 64


class NotSplittableError(Exception):
    """A body can't be read in chunks. Whoever reads it at once gets its rows, or the right error."""


def run_at_once(work: Work[Result]) -> Result:
    """Do all the work now."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


async def run_in_turns(work: Work[Result]) -> Result:
    """Do the work, and let the event loop answer other requests after each chunk."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        await asyncio.sleep(0)


def rows_per_chunk(width: int) -> int:
    """Return how many rows of `width` features make a chunk."""
    return max(1, VALUES_PER_CHUNK // width)


def split_body(body: bytes, rows: int) -> Iterator[bytes]:
    """Yield the rows of `{"inputs": [row, …]}` as JSON arrays of at most `rows` rows.

    A cut lies where one object ends and the next begins. Text inside a string may look the same; the chunk
    before that cut ends within the string, so every parser refuses it.

    Raises:
        NotSplittableError: the body has another form.
    """
    head, tail = _HEAD.match(body), _TAIL.search(body, max(0, len(body) - _LONGEST_TAIL))
    if head is None or tail is None:
        raise NotSplittableError
    start = head.end()
    for number, separator in enumerate(_SEPARATOR.finditer(body, start, tail.start()), 1):
        if number % rows == 0:
            yield b"[%b]" % body[start : separator.start() + 1]
            start = separator.end() - 1
    yield b"[%b]" % body[start : tail.start()]
