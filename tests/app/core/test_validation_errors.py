"""Rows that are refused, and what the problem documents say."""

import gzip
import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from app.core.chunks import run_at_once
from app.core.errors import Problem
from app.core.validation import ONE_NUMBER, RowValidator
from app.core.values import Row
from tests.app.core.loans import FEATURES, ROW, row_text, without
from tests.support.problems import SECRET, Error, invalid_json, invalid_rows, problem

ALLOWED = {
    "years": "a whole number from 1 to 30",
    "rate": "a number from -0.5 to 1234567.25; or, when missing, null or n/a or -",
    "grade": "one of A, B, C; or, when missing, null or ?",
    "secured": "true or false",
    "insured": "true or false; or, when missing, null",
    "use": "one of car, home",
}
MUST_BE = {name: f"Must be {allowed}." for name, allowed in ALLOWED.items()}
A_ROW_HAS = "A row has: years, rate, grade, secured, insured, use."
MUST_BE_OBJECT = f"Must be an object. {A_ROW_HAS}"
TOO_MANY_ROWS = "At most 3 rows are allowed in one request (MAX_ROWS)."
UNKNOWN = f"Unknown field, or one given twice under two names. {A_ROW_HAS}"

SINGLE_QUOTES = "its names stand in single quotes, as Python prints them. Use json.dumps, not str"
UTF_16 = "it is text in UTF-16. Send UTF-8"
COMPRESSED = "it is compressed with gzip. Declare that with Content-Encoding: gzip"

validator = RowValidator(FEATURES, max_rows=3)


def in_chunks(validator: RowValidator, body: bytes) -> list[Row]:
    return run_at_once(validator.parse_in_chunks(body))


def refusal(
    body: bytes | str,
    validator: RowValidator = validator,
    read: Callable[[RowValidator, bytes], Any] = RowValidator.parse,
) -> dict[str, Any]:
    """Return the problem document for a body, which holds nothing secret."""
    with pytest.raises(Problem) as refused:
        read(validator, body if isinstance(body, bytes) else body.encode())
    document = refused.value.document()
    assert SECRET not in json.dumps(document)
    return document


@pytest.mark.parametrize(
    ("names", "blamed"),
    [
        (("years", "term"), "term"),
        (("term", "years"), "term"),
        (("term", "duration-years"), "term"),
    ],
)
def test_feature_given_under_two_names_is_refused(names: tuple[str, str], blamed: str) -> None:
    body = json.dumps(dict.fromkeys(names, 5) | without("years"))
    assert refusal(body) == invalid_rows([blamed], UNKNOWN, "extra_forbidden")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("years", "0", "greater_than_equal"),
        ("years", "31", "less_than_equal"),
        ("years", "5.5", "multiple_of"),
        ("years", '"5"', "float_type"),
        ("years", "true", "number_type"),
        ("years", "null", "number_type"),
        ("years", '"?"', "float_type"),
        ("years", "[5]", "float_type"),
        ("years", "NaN", "finite_number"),
        ("years", "1e400", "finite_number"),
        ("years", "-1e400", "finite_number"),
        ("years", "1" + "0" * 400, "finite_number"),
        ("rate", "-0.51", "greater_than_equal"),
        ("rate", "1234567.5", "less_than_equal"),
        ("rate", '"2.5"', "float_type"),
        ("rate", '"N/A"', "float_type"),
        ("rate", '""', "float_type"),
        ("rate", '["n/a"]', "float_type"),
        ("rate", "false", "number_type"),
        ("rate", "NaN", "finite_number"),
        ("rate", "-Infinity", "finite_number"),
        ("rate", f'"{SECRET}"', "float_type"),
        ("grade", '"a"', "literal_error"),
        ("grade", '" A"', "literal_error"),
        ("grade", '""', "literal_error"),
        ("grade", "1", "literal_error"),
        ("grade", "true", "literal_error"),
        ("grade", '["A"]', "literal_error"),
        ("grade", f'"{SECRET}"', "literal_error"),
        ("secured", "2", "bool_type"),
        ("secured", "0.5", "bool_type"),
        ("secured", '"perhaps"', "bool_type"),
        ("secured", "null", "bool_type"),
        ("secured", f'{{"{SECRET}": "{SECRET}"}}', "bool_type"),
        ("insured", '"?"', "bool_type"),
        ("use", "null", "literal_error"),
        ("use", '"?"', "literal_error"),
    ],
)
def test_value_is_refused_with_what_is_allowed(name: str, text: str, kind: str) -> None:
    message = MUST_BE[name] + (ONE_NUMBER if kind == "float_type" else "")
    assert refusal(row_text(name, text)) == invalid_rows([name], message, kind)


