import json
import math
from typing import Any

import pytest

from app.core.chunks import run_at_once
from app.core.errors import Problem
from app.core.features import BooleanFeature, CategoryFeature, Feature, IntegerFeature, Missing, NumberFeature
from app.core.validation import SMALL_BODY, RowValidator, row_schema

SECRET = "xyzzy-secret"  # noqa: S105 - stands for anything that a client may send
NULL_ONLY = Missing()
Error = tuple[list[str | int], str, str]  # loc, msg, type

FEATURES: list[Feature] = [
    IntegerFeature(
        name="years",
        aliases=("duration-years", "term"),
        type="integer",
        minimum=1,
        maximum=30,
        title="Years",
        example=5,
    ),
    NumberFeature(
        name="rate",
        type="number",
        minimum=-0.5,
        maximum=1234567.25,
        title="Rate",
        unit="percent",
        example=2.5,
        missing=Missing(markers=("n/a", "-")),
    ),
    CategoryFeature(
        name="grade",
        type="category",
        categories=("A", "B", "C"),
        title="Grade",
        example="B",
        missing=Missing(markers=("?",)),
    ),
    BooleanFeature(name="secured", type="boolean", title="Secured", example=True),
    BooleanFeature(name="insured", type="boolean", title="Insured", example=False, missing=NULL_ONLY),
    CategoryFeature(name="use", type="category", categories=("car", "home"), title="Use", example="car"),
]
ROW: dict[str, Any] = {
    "years": 5,
    "rate": 2.5,
    "grade": "B",
    "secured": True,
    "insured": False,
    "use": "car",
}
ALLOWED = {
    "years": "a whole number from 1 to 30",
    "rate": "a number from -0.5 to 1234567.25; or, when missing, null or n/a or -",
    "grade": "one of A, B, C; or, when missing, null or ?",
    "secured": "true or false",
    "insured": "true or false; or, when missing, null",
    "use": "one of car, home",
}
A_ROW_HAS = "A row has: years, rate, grade, secured, insured, use."

validator = RowValidator(FEATURES, max_rows=3)


def refusal(body: bytes | str, validator: RowValidator = validator) -> dict[str, Any]:
    """Return the problem document for a body, which holds nothing secret."""
    with pytest.raises(Problem) as refused:
        validator.parse(body if isinstance(body, bytes) else body.encode())
    document = refused.value.document()
    assert SECRET not in json.dumps(document)
    return document


def invalid(detail: str, *errors: Error) -> dict[str, Any]:
    return {
        "type": "urn:problem:invalid-rows",
        "title": "Invalid rows",
        "status": 422,
        "detail": detail,
        "errors": [{"loc": loc, "msg": msg, "type": kind} for loc, msg, kind in errors],
    }


def not_json(reason: str) -> dict[str, Any]:
    return {
        "type": "urn:problem:invalid-json",
        "title": "Invalid json",
        "status": 400,
        "detail": f"The body is not JSON: {reason}.",
    }


def with_value(name: str, value: str) -> str:
    """Return a bare row as text, in which one value is written as given."""
    return json.dumps(ROW | {name: SECRET}).replace(f'"{SECRET}"', value)


def test_bare_row_is_one_row() -> None:
    assert validator.parse(json.dumps(ROW).encode()) == [ROW]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("start", ['{"inputs":', ' \r\n\t{ "inputs" : '])
def test_batch_is_its_rows_in_their_order(count: int, start: str) -> None:
    rows = [ROW | {"years": 1 + number} for number in range(count)]
    assert validator.parse(f"{start}{json.dumps(rows)}}}".encode()) == rows


def test_values_come_out_in_the_order_of_the_features_whatever_their_order_and_names() -> None:
    shuffled = dict(reversed(ROW.items()))
    del shuffled["years"]
    (row,) = validator.parse(json.dumps(shuffled | {"term": 7}).encode())
    assert list(row.items()) == list((ROW | {"years": 7.0}).items())


@pytest.mark.parametrize("alias", ["duration-years", "term"])
def test_alias_is_as_good_as_the_name(alias: str) -> None:
    renamed = {alias if key == "years" else key: value for key, value in ROW.items()}
    assert validator.parse(json.dumps(renamed).encode()) == [ROW]


