"""A queue may be long for a moment; one that stays long is cut."""

import pytest

from app.connections import admission
from app.connections.admission import LARGE, SMALL, Queue

MAX_PENDING = 1000
MILLISECOND = 0.001


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(admission, "perf_counter", clock)
    return clock


def serve(queue: Queue, clock: Clock, requests: int, seconds_each: float) -> None:
    """Let that many requests arrive at once, and answer them one after the other."""
    for _ in range(requests):
        queue.enter()
    for _ in range(requests):
        clock.now += seconds_each
        queue.leave()


def test_nothing_is_limited_but_by_max_pending_before_the_rate_is_known(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    serve(queue, clock, 7, 50 * MILLISECOND)  # too few to tell
    assert (queue.size, queue.limit) == (0, MAX_PENDING)


def test_a_short_queue_may_grow_to_a_burst(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    serve(queue, clock, 8, MILLISECOND / 4)
    assert queue.limit == 200  # 50 ms


def test_a_queue_that_stays_long_is_cut_to_the_target(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    for _ in range(11):
        serve(queue, clock, 80, MILLISECOND / 8)  # 10 ms a turn
    assert queue.limit == 80


def test_a_queue_that_is_never_empty_is_cut_too(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    queue.enter()
    serve(queue, clock, 1280, MILLISECOND / 8)
    assert (queue.size, queue.limit) == (1, 80)


def test_a_queue_that_was_worked_off_may_burst_again(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    for _ in range(11):
        serve(queue, clock, 80, MILLISECOND / 8)
    serve(queue, clock, 8, MILLISECOND / 8)
    assert queue.limit == 400


def test_the_limit_follows_the_rate(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    for _ in range(30):
        serve(queue, clock, 8, MILLISECOND / 4)
    for _ in range(30):
        serve(queue, clock, 8, MILLISECOND / 2)
    assert queue.limit == 100


def test_a_slow_model_still_serves_a_few_at_once(clock: Clock) -> None:
    queue = Queue(SMALL, MAX_PENDING)
    for _ in range(20):
        serve(queue, clock, 64, 40 * MILLISECOND)
    assert queue.limit == SMALL.smallest == 64


def test_max_pending_is_the_most(clock: Clock) -> None:
    queue = Queue(SMALL, 5)
    serve(queue, clock, 8, MILLISECOND / 4)
    assert queue.limit == 5


def test_large_requests_may_wait_for_seconds(clock: Clock) -> None:
    queue = Queue(LARGE, MAX_PENDING)
    serve(queue, clock, 1, 0.25)
    assert queue.limit == 20
