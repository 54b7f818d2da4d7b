"""What must hold for any request at all, tried on the census model with requests that Hypothesis makes up."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from starlette.types import Message
from threadpoolctl import threadpool_limits

from app.core import contract as contracts
from app.core.contract import Contract
from app.core.errors import ProblemDocument
from app.core.features import (
    BooleanFeature,
    CategoryFeature,
    Encoder,
    Feature,
    IntegerFeature,
    NumberFeature,
    RangedFeature,
)
from app.main import create_app
from app.settings import Settings

often = settings(max_examples=100, deadline=None, derandomize=True, database=None)

Row = dict[str, Any]


class Answer(NamedTuple):
    """A response of the service."""

    status: int
    content_type: str
    body: bytes


class Census:
    """The service with the census model, and the scikit-learn pipeline that the model was exported from."""

    def __init__(self, directory: Path) -> None:
        self.contract: Contract = contracts.load_contract(directory)
        self.features = self.contract.features
        self._pipeline = joblib.load(directory.with_name("model.joblib"))
        self._app = create_app(Settings(model_dir=directory))

    def post(self, body: bytes, content_type: str = "application/json", path: str = "/predict") -> Answer:
        """Send a body; an exception of the service is raised here."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [(b"content-type", content_type.encode("latin-1"))],
        }
        asyncio.run(self._app(scope, receive, send))
        start, end = sent
        headers = dict(start["headers"])
        return Answer(start["status"], headers[b"content-type"].decode(), end["body"])

    def trained(self, rows: list[Row]) -> Any:
        """Return the probabilities that scikit-learn itself gives."""
        ordered = [{feature.name: row[feature.name] for feature in self.features} for row in rows]
        with threadpool_limits(1):  # for a few rows, threads cost much more than they give
            return self._pipeline.predict_proba(Encoder(self.features)(ordered))


@pytest.fixture(scope="module")
def census(census_model: Path) -> Census:
    return Census(census_model)


def values(feature: Feature) -> SearchStrategy[Any]:
    """Values of JSON that the feature accepts."""
    match feature:
        case IntegerFeature():
            whole = st.integers(feature.minimum, feature.maximum)
            accepted: SearchStrategy[Any] = whole | whole.map(float)
        case NumberFeature():
            accepted = st.floats(feature.minimum, feature.maximum)
        case CategoryFeature():
            accepted = st.sampled_from(feature.categories)
        case BooleanFeature():
            accepted = st.booleans()
    if feature.missing is None:
        return accepted
    return accepted | st.sampled_from([None, *feature.missing.markers])


def rows(features: tuple[Feature, ...]) -> SearchStrategy[Row]:
    """Rows with a value for each feature, under its own name."""
    return st.fixed_dictionaries({feature.name: values(feature) for feature in features})


def as_sent(draw: DataObject, features: tuple[Feature, ...], row: Row) -> Row:
    """Return the row in another order, with aliases for some of the names."""
    order = draw.draw(st.permutations(features))
    return {draw.draw(st.sampled_from(feature.names)): row[feature.name] for feature in order}


def assert_problem(answer: Answer) -> None:
    """Assert that the answer blames the request, in the shape of every problem."""
    assert answer.content_type == "application/problem+json"
    document = ProblemDocument.model_validate_json(answer.body, extra="forbid")
    assert document.status == answer.status
    assert 400 <= answer.status < 500


@often
@given(draw=st.data())
def test_any_row_of_the_contract_is_answered_as_scikit_learn_answers(
    census: Census, draw: DataObject
) -> None:
    drawn = draw.draw(st.lists(rows(census.features), min_size=1, max_size=4))
    sent = [as_sent(draw, census.features, row) for row in drawn]
    body = sent[0] if len(sent) == 1 and draw.draw(st.booleans()) else {"inputs": sent}
    answer = census.post(json.dumps(body).encode())

    assert (answer.status, answer.content_type) == (200, "application/json")
    target, document = census.contract.target, json.loads(answer.body)
    served = np.array([[each[label] for label in target.labels] for each in document["probabilities"]])
    np.testing.assert_allclose(served, census.trained(drawn), rtol=0, atol=1e-5)
    np.testing.assert_allclose(served.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert document["predictions"] == [target.labels[position] for position in target.decide(served)]


def numbers(feature: Feature) -> SearchStrategy[float]:
    """Any finite number around the range of a feature, or far from it."""
    if not isinstance(feature, RangedFeature):
        return st.floats(allow_nan=False, allow_infinity=False)
    return st.floats(max_value=feature.minimum, exclude_max=True, allow_infinity=False) | st.floats(
        min_value=feature.maximum, exclude_min=True, allow_infinity=False
    )


def of_wrong_type(feature: Feature) -> SearchStrategy[Any]:
    """Values of JSON that no feature of this type accepts, null left aside."""
    nested = st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(), st.integers(), max_size=2)
    markers = feature.missing.markers if feature.missing else ()
    text = st.text() | st.integers().map(str)
    match feature:
        case CategoryFeature():
            known = {*feature.categories, *markers}
            return nested | st.booleans() | st.integers() | text.filter(lambda each: each not in known)
        case BooleanFeature():
            return nested | st.integers() | text.filter(lambda each: each not in markers)
        case _:
            return nested | st.booleans() | text.filter(lambda each: each not in markers)


