"""A large body that is read in chunks is read as it would be at once."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core import chunks
from app.core.chunks import (
    HEAD,
    NotRowsError,
    Work,
    has_rows,
    run_at_once,
    run_in_turns,
    split_body,
    split_rows,
)
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
    """Assert that rows are the same; and problems too, except that of a large body less is said."""
    validator = RowValidator(FEATURES, max_rows=9)
    whole = outcome(lambda: validator.parse(body))
    chunked = outcome(lambda: run_at_once(validator.parse_in_chunks(body)))
    if "wrong_shape" in str(chunked) or "counted from" in str(chunked):
        assert isinstance(whole, dict)
    elif "Later rows" in str(chunked):
        assert whole["errors"][: len(chunked["errors"])] == chunked["errors"]
    else:
        assert chunked == whole


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


def start_of(body: bytes) -> int:
    head = HEAD.match(body)
    assert head
    return head.end()


BATCH = b' {"inputs" : [ {"a": 1} ,\n {"a": 2},{"a": 3},{"a": 4}, {"a": 5} ] } '


def test_body_is_split_between_rows() -> None:
    chunks = [BATCH[start:end] for start, end in split_body(BATCH, start_of(BATCH), 2)]
    assert [json.loads(b"[%b]" % chunk) for chunk in chunks] == [
        [{"a": 1}, {"a": 2}],
        [{"a": 3}, {"a": 4}],
        [{"a": 5}],
    ]
    assert [json.loads(row)["a"] for row in split_rows(BATCH, start_of(BATCH), 8)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "body", [b'{"inputs": [', b'{"inputs": [{}', b'{"inputs": [{}]', b'{"inputs": [{}], "a": 1}']
)
def test_body_that_does_not_end_as_a_batch_is_not_split(body: bytes) -> None:
    assert list(split_body(body, start_of(body), 2)) == []
    with pytest.raises(NotRowsError):
        list(split_rows(body, start_of(body), 100))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_more_rows_than_a_number_are_recognized_by_their_separators(count: int) -> None:
    body = b'{"inputs": [%b]}' % b", ".join([b'{"a": {"b": {}}}'] * 3)
    assert has_rows(body, 0, count) is (count < 3)


@pytest.mark.parametrize("text", ["}, {", "\\", '"', '\\"}, {"', "größe", "[]", "\n"])
def test_rows_are_told_apart_whatever_their_strings_hold(text: str) -> None:
    rows = [{text: 1}, {"a": text, text: text}, {}]
    body = json.dumps({"inputs": rows}).encode()
    assert [json.loads(row) for row in split_rows(body, start_of(body), 100)] == rows


@pytest.mark.parametrize(
    ("body", "position"),
    [
        (b'{"inputs": [1]}', 12),
        (b'{"inputs": [{}{}]}', 14),
        (b'{"inputs": [{},]}', 15),
        (b'{"inputs": [{}, {"a": {}}]}', 16),
        (b'{"inputs": [{}, {"a": "12345678901234567890"}]}', 16),
    ],
    ids=["number", "no comma", "comma", "nested", "long"],
)
def test_error_holds_the_position_of_what_is_no_row(body: bytes, position: int) -> None:
    with pytest.raises(NotRowsError) as error:
        list(split_rows(body, start_of(body), 20))
    assert error.value.position == position


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
