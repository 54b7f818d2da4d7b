"""Threads for work that spends its time outside of Python, as NumPy, SciPy and scikit-learn do."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TypeVar

from joblib import cpu_count
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

_limit: ContextVar[int | None] = ContextVar("limit", default=None)


@contextmanager
def limit_threads(count: int) -> Iterator[None]:
    """Use at most `count` threads in the block: the cores have work from other processes."""
    token = _limit.set(count)
    try:
        yield
    finally:
        _limit.reset(token)


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    """Yield the result of every item in the order of the items, whatever thread is done first.

    There is a thread for each core, and the items are taken as threads become free, with one to spare: many
    large items are never in memory at once. Whoever stops early waits only for the items being worked on.

    Within a thread, OpenMP has no threads of its own: they would change the last bits of sums, and wait for
    each other on cores that are busy.
    """
    threads = _limit.get() or cpu_count()
    pool = _start(threads)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def in_thread(function: Callable[[], Result]) -> Iterator[Future[Result]]:
    """Call a function in a thread, as `map_in_threads` does, beside the block, which ends no earlier."""
    with _start(1) as pool:
        yield pool.submit(copy_context().run, function)  # with the limit of the block


def _start(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, initializer=threadpool_limits, initargs=(1, "openmp"))
