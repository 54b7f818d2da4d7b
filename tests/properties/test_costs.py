"""No body costs more than a right one of its size: the dearest bodies of a grammar are searched."""

import json
import time
from functools import cache
from resource import RUSAGE_SELF, getrusage

import pytest
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.properties.census import Answer, Census, assert_answered_or_refused, often
from tests.properties.fragments import CSV, JSON, Hostile, hostile_bodies

KB, MB = 1000, 1_000_000
FACTOR = 2
"""How much dearer than a right body a wrong one may be, on a machine with other work."""
BASE = 0.02
"""Seconds that any body may take on a busy machine."""

search = settings(often, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def post(census: Census, hostile: Hostile, size: int) -> tuple[Answer, float]:
    """Return the answer, and the least seconds of this thread that it took in up to three attempts."""
    body = hostile.body(size)
    least = float("inf")
    for _ in range(3):
        start = time.thread_time()
        answer = census.post(body, hostile.content_type, hostile.path)
        least = min(least, time.thread_time() - start)
        if least < BASE / 4:
            break
    return answer, least


@cache
def seconds_per_byte(census: Census) -> float:
    """Return what a right body of CSV takes: the dearest of the right ones."""
    example = census.contract.example
    header, line = ",".join(example) + "\n", ",".join(map(str, example.values())) + "\n"
    right = Hostile("/predict", CSV, header.encode(), line.encode(), b"")
    answer, seconds = post(census, right, 100 * KB)
    assert answer.status == 200
    return seconds / (100 * KB)


@pytest.mark.parametrize("size", [KB, 10 * KB, 64 * KB, MB])
@search
@given(draw=st.data())
def test_dearest_body_is_refused_in_the_time_of_a_right_one(
    census: Census, size: int, draw: DataObject
) -> None:
    hostile = draw.draw(hostile_bodies(census.contract.example))
    answer, seconds = post(census, hostile, size)
    target(seconds / size, label="seconds per byte")
    assert_answered_or_refused(answer)
    assert seconds < BASE + FACTOR * size * seconds_per_byte(census)


@settings(search, max_examples=15)
@given(draw=st.data())
def test_memory_of_a_large_body_is_bounded(census: Census, draw: DataObject) -> None:
    census.post(b" " * 10 * MB)  # the peak before holds a body of this size
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    hostile = draw.draw(hostile_bodies(census.contract.example))
    assert_answered_or_refused(post(census, hostile, 10 * MB)[0])
    assert getrusage(RUSAGE_SELF).ru_maxrss - peak < 30 * KB, hostile  # ru_maxrss is in kilobytes


@pytest.mark.parametrize("text", ["xyzzy-secret", "\u202e<script>", "größe😀"])
@pytest.mark.parametrize("where", ["value", "key", "row", "batch"])
def test_no_value_of_a_body_is_repeated_in_a_problem(census: Census, text: str, where: str) -> None:
    value = {
        "value": {"age": text},
        "key": {text * 50: 1},
        "row": {"inputs": [text]},
        "batch": {"inputs": text},
    }[where]
    answer = census.post(json.dumps(value, ensure_ascii=False).encode(), JSON)
    assert_answered_or_refused(answer)
    shown = answer.body.decode()
    assert len(shown) < 40 * KB
    assert (text in shown) == (where == "key" and text == "xyzzy-secret")
    assert not {"\u202e", "<"} & set(shown)