def drop_a_field(_draw: DataObject, feature: Feature, row: Row) -> None:
    del row[feature.name]


def add_a_field(draw: DataObject, _feature: Feature, row: Row) -> None:
    row[draw.draw(st.text().filter(lambda name: name not in row))] = draw.draw(st.none() | st.integers())


def give_a_field_twice(draw: DataObject, feature: Feature, row: Row) -> None:
    row[draw.draw(st.sampled_from([*feature.aliases, f"{feature.name}_"]))] = row[feature.name]


def leave_the_range(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(numbers(feature))


def change_the_type(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(of_wrong_type(feature))


def invent_a_category(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(
        st.sampled_from(["private", " Private", "Private ", "", "NaN", "none", "\x00"])
    )


def give_what_is_no_number(draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name] = draw.draw(st.sampled_from([float("nan"), float("inf"), float("-inf")]))


def give_null(_draw: DataObject, feature: Feature, row: Row) -> None:
    row[feature.name if feature.missing is None else "age"] = None


def give_a_fraction(draw: DataObject, feature: Feature, row: Row) -> None:
    share = draw.draw(st.floats(0.001, 0.999))
    low = feature.minimum if isinstance(feature, RangedFeature) else 0
    row[feature.name] = low + share


MUTATIONS = [
    drop_a_field,
    add_a_field,
    give_a_field_twice,
    leave_the_range,
    change_the_type,
    invent_a_category,
    give_what_is_no_number,
    give_null,
    give_a_fraction,
]


@pytest.mark.parametrize("mutate", MUTATIONS)
@settings(often, max_examples=30)
@given(draw=st.data())
def test_any_row_with_a_mistake_is_refused(
    census: Census, mutate: Callable[[DataObject, Feature, Row], None], draw: DataObject
) -> None:
    feature = draw.draw(st.sampled_from(census.features))
    row = draw.draw(rows(census.features))
    mutate(draw, feature, row)
    before = draw.draw(st.lists(rows(census.features), max_size=2))
    answer = census.post(json.dumps({"inputs": [*before, row]} if before else row).encode())
    assert answer.status == 422
    assert_problem(answer)


def assert_answered(answer: Answer) -> None:
    """Assert that the answer is a prediction or blames the request; it is never the service's fault."""
    if answer.status == 200:
        assert len(json.loads(answer.body)["predictions"]) >= 1
    else:
        assert_problem(answer)


@often
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_answered_or_refused(census: Census, body: bytes) -> None:
    assert_answered(census.post(body))


@often
@given(
    body=st.binary(max_size=50),
    start=st.sampled_from([b'{"inputs":[', b'{"inputs":[{"age":', b'{"age":', b"[", b'{"']),
)
def test_any_bytes_after_a_good_start_are_answered_or_refused(
    census: Census, start: bytes, body: bytes
) -> None:
    assert_answered(census.post(start + body))


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
    assert_answered(census.post(json.dumps(value).encode()))
    assert_answered(census.post(json.dumps({"inputs": value}).encode()))


def cell(draw: DataObject, feature: Feature, value: Any) -> str:
    """Return the value as it may stand in a text file."""
    if value is None:
        markers = feature.missing.markers if feature.missing else ()
        text = draw.draw(st.sampled_from(["", *markers]))
    elif isinstance(value, bool):
        text = draw.draw(st.sampled_from(["true", "yes", "1"] if value else ["false", "no", "0"]))
    else:
        text = str(value)
    return draw.draw(st.sampled_from(["", " "])) + text


def as_csv(draw: DataObject, census: Census, drawn: list[Row], *, with_target: bool) -> str:
    """Return rows as CSV, with their columns in any order and under any of their names."""
    features: list[Feature | None] = [*census.features, *([None] if with_target else [])]
    columns = draw.draw(st.permutations(features))
    target = census.contract.target
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        quoting=draw.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw.draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerow(
        [draw.draw(st.sampled_from(column.names)) if column else target.name for column in columns]
    )
    for row in drawn:
        writer.writerow(
            [
                cell(draw, column, row[column.name]) if column else draw.draw(st.sampled_from(target.labels))
                for column in columns
            ]
        )
    return draw.draw(st.sampled_from(["", "\ufeff"])) + text.getvalue()


def without_time(answer: Answer) -> dict[str, Any]:
    assert (answer.status, answer.content_type) == (200, "application/json")
    document: dict[str, Any] = json.loads(answer.body)
    del document["timestamp"]
    return document


FORM = "multipart/form-data; boundary=frontier"


def form(content: bytes, name: bytes = b"file", filename: bytes = b"people.csv") -> bytes:
    """Return a multipart form that holds one file."""
    disposition = b'form-data; name="' + name + b'"; filename="' + filename + b'"'
    return (
        b"--frontier\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + content + b"\r\n--frontier--\r\n"
    )


@settings(often, max_examples=60)
@given(draw=st.data())
def test_any_rows_as_csv_are_answered_as_the_same_rows_as_json(census: Census, draw: DataObject) -> None:
    drawn = draw.draw(st.lists(rows(census.features), min_size=1, max_size=3))
    with_target = draw.draw(st.booleans())
    text = as_csv(draw, census, drawn, with_target=with_target).encode()
    expected = without_time(census.post(json.dumps({"inputs": drawn}).encode()))
    assert without_time(census.post(text, "text/csv")) == expected
    of_file = without_time(census.post(form(text), FORM, "/predict/file"))
    assert of_file.pop("metrics", {"rows": len(drawn)})["rows"] == len(drawn)
    assert of_file == expected


@often
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_as_csv_are_refused(census: Census, body: bytes) -> None:
    assert_problem(census.post(body, "text/csv"))


SIGNS = [
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\r\n",
    b" ",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"39",
    b"?",
    b"nan",
    b"1e999",
]


@often
@given(
    signs=st.lists(st.sampled_from(SIGNS) | st.binary(max_size=3), max_size=60).map(b"".join),
    path=st.sampled_from(["/predict", "/predict/file"]),
    lines=st.integers(0, 2),
)
def test_any_bytes_after_a_good_header_are_answered_or_refused(
    census: Census, signs: bytes, path: str, lines: int
) -> None:
    example = census.contract.example
    good = [",".join(example), *[",".join(map(str, example.values()))] * lines]
    body = "\n".join([*good, ""]).encode() + signs
    if path == "/predict":
        assert_answered(census.post(body, "text/csv"))
    else:
        assert_answered(census.post(form(body), FORM, path))


@often
@given(body=st.binary(max_size=300), start=st.sampled_from([b"", b"--frontier\r\n", form(b"")[:-20]]))
def test_any_bytes_as_a_form_are_refused(census: Census, start: bytes, body: bytes) -> None:
    assert_problem(census.post(start + body, FORM, "/predict/file"))


@often
@given(
    name=st.binary(max_size=20) | st.just(b"file"),
    filename=st.binary(max_size=40) | st.text(max_size=20).map(str.encode),
    content_type=st.text(st.characters(max_codepoint=255), max_size=40)
    | st.text(st.characters(max_codepoint=255), max_size=20).map(f"{FORM}; charset=".__add__)
    | st.sampled_from(
        [f"{FORM}; charset={each}" for each in ("undefined", "punycode", "hex", "utf-16", "\0")]
    )
    | st.just(FORM),
)
def test_any_names_in_a_form_are_answered_or_refused(
    census: Census, name: bytes, filename: bytes, content_type: str
) -> None:
    example = census.contract.example
    content = "\n".join([",".join(example), ",".join(map(str, example.values()))]).encode()
    assert_answered(census.post(form(content, name, filename), content_type, "/predict/file"))


@often
@given(content_type=st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_media_type_is_answered_or_refused(census: Census, content_type: str) -> None:
    assert_answered(census.post(json.dumps(census.contract.example).encode(), content_type))