@pytest.mark.parametrize("name", ROW)
def test_missing_field_is_refused_with_what_is_allowed(name: str) -> None:
    document = invalid_rows([name], f"Required: {ALLOWED[name]}.", "missing")
    assert refusal(json.dumps(without(name))) == document


def test_error_under_an_alias_names_the_alias() -> None:
    body = json.dumps({"inputs": [ROW, without("years") | {"term": SECRET}]})
    assert refusal(body) == invalid_rows(["inputs", 1, "term"], MUST_BE["years"] + ONE_NUMBER, "float_type")


def test_last_of_equal_keys_is_the_one_that_is_refused() -> None:
    body = row_text("years", '7, "years": "wrong"')
    assert refusal(body) == invalid_rows(["years"], MUST_BE["years"] + ONE_NUMBER, "float_type")


@pytest.mark.parametrize(
    ("body", "loc", "message", "kind"),
    [
        ("null", [], MUST_BE_OBJECT, "dict_type"),
        (f'"{SECRET}"', [], MUST_BE_OBJECT, "dict_type"),
        ('{"inputs": null}', ["inputs"], "Must be an array of rows.", "list_type"),
        (json.dumps({"inputs": ROW}), ["inputs"], "Must be an array of rows.", "list_type"),
        (f'{{"inputs": "{SECRET}"}}', ["inputs"], "Must be an array of rows.", "list_type"),
        ('{"inputs": []}', ["inputs"], "At least one row is needed.", "too_short"),
        (json.dumps({"inputs": [ROW] * 4}), ["inputs"], TOO_MANY_ROWS, "too_long"),
        ('{"inputs": [{}, {}, {}, {}]}', ["inputs"], TOO_MANY_ROWS, "too_long"),
        (json.dumps({"inputs": [ROW, [SECRET]]}), ["inputs", 1], MUST_BE_OBJECT, "dict_type"),
        (json.dumps({"inputs": [ROW], "parameters": SECRET}), ["parameters"], UNKNOWN, "extra_forbidden"),
    ],
)
def test_other_shape_is_refused_with_the_right_one(
    body: str, loc: list[str | int], message: str, kind: str
) -> None:
    assert refusal(body) == invalid_rows(loc, message, kind)


def test_every_error_is_listed_and_the_first_is_the_detail() -> None:
    rows = [ROW, ROW | {"grade": "Z", "secured": 2}, without("use") | {"years": 99}]
    errors: list[Error] = [
        (["inputs", 1, "grade"], MUST_BE["grade"], "literal_error"),
        (["inputs", 1, "secured"], "Must be true or false.", "bool_type"),
        (["inputs", 2, "years"], MUST_BE["years"], "less_than_equal"),
        (["inputs", 2, "use"], f"Required: {ALLOWED['use']}.", "missing"),
    ]
    detail = f"4 errors, the first at inputs.1.grade: {MUST_BE['grade']}"
    assert refusal(json.dumps({"inputs": rows})) == problem(422, "invalid-rows", detail, *errors)


@pytest.mark.parametrize("count", [99, 100, 101, 250])
@pytest.mark.parametrize("read", [RowValidator.parse, in_chunks])
def test_rows_after_a_hundred_errors_are_not_checked(
    read: Callable[[RowValidator, bytes], Any], count: int
) -> None:
    rows = [ROW | {"years": SECRET}] * count
    listed: list[Error] = [
        (["inputs", number, "years"], MUST_BE["years"] + ONE_NUMBER, "float_type")
        for number in range(min(count, 100))
    ]
    detail = f"{len(listed)} errors, the first at inputs.0.years: {MUST_BE['years']}{ONE_NUMBER}"
    detail += " Later rows were not checked." if count > 100 else ""
    body = json.dumps({"inputs": rows})
    assert refusal(body, RowValidator(FEATURES), read) == problem(422, "invalid-rows", detail, *listed)


def test_errors_of_the_last_row_that_is_checked_are_counted() -> None:
    detail = f"102 errors, the first at inputs.0.years: Required: {ALLOWED['years']}."
    document = refusal(json.dumps({"inputs": [{}] * 17}), RowValidator(FEATURES))
    assert (document["detail"], document["errors_omitted"]) == (detail, 2)
    assert len(document["errors"]) == 100


