import time
from collections.abc import Iterator
from threading import Barrier, current_thread, main_thread

import pytest
import sklearn.ensemble  # noqa: F401 - loads OpenMP
from threadpoolctl import threadpool_info

from model_build import threads
from model_build.threads import in_thread, limit_threads, map_in_threads


@pytest.fixture(autouse=True)
def _three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cpu_count", lambda: 3)


def test_results_have_the_order_of_the_items() -> None:
    def square(number: int) -> int:
        time.sleep(0.01 * (number % 3 == 0))
        return number * number

    assert list(map_in_threads(square, range(10))) == [number * number for number in range(10)]


def test_every_core_works_at_the_same_time() -> None:
    barrier = Barrier(3, timeout=10)

    def meet(_: int) -> bool:
        barrier.wait()
        return current_thread() is main_thread()

    assert list(map_in_threads(meet, range(6))) == [False] * 6


def test_few_items_are_taken_before_their_results_are() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_threads(lambda number: number, items())
    assert (next(results), next(results)) == (0, 1)
    assert len(taken) == 5
    results.close()


def test_error_of_an_item_is_raised_and_the_rest_is_not_begun() -> None:
    begun = []

    def fail(number: int) -> None:
        begun.append(number)
        time.sleep(0.05)
        raise ValueError(f"item {number}")

    with pytest.raises(ValueError, match="item 0"):
        list(map_in_threads(fail, range(100)))
    assert len(begun) <= 6


def openmp_threads(_: int) -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}


def test_openmp_has_one_thread_in_each_thread() -> None:
    assert list(map_in_threads(openmp_threads, range(3))) == [{1}] * 3


def test_limit_holds_in_its_block_only() -> None:
    with limit_threads(1):
        assert len(set(map_in_threads(lambda _: current_thread().name, range(30)))) == 1
    barrier = Barrier(3, timeout=10)
    assert len(list(map_in_threads(lambda _: barrier.wait(), range(3)))) == 3


def test_function_runs_beside_the_block() -> None:
    barrier = Barrier(2, timeout=10)

    def meet() -> tuple[bool, set[int]]:
        barrier.wait()
        return current_thread() is main_thread(), openmp_threads(0)

    with in_thread(meet) as future:
        barrier.wait()
    assert future.result() == (False, {1})


def test_error_beside_the_block_is_raised_with_the_result() -> None:
    def fail() -> None:
        raise ValueError("beside")

    with in_thread(fail) as future:
        pass
    with pytest.raises(ValueError, match="beside"):
        future.result()


def test_error_of_the_block_is_raised_when_the_function_has_ended() -> None:
    ended = []

    def work() -> None:
        time.sleep(0.05)
        ended.append(True)

    with pytest.raises(ValueError, match="block"), in_thread(work):
        raise ValueError("block")
    assert ended == [True]


def test_limit_of_the_block_holds_in_a_thread_beside_it() -> None:
    def names() -> set[str]:
        return set(map_in_threads(lambda _: current_thread().name, range(30)))

    with limit_threads(1), in_thread(names) as future:
        pass
    assert len(future.result()) == 1
