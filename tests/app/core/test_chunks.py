"""A large body that is read in parts is read as it would be at once."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core import chunks
from app.core.chunks import NotSplittableError, Work, run_at_once, run_in_turns, split_body
from app.core.errors import Problem
from app.core.features import BooleanFeature, CategoryFeature, IntegerFeature
from app.core.validation import RowValidator

CUTTING = "a},{b"
FEATURES = (
    IntegerFeature(name="years", type="integer", minimum=1, maximum=30, title="Years", example=5),
    CategoryFeature(
        name="use", type="category", categories=("car", CUTTING, '"}, {"'), title="Use", example="car"
    ),
    BooleanFeature(name="secured", type="boolean", title="Secured", example=True),
)
GOOD = {"years": 5, "use": "car", "secured": True}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make two rows a part."""
    monkeypatch.setattr(chunks, "VALUES_PER_CHUNK", 2 * len(FEATURES))


def outcome(read: Callable[[], Any]) -> Any:
    """Return the rows, or the problem document."""
    try:
        return read()
    except Problem as problem:
        return problem.document()


def assert_read_alike(body: bytes) -> None:
    validator = RowValidator(FEATURES, max_rows=9)
    assert outcome(lambda: run_at_once(validator.parse_in_chunks(body))) == outcome(
        lambda: validator.parse(body)
    )


values = st.one_of(
    st.integers(0, 31), st.sampled_from(["car", CUTTING, '"}, {"', "ship"]), st.booleans(), st.none()
)
rows: st.SearchStrategy[Any] = st.one_of(
    st.just(GOOD),
    st.fixed_dictionaries(
        {"years": st.integers(1, 30), "use": st.sampled_from(["car", CUTTING]), "secured": st.booleans()}
    ),
    st.dictionaries(st.sampled_from(["years", "use", "secured", "},{"]), values, max_size=4),
    st.lists(st.just({}), max_size=2),
    values,
)


@given(inputs=st.lists(rows, max_size=9), indent=st.sampled_from([None, 0, 2]))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@example(inputs=[GOOD | {"use": CUTTING}] * 5, indent=None)
@example(inputs=[GOOD] * 3 + [{"years": [{}, {}]}], indent=None)
@example(inputs=[{"a": {"b": [{}, {}, {}]}}] * 3, indent=0)
def test_any_batch_is_read_in_parts_as_at_once(inputs: list[Any], indent: int | None) -> None:
    assert_read_alike(json.dumps({"inputs": inputs}, indent=indent).encode())


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(GOOD).encode(),
        json.dumps({"inputs": [GOOD] * 10}).encode(),
        json.dumps({"inputs": [GOOD] * 11}).encode(),
        json.dumps({"inputs": [{}] * 50}).encode(),
        json.dumps({"inputs": []}).encode(),
        json.dumps({"inputs": [GOOD] * 5, "more": 1}).encode(),
        json.dumps({"inputs": {"inputs": [GOOD]}}).encode(),
        b'{"inputs": [%b,]}' % json.dumps(GOOD).encode(),
        b'{"inputs": [%b]}}' % b",".join([json.dumps(GOOD).encode()] * 5),
        b'{"inputs": [%b]' % b",".join([json.dumps(GOOD).encode()] * 5),
        b'{"inputs": [%b},{]}' % b",".join([json.dumps(GOOD).encode()] * 5),
        b'{"inputs": [{"use": "},{},{},{"}]}',
        b'{"inputs": ["},{},{},{"]}' + b" " * 100,
        b"}, {" * 50,
        b"",
    ],
)
def test_any_other_body_is_read_in_parts_as_at_once(body: bytes) -> None:
    assert_read_alike(body)


def test_rows_are_cut_where_one_ends_and_the_next_begins() -> None:
    body = b' {"inputs" : [ {"a": 1} ,\n {"a": 2},{"a": 3},{"a": 4}, {"a": 5} ] } '
    assert [json.loads(part) for part in split_body(body, 2)] == [
        [{"a": 1}, {"a": 2}],
        [{"a": 3}, {"a": 4}],
        [{"a": 5}],
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a": 1}', b'{"inputs": []', b'{"inputs": 1}'])
def test_what_is_no_batch_is_not_cut(body: bytes) -> None:
    with pytest.raises(NotSplittableError):
        list(split_body(body, 2))


def count_to(number: int, seen: list[int]) -> Work[str]:
    for each in range(number):
        seen.append(each)
        yield
    return "done"


def test_work_is_done_at_once_to_its_result() -> None:
    seen: list[int] = []
    assert (run_at_once(count_to(3, seen)), seen) == ("done", [0, 1, 2])


async def test_work_in_turns_lets_others_work_between_its_parts() -> None:

    seen: list[int] = []

    async def other() -> None:
        for _ in range(3):
            seen.append(-1)
            await asyncio.sleep(0)

    result, _ = await asyncio.gather(run_in_turns(count_to(3, seen)), other())
    assert (result, seen) == ("done", [0, -1, 1, -1, 2, -1])
