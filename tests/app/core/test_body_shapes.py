"""Bodies of other shapes: rows where that is harmless, or else an error that says what they are."""

import json
from typing import Any

import pytest

from app.core.chunks import run_at_once
from app.core.errors import Problem
from app.core.features import CategoryFeature
from app.core.validation import RowValidator
from tests.support.features import grade, rate, secured, years

FEATURES = (years(), rate(), grade(), secured())
ROW: dict[str, Any] = {"years": 5, "rate": 2.5, "grade": "B", "secured": True}
TEXT = json.dumps(ROW)
MANY = 3000
SHAPE = 'Send {"inputs": [{"years":5,"rate":2.5, …}, …]}.'
SPLIT = "The body is a table of columns and data, as to_dict(orient='split') of pandas makes it."

validator = RowValidator(FEATURES, max_rows=MANY)


def refusal(body: str | bytes, validator: RowValidator = validator) -> Problem:
    with pytest.raises(Problem) as refused:
        validator.parse(body if isinstance(body, bytes) else body.encode())
    return refused.value


@pytest.mark.parametrize("rows", [2, MANY])
@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda rows: json.dumps(rows, indent=2),
        lambda rows: "\n".join(map(json.dumps, rows)),
        lambda rows: "\n\n".join(map(json.dumps, rows)) + "\n \n",
        lambda rows: "\r\n".join(map(json.dumps, rows)) + "\r\n",
        lambda rows: "\ufeff" + json.dumps({"inputs": rows}),
        lambda rows: "\ufeff" + json.dumps(rows),
        lambda rows: "\ufeff" + "\n".join(map(json.dumps, rows)),
    ],
    ids=["list", "indented", "lines", "blank lines", "CRLF", "mark", "mark and list", "mark and lines"],
)
def test_harmless_shapes_are_rows(write: Any, rows: int) -> None:
    body = write([ROW | {"years": 1 + number % 30} for number in range(rows)]).encode()
    parsed = [validator.parse(body), run_at_once(validator.parse_in_chunks(body))]
    assert parsed == [[ROW | {"years": 1 + number % 30} for number in range(rows)]] * 2


def test_one_row_may_have_a_mark() -> None:
    assert validator.parse(f"\ufeff{TEXT}".encode()) == [ROW]


@pytest.mark.parametrize("separator", ["\n", ", "])
def test_errors_of_such_rows_say_which(separator: str) -> None:
    rows = separator.join([TEXT, json.dumps(ROW | {"years": 99})])
    problem = refusal(rows if separator == "\n" else f"[{rows}]")
    assert problem.errors[0]["loc"] == ["inputs", 1, "years"]


@pytest.mark.parametrize("body", ["[{}" + ",{}" * MANY + "]", "{}\n" * (MANY + 1), "{}\n" * (3 * MANY)])
def test_too_many_of_such_rows_are_refused(body: str) -> None:
    assert refusal(body).status in {400, 422}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"instances": [ROW]}, "The rows stand under instances, not under inputs."),
        ({"data": [ROW]}, "The rows stand under data, not under inputs."),
        ({"columns": [*ROW], "index": [0], "data": [[*ROW.values()]]}, SPLIT),
        ({"dataframe_split": {"columns": [*ROW], "data": [[*ROW.values()]]}}, SPLIT),
        ({"0": ROW}, "The body has a row for each index, as to_dict(orient='index') of pandas makes it."),
        (
            {"inputs": {name: [value] for name, value in ROW.items()}},
            "inputs has a list for each column; it must be a list of rows.",
        ),
        (
            {"inputs": [[*ROW.values()]]},
            "A row is a list of values without names; it must be an object.",
        ),
        (
            {"inputs": [{"name": "years", "shape": [1, 1], "datatype": "INT64", "data": [5]}]},
            "The body has tensors of the Open Inference Protocol, not rows.",
        ),
        (TEXT, "The body is JSON within a string: it was encoded twice. Encode it once."),
        (json.dumps([ROW]), "The body is JSON within a string: it was encoded twice. Encode it once."),
    ],
)
def test_other_shape_is_named_with_the_right_one(body: Any, words: str) -> None:
    problem = refusal(json.dumps(body))
    assert (problem.status, problem.detail) == (422, f"At body: {words} {SHAPE}")
    assert problem.errors == [{"loc": [], "msg": f"{words} {SHAPE}", "type": "wrong_shape"}]


def test_a_feature_may_have_the_name_of_such_a_key() -> None:
    named = RowValidator((years(name="data"), rate()))
    assert refusal('{"data": [5], "rate": 2.5}', named).errors[0]["loc"] == ["data"]


@pytest.mark.parametrize("name", ["Years", "YEARS", " years ", "y-ears"])
def test_error_of_an_unknown_field_guesses_what_is_meant(name: str) -> None:
    problem = refusal(json.dumps({name: 5} | {key: ROW[key] for key in ("rate", "grade", "secured")}))
    unknown = next(error for error in problem.errors if error["type"] == "extra_forbidden")
    assert unknown["msg"].endswith(" Perhaps years is meant.")


def test_name_of_a_feature_stands_whole_in_errors() -> None:
    named = RowValidator((rate(name="length [%] (cm)"), years()))
    assert refusal('{"years": 5, "length [%] (cm)": -1}', named).errors[0]["loc"] == ["length [%] (cm)"]


@pytest.mark.parametrize("value", ['"2"', "2", "2.0"])
def test_a_number_stands_for_the_category_that_it_names(value: str) -> None:
    codes: CategoryFeature = grade(categories=("1", "2"), example="1")
    body = f'{{"grade": {value}, "years": 5}}'.encode()
    assert RowValidator((codes, years())).parse(body) == [{"grade": "2", "years": 5}]


@pytest.mark.parametrize("value", ["3", "1.5", "true", "null", "[1]"])
def test_no_other_value_stands_for_a_category_with_the_name_of_a_number(value: str) -> None:
    codes: CategoryFeature = grade(categories=("1", "2"), example="1")
    (error,) = refusal(f'{{"grade": {value}, "years": 5}}', RowValidator((codes, years()))).errors
    assert error["type"] == "literal_error"


def test_only_the_first_categories_are_listed() -> None:
    many: CategoryFeature = grade(categories=tuple(f"c{number}" for number in range(50)), example="c1")
    message = refusal('{"grade": "c50", "years": 5}', RowValidator((many, years()))).errors[0]["msg"]
    assert message.endswith("c18, c19 and 30 more.")