@pytest.mark.parametrize(
    ("names", "blamed"),
    [
        (("years", "term"), "term"),
        (("term", "years"), "term"),
        (("term", "duration-years"), "term"),
    ],
)
def test_feature_given_under_two_names_is_refused(names: tuple[str, str], blamed: str) -> None:
    rest = {key: value for key, value in ROW.items() if key != "years"}
    message = f"Unknown field, or one given twice under two names. {A_ROW_HAS}"
    assert refusal(json.dumps(dict.fromkeys(names, 5) | rest)) == invalid(
        f"At {blamed}: {message}", ([blamed], message, "extra_forbidden")
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("years", "30", 30.0),
        ("years", "1.0", 1.0),
        ("years", "5e0", 5.0),
        ("years", "0.3E+2", 30.0),
        ("rate", "7", 7.0),
        ("rate", "-0.5", -0.5),
        ("rate", "1234567.25", 1234567.25),
        ("rate", "null", None),
        ("rate", '"n/a"', None),
        ("rate", '"-"', None),
        ("grade", "null", None),
        ("grade", '"?"', "?"),
        ("grade", '"\\u0041"', "A"),
        ("secured", "false", False),
        ("insured", "null", None),
    ],
)
def test_value_is_accepted(name: str, text: str, value: Any) -> None:
    (row,) = validator.parse(with_value(name, text).encode())
    assert row == ROW | {name: value}
    assert type(row[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("years", "0", "greater_than_equal"),
        ("years", "31", "less_than_equal"),
        ("years", "5.5", "multiple_of"),
        ("years", '"5"', "float_type"),
        ("years", "true", "float_type"),
        ("years", "null", "float_type"),
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
        ("rate", "false", "float_type"),
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
        ("secured", "1", "bool_type"),
        ("secured", "0.0", "bool_type"),
        ("secured", '"true"', "bool_type"),
        ("secured", "null", "bool_type"),
        ("secured", f'{{"{SECRET}": "{SECRET}"}}', "bool_type"),
        ("insured", '"?"', "bool_type"),
        ("use", "null", "literal_error"),
        ("use", '"?"', "literal_error"),
    ],
)
def test_value_is_refused_with_what_is_allowed(name: str, text: str, kind: str) -> None:
    message = f"Must be {ALLOWED[name]}."
    assert refusal(with_value(name, text)) == invalid(f"At {name}: {message}", ([name], message, kind))


@pytest.mark.parametrize("name", ROW)
def test_missing_field_is_refused_with_what_is_allowed(name: str) -> None:
    rest = {key: value for key, value in ROW.items() if key != name}
    message = f"Required: {ALLOWED[name]}."
    assert refusal(json.dumps(rest)) == invalid(f"At {name}: {message}", ([name], message, "missing"))


def test_value_under_an_alias_is_blamed_where_it_stands() -> None:
    renamed = {"term" if key == "years" else key: value for key, value in ROW.items()} | {"term": SECRET}
    message = f"Must be {ALLOWED['years']}."
    assert refusal(json.dumps({"inputs": [ROW, renamed]})) == invalid(
        f"At inputs.1.term: {message}", (["inputs", 1, "term"], message, "float_type")
    )


@pytest.mark.parametrize(
    ("body", "where", "loc", "message", "kind"),
    [
        ("null", "body", [], f"Must be an object. {A_ROW_HAS}", "dict_type"),
        (f'"{SECRET}"', "body", [], f"Must be an object. {A_ROW_HAS}", "dict_type"),
        (json.dumps([ROW]), "body", [], f"Must be an object. {A_ROW_HAS}", "dict_type"),
        ('{"inputs": null}', "inputs", ["inputs"], "Must be an array of rows.", "list_type"),
        (json.dumps({"inputs": ROW}), "inputs", ["inputs"], "Must be an array of rows.", "list_type"),
        (f'{{"inputs": "{SECRET}"}}', "inputs", ["inputs"], "Must be an array of rows.", "list_type"),
        ('{"inputs": []}', "inputs", ["inputs"], "At least one row is needed.", "too_short"),
        (
            json.dumps({"inputs": [ROW] * 4}),
            "inputs",
            ["inputs"],
            "At most 3 rows are allowed in one request.",
            "too_long",
        ),
        (
            '{"inputs": [{}, {}, {}, {}]}',
            "inputs",
            ["inputs"],
            "At most 3 rows are allowed in one request.",
            "too_long",
        ),
        (
            json.dumps({"inputs": [ROW, [SECRET]]}),
            "inputs.1",
            ["inputs", 1],
            f"Must be an object. {A_ROW_HAS}",
            "dict_type",
        ),
        (
            json.dumps({"inputs": [ROW], "parameters": SECRET}),
            "parameters",
            ["parameters"],
            f"Unknown field, or one given twice under two names. {A_ROW_HAS}",
            "extra_forbidden",
        ),
    ],
)
def test_other_shape_is_refused_with_the_right_one(
    body: str, where: str, loc: list[str | int], message: str, kind: str
) -> None:
    assert refusal(body) == invalid(f"At {where}: {message}", (loc, message, kind))


