"""Work in parts, between which the event loop answers other requests.

A thread would not do: a large body is mostly the work of C functions that hold the interpreter's lock.
"""

import asyncio
import re
from collections.abc import Generator, Iterator
from typing import TypeVar

VALUES_PER_CHUNK = (
    8_000  # of features in one part: about a millisecond of validation, and another of inference
)

Result = TypeVar("Result")
Work = Generator[None, None, Result]  # a part ends at every yield

_HEAD = re.compile(rb'\s*\{\s*"inputs"\s*:\s*\[')
_BETWEEN = re.compile(rb"\}\s*,\s*\{")
_TAIL = re.compile(rb"\]\s*\}\s*\Z")
_LONGEST_TAIL = 64


class NotSplittableError(Exception):
    """A body can't be read in parts; read at once, it is good, or the reason to refuse it is found."""


def run_at_once(work: Work[Result]) -> Result:
    """Do all the work now."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result


async def run_in_turns(work: Work[Result]) -> Result:
    """Do the work, and let other requests be answered after each part."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
        await asyncio.sleep(0)


def rows_per_chunk(width: int) -> int:
    """Return how many rows of so many features make a part."""
    return max(1, VALUES_PER_CHUNK // width)


def split_body(body: bytes, rows: int) -> Iterator[bytes]:
    """Yield the rows of `{"inputs": [row, …]}` in JSON arrays of at most so many; raise NotCutError else.

    Cuts are made where an object ends and the next begins. That may look so inside of a string too; then the
    part before the cut ends within a string, and no parser takes it.
    """
    head, tail = _HEAD.match(body), _TAIL.search(body, max(0, len(body) - _LONGEST_TAIL))
    if head is None or tail is None:
        raise NotSplittableError
    start = head.end()
    for number, between in enumerate(_BETWEEN.finditer(body, start, tail.start()), 1):
        if number % rows == 0:
            yield b"[%b]" % body[start : between.start() + 1]
            start = between.end() - 1
    yield b"[%b]" % body[start : tail.start()]
