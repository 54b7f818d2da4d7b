"""Any CSV file, sent as a body or in a form, is answered as the same rows in JSON, or refused."""

import csv
import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from app.core.features import Feature
from tests.properties.census import Census, Row, assert_answered_or_refused, assert_problem, often, rows
from tests.support import bodies
from tests.support.bodies import form, part

FORM = bodies.FORM["Content-Type"]


def cell(draw: DataObject, feature: Feature, value: Any) -> str:
    """Return the value as a text file may have it."""
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


@settings(often, max_examples=60)
@given(draw=st.data())
def test_any_rows_as_csv_are_answered_as_the_same_rows_as_json(census: Census, draw: DataObject) -> None:
    drawn = draw.draw(st.lists(rows(census.features), min_size=1, max_size=3))
    with_target = draw.draw(st.booleans())
    text = as_csv(draw, census, drawn, with_target=with_target).encode()
    expected = census.post_rows(drawn).document
    assert census.post(text, "text/csv").document == expected
    document = census.post(form(part(text)), FORM, "/predict/file").document
    assert document.pop("metrics", {"rows": len(drawn)})["rows"] == len(drawn)
    assert document == expected


@often
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_as_csv_are_refused(census: Census, body: bytes) -> None:
    assert_problem(census.post(body, "text/csv"))


BYTES = [
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


def example_csv(census: Census, lines: int) -> bytes:
    """Return a CSV file with the example row on so many lines."""
    example = census.contract.example
    return "\n".join([",".join(example), *[",".join(map(str, example.values()))] * lines, ""]).encode()


@often
@given(
    tail=st.lists(st.sampled_from(BYTES) | st.binary(max_size=3), max_size=60).map(b"".join),
    path=st.sampled_from(["/predict", "/predict/file"]),
    lines=st.integers(0, 2),
)
def test_any_bytes_after_a_valid_header_are_answered_or_refused(
    census: Census, tail: bytes, path: str, lines: int
) -> None:
    content = example_csv(census, lines) + tail
    if path == "/predict":
        assert_answered_or_refused(census.post(content, "text/csv"))
    else:
        assert_answered_or_refused(census.post(form(part(content)), FORM, path))


@often
@given(body=st.binary(max_size=300), start=st.sampled_from([b"", b"--frontier\r\n", form(part(b""))[:-20]]))
def test_any_bytes_as_a_form_are_refused(census: Census, start: bytes, body: bytes) -> None:
    assert_problem(census.post(start + body, FORM, "/predict/file"))


@often
@given(
    name=st.binary(max_size=20) | st.just(b"file"),
    filename=st.binary(max_size=40) | st.text(max_size=20).map(str.encode),
    content_type=st.text(st.characters(max_codepoint=255), max_size=40)
    | st.text(st.characters(max_codepoint=255), max_size=20).map(f"{FORM}; charset=".__add__)
    | st.sampled_from(
        [f"{FORM}; charset={charset}" for charset in ("undefined", "punycode", "hex", "utf-16", "\0")]
    )
    | st.just(FORM),
)
def test_any_names_in_a_form_are_answered_or_refused(
    census: Census, name: bytes, filename: bytes, content_type: str
) -> None:
    disposition = b'form-data; name="' + name + b'"; filename="' + filename + b'"'
    body = form(part(example_csv(census, 1), disposition))
    assert_answered_or_refused(census.post(body, content_type, "/predict/file"))
