"""Work in chunks, between which the event loop answers other requests.

A thread would not help: a large body is mostly the work of C functions that hold the interpreter's lock.
"""

import asyncio
import re
from collections.abc import Generator, Iterator
from itertools import islice
from typing import TypeVar

VALUES_PER_CHUNK = 8_000  # about a millisecond of validation

Result = TypeVar("Result")
Work = Generator[None, None, Result]  # every yield ends a chunk

HEAD = re.compile(rb'\s*+\{\s*+"inputs"\s*+:\s*+\[\s*+')
"""The start of a batch, up to its first row."""
_SEPARATOR = re.compile(rb"\}\s*+,\s*+\{")
_TAIL = re.compile(rb"\]\s*+\}\s*+\Z")
_ROW = re.compile(rb'\{(?:[^{}"]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
_ROW_END = re.compile(rb"\s*+(?:(,)\s*+|\]\s*+\}\s*+\Z)")


class NotRowsError(Exception):
    """From `position` on, a body is something else than rows without nested values, or no JSON at all."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


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


def count_sign(body: bytes, sign: bytes) -> int:
    """Return how often a rare sign is in a body, four times as fast as count()."""
    return len(body) - len(body.replace(sign, b""))


def split_body(body: bytes, start: int, rows: int) -> Iterator[tuple[int, int]]:
    """Yield where chunks of `rows` rows lie from `start` on; yield nothing if the end is not that of a batch.

    A cut lies where one object ends and the next begins. Text inside a string may look the same; the chunk
    before that cut ends within the string, so every parser refuses it.
    """
    end = body.rfind(b"]")
    if end < start or not _TAIL.match(body, end):
        return
    for separator in islice(_SEPARATOR.finditer(body, start, end), rows - 1, None, rows):
        yield start, separator.start() + 1
        start = separator.end() - 1
    yield start, end


def has_rows(body: bytes, start: int, count: int) -> bool:
    """Return whether more than `count` rows stand from `start` on, by what separates them."""
    return next(islice(_SEPARATOR.finditer(body, start), count - 1, None), None) is not None


def split_rows(body: bytes, start: int, longest: int) -> Iterator[bytes]:
    """Yield row by row what stands from `start` to the end of a batch, whatever text its strings hold.

    Raises:
        NotRowsError: something else stands there, or a row of more than `longest` bytes.
    """
    end = _ROW_END.match(body, start)
    if end and not end[1]:
        return
    while row := _ROW.match(body, start, start + longest):
        yield row[0]
        end = _ROW_END.match(body, row.end())
        if end is None:
            raise NotRowsError(row.end())
        if not end[1]:
            return
        start = end.end()
    raise NotRowsError(start)