@pytest.mark.parametrize("read", [RowValidator.parse, in_chunks])
def test_rows_between_valid_ones_are_counted_from_the_first(
    read: Callable[[RowValidator, bytes], Any],
) -> None:
    rows = [ROW] * 3000 + [without("use"), ROW | {"years": [5]}] + [ROW] * 3000
    errors: list[Error] = [
        (["inputs", 3000, "use"], f"Required: {ALLOWED['use']}.", "missing"),
        (["inputs", 3001, "years"], MUST_BE["years"] + ONE_NUMBER, "float_type"),
    ]
    detail = f"2 errors, the first at inputs.3000.use: Required: {ALLOWED['use']}."
    document = problem(422, "invalid-rows", detail, *errors)
    assert refusal(json.dumps({"inputs": rows}), RowValidator(FEATURES), read) == document


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("salary", "salary"),
        ("", ""),
        ("x" * 65, "x" * 64),
        ("<b>\n\x1b[1m%s{}", "_b____1m_s__"),
        ("a.b:c/d-e_f 9", "a.b:c/d-e_f 9"),
        ("größe", "größe"),
        ("\u202eevil\u0000", "_evil_"),
        ("__proto__", "__proto__"),
    ],
)
def test_name_of_an_unknown_field_is_cut_and_cleaned(name: str, cleaned: str) -> None:
    assert refusal(json.dumps(ROW | {name: SECRET})) == invalid_rows([cleaned], UNKNOWN, "extra_forbidden")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "EOF while parsing a value at line 1 column 0"),
        (" ", "EOF while parsing a value at line 1 column 1"),
        (SECRET, "expected value at line 1 column 1"),
        (f"{{'{SECRET}': 1}}", SINGLE_QUOTES),
        ('{"inputs"', "EOF while parsing an object at line 1 column 9"),
        ('{"inputs": [{"years": 5,}]}', "trailing comma at line 1 column 25"),
        (f'{json.dumps(ROW)} "{SECRET}"', f"trailing characters at line 1 column {len(json.dumps(ROW)) + 2}"),
        ('{"years": 05}', "invalid number at line 1 column 12"),
        (f'{{"years":\n"{SECRET}', f"EOF while parsing a string at line 2 column {len(SECRET) + 1}"),
        (b'{"use": "\xff"}', "invalid unicode code point at line 1 column 10"),
        (b"\xef\xbb\xbf{", "EOF while parsing an object at line 1 column 1"),
        (json.dumps(ROW).encode("utf-16"), UTF_16),
        (json.dumps(ROW).encode("utf-16-le"), UTF_16),
        (gzip.compress(json.dumps(ROW).encode(), mtime=0), COMPRESSED),
        ('{"use": "\\ud800"}', "unexpected end of hex escape at line 1 column 16"),
        (b"\x00", "expected value at line 1 column 1"),
        ("[" * 100_000, "recursion limit exceeded at line 1 column 202"),
        (
            '{"inputs":' + "[" * 100_000,
            "recursion limit exceeded at line 1 column 202, counted from inputs.0",
        ),
        ('{"a":' * 10_000, "recursion limit exceeded at line 1 column 1006"),
        ('{"years":1' + "0" * 5000 + "}", "number out of range at line 1 column 4311"),
    ],
)
def test_body_that_is_not_json_is_400_and_says_where(body: bytes | str, reason: str) -> None:
    assert refusal(body) == invalid_json(reason)


@pytest.mark.parametrize(
    ("changes", "lines", "loc", "kind"),
    [
        ({"rate": math.nan}, None, [1, "rate"], "finite_number"),
        ({"use": SECRET}, None, [1, "use"], "literal_error"),
        ({"use": SECRET}, [2, 4], ["line", 4, "use"], "literal_error"),
    ],
)
def test_error_in_python_values_names_the_row_or_its_line(
    changes: dict[str, Any], lines: list[int] | None, loc: list[str | int], kind: str
) -> None:
    rows = [ROW, ROW | changes]
    work = validator.check_one_by_one(rows, lines) if lines else validator.check_in_chunks(rows)
    with pytest.raises(Problem) as refused:
        run_at_once(work)
    assert refused.value.document() == invalid_rows(loc, MUST_BE[str(loc[-1])], kind)


WRONG_SHAPE = (
    'Must be {"inputs": [row, …]} or one row: an object of plain values with at most 262144 bytes. '
    + A_ROW_HAS
)
LATER = " Later rows were not checked."
ROW_TEXT = json.dumps(ROW).encode()
LARGE = 1_500_000
"""How often a few bytes are repeated to make a large body."""


class Sparing:
    """A validator that must not read a large text."""

    def __init__(self, validator: Any) -> None:
        self.validator = validator

    def validate_json(self, text: bytes) -> Any:
        assert len(text) < 20_000, "pydantic-core read a large text"
        return self.validator.validate_json(text)


