"""Any body is answered or refused; none makes the service fail."""

import json

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tests.properties.census import Census, assert_answered_or_refused, assert_problem, often


@often
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_answered_or_refused(census: Census, body: bytes) -> None:
    assert_answered_or_refused(census.post(body))


@often
@given(
    body=st.binary(max_size=50),
    start=st.sampled_from([b'{"inputs":[', b'{"inputs":[{"age":', b'{"age":', b"[", b'{"']),
)
def test_any_bytes_after_a_good_start_are_answered_or_refused(
    census: Census, start: bytes, body: bytes
) -> None:
    assert_answered_or_refused(census.post(start + body))


@often
@given(draw=st.data())
def test_body_cut_short_is_refused(census: Census, draw: DataObject) -> None:
    body = json.dumps({"inputs": [census.contract.example]}).encode()
    answer = census.post(body[: draw.draw(st.integers(0, len(body) - 1))])
    assert answer.status == 400
    assert_problem(answer)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@often
@given(draw=st.data())
def test_any_json_is_answered_or_refused(census: Census, draw: DataObject) -> None:
    names = [name for feature in census.features for name in feature.names]
    keys = st.sampled_from(["inputs", *names]) | st.text(max_size=10)
    value = draw.draw(
        st.recursive(
            LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
        )
    )
    assert_answered_or_refused(census.post(json.dumps(value).encode()))
    assert_answered_or_refused(census.post(json.dumps({"inputs": value}).encode()))


@often
@given(content_type=st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_media_type_is_answered_or_refused(census: Census, content_type: str) -> None:
    assert_answered_or_refused(census.post(json.dumps(census.contract.example).encode(), content_type))