def test_every_mistake_is_listed_and_the_first_is_the_detail() -> None:
    without_use = {key: value for key, value in ROW.items() if key != "use"}
    rows = [ROW, ROW | {"grade": "Z", "secured": 1}, without_use | {"years": 99}]
    assert refusal(json.dumps({"inputs": rows})) == invalid(
        f"4 errors, the first at inputs.1.grade: Must be {ALLOWED['grade']}.",
        (["inputs", 1, "grade"], f"Must be {ALLOWED['grade']}.", "literal_error"),
        (["inputs", 1, "secured"], "Must be true or false.", "bool_type"),
        (["inputs", 2, "years"], f"Must be {ALLOWED['years']}.", "less_than_equal"),
        (["inputs", 2, "use"], f"Required: {ALLOWED['use']}.", "missing"),
    )


@pytest.mark.parametrize(
    ("mistakes", "omitted"),
    [(99, {}), (100, {}), (101, {"errors_omitted": 1}), (250, {"errors_omitted": 150})],
)
def test_hundred_mistakes_are_listed_and_the_rest_is_counted(mistakes: int, omitted: dict[str, int]) -> None:
    rows = [ROW | {"years": SECRET}] * mistakes
    message = f"Must be {ALLOWED['years']}."
    listed: list[Error] = [
        (["inputs", number, "years"], message, "float_type") for number in range(min(mistakes, 100))
    ]
    expected = invalid(f"{mistakes} errors, the first at inputs.0.years: {message}", *listed)
    assert refusal(json.dumps({"inputs": rows}), RowValidator(FEATURES)) == expected | omitted


@pytest.mark.parametrize(
    ("name", "shown"),
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
def test_name_of_an_unknown_field_is_cut_and_cleaned(name: str, shown: str) -> None:
    message = f"Unknown field, or one given twice under two names. {A_ROW_HAS}"
    assert refusal(json.dumps(ROW | {name: SECRET})) == invalid(
        f"At {shown or 'body'}: {message}", ([shown], message, "extra_forbidden")
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "EOF while parsing a value at line 1 column 0"),
        (" ", "EOF while parsing a value at line 1 column 1"),
        (SECRET, "expected value at line 1 column 1"),
        (f"{{'{SECRET}': 1}}", "key must be a string at line 1 column 2"),
        ('{"inputs"', "EOF while parsing an object at line 1 column 9"),
        ('{"inputs": [{"years": 5,}]}', "trailing comma at line 1 column 25"),
        (f'{json.dumps(ROW)} "{SECRET}"', f"trailing characters at line 1 column {len(json.dumps(ROW)) + 2}"),
        ('{"years": 05}', "invalid number at line 1 column 12"),
        (f'{{"years":\n"{SECRET}', f"EOF while parsing a string at line 2 column {len(SECRET) + 1}"),
        (b'{"use": "\xff"}', "invalid unicode code point at line 1 column 10"),
        (b"\xef\xbb\xbf{}", "expected value at line 1 column 1"),
        (json.dumps(ROW).encode("utf-16"), "expected value at line 1 column 1"),
        ('{"use": "\\ud800"}', "unexpected end of hex escape at line 1 column 16"),
        (b"\x00", "expected value at line 1 column 1"),
        ("[" * 100_000, "recursion limit exceeded at line 1 column 202"),
        ('{"inputs":' + "[" * 100_000, "recursion limit exceeded at line 1 column 211"),
        ('{"a":' * 10_000, "recursion limit exceeded at line 1 column 1006"),
        ('{"years":1' + "0" * 5000 + "}", "number out of range at line 1 column 4311"),
    ],
)
def test_what_is_not_json_is_400_and_says_where(body: bytes | str, reason: str) -> None:
    assert refusal(body) == not_json(reason)


def test_last_of_equal_keys_counts() -> None:
    text = with_value("years", '"wrong", "years": 7')
    assert validator.parse(text.encode()) == [ROW | {"years": 7.0}]
    assert validator.parse(f'{{"inputs": "wrong", "inputs": [{text}]}}'.encode()) == [ROW | {"years": 7.0}]
    message = f"Must be {ALLOWED['years']}."
    assert refusal(with_value("years", '7, "years": "wrong"')) == invalid(
        f"At years: {message}", (["years"], message, "float_type")
    )


def test_rows_that_are_python_values_are_checked_alike() -> None:
    assert run_at_once(validator.check_in_chunks([ROW, ROW | {"grade": "?", "rate": None}])) == [
        ROW,
        ROW | {"grade": "?", "rate": None},
    ]
    message = f"Must be {ALLOWED['rate']}."
    with pytest.raises(Problem) as refused:
        run_at_once(validator.check_in_chunks([ROW, ROW | {"rate": math.nan}]))
    assert refused.value.document() == invalid(
        f"At 1.rate: {message}", ([1, "rate"], message, "finite_number")
    )


