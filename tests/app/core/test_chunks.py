"""A large body that is read in chunks is read as it would be at once."""

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
from app.core.validation import RowValidator
from tests.support.features import grade, secured, years

SEPARATOR = "a},{b"
FEATURES = (
    years(),
    grade(name="use", title="Use", categories=("car", SEPARATOR, '"}, {"'), example="car"),
    secured(),
)
VALID = {"years": 5, "use": "car", "secured": True}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make two rows a chunk."""
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


VALUES = st.one_of(
    st.integers(0, 31), st.sampled_from(["car", SEPARATOR, '"}, {"', "ship"]), st.booleans(), st.none()
)
ROWS: st.SearchStrategy[Any] = st.one_of(
    st.just(VALID),
    st.fixed_dictionaries(
        {"years": st.integers(1, 30), "use": st.sampled_from(["car", SEPARATOR]), "secured": st.booleans()}
    ),
    st.dictionaries(st.sampled_from(["years", "use", "secured", "},{"]), VALUES, max_size=4),
    st.lists(st.just({}), max_size=2),
    VALUES,
)


@given(inputs=st.lists(ROWS, max_size=9), indent=st.sampled_from([None, 0, 2]))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@example(inputs=[VALID | {"use": SEPARATOR}] * 5, indent=None)
@example(inputs=[VALID] * 3 + [{"years": [{}, {}]}], indent=None)
@example(inputs=[{"a": {"b": [{}, {}, {}]}}] * 3, indent=0)
def test_any_batch_is_read_in_chunks_as_at_once(inputs: list[Any], indent: int | None) -> None:
    assert_read_alike(json.dumps({"inputs": inputs}, indent=indent).encode())


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(VALID).encode(),
        json.dumps({"inputs": [VALID] * 10}).encode(),
        json.dumps({"inputs": [VALID] * 11}).encode(),
        json.dumps({"inputs": [{}] * 50}).encode(),
        json.dumps({"inputs": []}).encode(),
        json.dumps({"inputs": [VALID] * 5, "more": 1}).encode(),
        json.dumps({"inputs": {"inputs": [VALID]}}).encode(),
        b'{"inputs": [%b,]}' % json.dumps(VALID).encode(),
        b'{"inputs": [%b]}}' % b",".join([json.dumps(VALID).encode()] * 5),
        b'{"inputs": [%b]' % b",".join([json.dumps(VALID).encode()] * 5),
        b'{"inputs": [%b},{]}' % b",".join([json.dumps(VALID).encode()] * 5),
        b'{"inputs": [{"use": "},{},{},{"}]}',
        b'{"inputs": ["},{},{},{"]}' + b" " * 100,
        b"}, {" * 50,
        b"",
    ],
)
def test_any_other_body_is_read_in_chunks_as_at_once(body: bytes) -> None:
    assert_read_alike(body)


def test_body_is_split_between_rows() -> None:
    body = b' {"inputs" : [ {"a": 1} ,\n {"a": 2},{"a": 3},{"a": 4}, {"a": 5} ] } '
    assert [json.loads(chunk) for chunk in split_body(body, 2)] == [
        [{"a": 1}, {"a": 2}],
        [{"a": 3}, {"a": 4}],
        [{"a": 5}],
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a": 1}', b'{"inputs": []', b'{"inputs": 1}'])
def test_body_that_is_no_batch_can_not_be_split(body: bytes) -> None:
    with pytest.raises(NotSplittableError):
        list(split_body(body, 2))


def count_to(end: int, counted: list[int]) -> Work[str]:
    for number in range(end):
        counted.append(number)
        yield
    return "done"


def test_work_at_once_returns_its_result() -> None:
    counted: list[int] = []
    assert (run_at_once(count_to(3, counted)), counted) == ("done", [0, 1, 2])


async def test_work_in_turns_lets_another_task_run_between_its_chunks() -> None:
    counted: list[int] = []

    async def count_minus_one() -> None:
        for _ in range(3):
            counted.append(-1)
            await asyncio.sleep(0)

    result, _ = await asyncio.gather(run_in_turns(count_to(3, counted)), count_minus_one())
    assert (result, counted) == ("done", [0, -1, 1, -1, 2, -1])