def spare(monkeypatch: pytest.MonkeyPatch, validator: RowValidator) -> None:
    for name in ("_batch", "_row", "_chunk", "_exact_row"):
        monkeypatch.setattr(validator, name, Sparing(getattr(validator, name)))


@pytest.mark.parametrize(
    ("start", "repeated", "end", "row"),
    [
        (b'{"years":[', b"{},", b"{}]}", None),
        (b'{"years":[', b"[],", b"[]]}", None),
        (b'{"years":[', b"1,", b"1]}", None),
        (b'{"years":"', b"x", b'"}', None),
        (b"{", b'"x":1,', b'"x":1}', None),
        (b'{"x":[', b"0,", b"0]}", None),
        (b'{"inputs":[{', b'"x":1,', b'"x":1}]}', 0),
        (b'{"inputs":[{"years":[', b"[],", b"[]]}]}", 0),
        (b'{"inputs":[', b"[],", b"[]]}", 0),
        (b'{"inputs":[', b"1,", b"1]}", 0),
        (b'{"inputs":[%b,' % ROW_TEXT, b"null,", b"null]}", 1),
        (b'{"inputs":[%b,{"years":"' % ROW_TEXT, "größe".encode(), b'"}]}', 1),
        (b"[", b"1,", b"1]", None),
    ],
    ids=lambda value: str(value)[:24],
)
def test_large_body_of_another_shape_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch, start: bytes, repeated: bytes, end: bytes, row: int | None
) -> None:
    validator = RowValidator(FEATURES, max_rows=10_000)
    spare(monkeypatch, validator)
    document = (
        invalid_rows([], WRONG_SHAPE, "wrong_shape")
        if row is None
        else problem(
            422,
            "invalid-rows",
            f"At inputs.{row}: {WRONG_SHAPE}{LATER}",
            (["inputs", row], WRONG_SHAPE, "wrong_shape"),
        )
    )
    assert refusal(start + repeated * LARGE + end, validator, in_chunks) == document


@pytest.mark.parametrize("rows", [b"{},", ROW_TEXT + b","], ids=["empty", "valid"])
def test_more_rows_than_allowed_are_not_parsed(monkeypatch: pytest.MonkeyPatch, rows: bytes) -> None:
    validator = RowValidator(FEATURES, max_rows=10_000)
    spare(monkeypatch, validator)
    message = "At most 10000 rows are allowed in one request (MAX_ROWS)."
    body = b'{"inputs":[%b{}]}' % (rows * 10_000)
    assert refusal(body, validator, in_chunks) == invalid_rows(["inputs"], message, "too_long")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"years,rate\n" * 100_000, "expected value at line 1 column 1"),
        (
            b'{"inputs":[' + (ROW_TEXT + b",") * 6000,
            "EOF while parsing a value at line 1 column 0, counted from inputs.6000",
        ),
        (
            b'{"inputs":[' + (ROW_TEXT + b",") * 6000 + ROW_TEXT[:12],
            "EOF while parsing a value at line 1 column 12, counted from inputs.6000",
        ),
        (
            b'{"inputs":[' + (ROW_TEXT + b",") * 6000 + b'{"years" 5}]}',
            "expected `:` at line 1 column 10, counted from inputs.6000",
        ),
        (
            b'{"inputs":[' + (ROW_TEXT + b",") * 6000 + b"}" * 6000,
            "expected value at line 1 column 1, counted from inputs.6000",
        ),
    ],
    ids=["CSV", "cut between rows", "cut within a row", "wrong row", "wrong end"],
)
def test_large_body_that_is_not_json_is_400_and_says_where(body: bytes, reason: str) -> None:
    assert refusal(body, RowValidator(FEATURES), in_chunks) == invalid_json(reason)


@pytest.mark.parametrize("text", ["5.0000000001", "4.9999999999", "5.5", "1.000000001e0", "50000000001e-10"])
@pytest.mark.parametrize("read", [RowValidator.parse, in_chunks])
def test_every_fraction_is_refused_where_a_whole_number_is_due(
    read: Callable[[RowValidator, bytes], Any], text: str
) -> None:
    body = f'{{"inputs": [{row_text("years", text)}]}}'
    document = invalid_rows(["inputs", 0, "years"], MUST_BE["years"], "multiple_of")
    assert refusal(body, validator, read) == document
    with pytest.raises(Problem) as refused:
        run_at_once(validator.check_in_chunks([ROW | {"years": float(text)}]))
    assert refused.value.document() == invalid_rows([0, "years"], MUST_BE["years"], "multiple_of")