@pytest.mark.parametrize(
    ("lines", "where", "loc"),
    [(None, "1.use", [1, "use"]), ([2, 4], "line 4 use", ["line", 4, "use"])],
)
def test_row_of_a_file_is_blamed_by_its_line(
    lines: list[int] | None, where: str, loc: list[str | int]
) -> None:
    message = f"Must be {ALLOWED['use']}."
    with pytest.raises(Problem) as refused:
        run_at_once(validator.check_in_chunks([ROW, ROW | {"use": SECRET}], lines))
    assert refused.value.document() == invalid(f"At {where}: {message}", (loc, message, "literal_error"))


class Unreachable:
    """Stands for a validator that must not be asked."""

    def validate_json(self, _body: bytes) -> None:
        raise AssertionError("pydantic-core was asked")


@pytest.mark.parametrize("start", [b'{"inputs":[{', b"{"], ids=["batch", "bare row"])
def test_million_unknown_fields_are_refused_before_they_are_parsed(
    monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    validator = RowValidator(FEATURES, max_rows=10_000)
    for schema in ("_batch", "_row", "_chunk"):
        monkeypatch.setattr(validator, schema, Unreachable())
    fields = b",".join([b'"%x":0' % number for number in range(1_000_000)])
    body = start + fields + (b"}]}" if b"[" in start else b"}")
    assert len(body) > 9_000_000
    names = ", ".join(feature.name for feature in FEATURES)
    message = f"More fields than 10000 rows have. A row has: {names}."
    assert refusal(body, validator) == invalid(f"At body: {message}", ([], message, "too_many_fields"))


COLONS: list[Feature] = [
    CategoryFeature(
        name="urn:of:kind",
        aliases=("kind::",),
        type="category",
        categories=("a", "urn:a:b:c", "::::"),
        title="Kind",
        example="a",
        missing=Missing(markers=(":::::",)),
    ),
    NumberFeature(
        name="rate",
        type="number",
        minimum=0,
        maximum=20,
        title="Rate",
        example=1,
        missing=Missing(markers=("n::a",)),
    ),
    BooleanFeature(name="s:t", type="boolean", title="S", example=True),
]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"urn:of:kind": "a", "rate": 1, "s:t": True}, {"urn:of:kind": "a", "rate": 1, "s:t": True}),
        (
            {"urn:of:kind": ":::::", "rate": "n::a", "s:t": True},
            {"urn:of:kind": ":::::", "rate": None, "s:t": True},
        ),
        (
            {"kind::": "::::", "rate": "n::a", "s:t": False},
            {"urn:of:kind": "::::", "rate": None, "s:t": False},
        ),
    ],
    ids=["few colons", "most colons", "alias"],
)
@pytest.mark.parametrize("max_rows", [5000, None])
def test_as_many_rows_as_allowed_are_accepted_whatever_colons_they_hold(
    max_rows: int | None, sent: dict[str, Any], read: dict[str, Any]
) -> None:
    body = json.dumps({"inputs": [sent] * 5000}, indent=1).encode()
    assert len(body) > SMALL_BODY
    assert RowValidator(COLONS, max_rows).parse(body) == [read] * 5000


def test_schema_of_a_row_describes_every_feature() -> None:
    assert row_schema(FEATURES) == {
        "type": "object",
        "title": "Row",
        "properties": {
            "years": {
                "title": "Years",
                "description": "Also accepted as: duration-years, term.",
                "type": "integer",
                "minimum": 1,
                "maximum": 30,
                "examples": [5],
            },
            "rate": {
                "title": "Rate",
                "description": "Unit: percent.",
                "anyOf": [
                    {"type": "number", "minimum": -0.5, "maximum": 1234567.25},
                    {"enum": ["n/a", "-", None]},
                ],
                "examples": [2.5],
            },
            "grade": {
                "title": "Grade",
                "type": ["string", "null"],
                "enum": ["A", "B", "C", "?", None],
                "examples": ["B"],
            },
            "secured": {"title": "Secured", "type": "boolean", "examples": [True]},
            "insured": {
                "title": "Insured",
                "anyOf": [{"type": "boolean"}, {"enum": [None]}],
                "examples": [False],
            },
            "use": {"title": "Use", "type": "string", "enum": ["car", "home"], "examples": ["car"]},
        },
        "required": ["years", "rate", "grade", "secured", "insured", "use"],
        "additionalProperties": False,
        "examples": [ROW],
    }
