from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from app.core.base_feature import Missing
from app.core.chunks import Work, run_at_once
from app.core.contract import Contract, Target
from app.core.errors import LISTED_ERRORS, Problem
from app.core.validation import RowValidator
from app.prediction.csv_reader import CsvReader
from tests.support.features import grade, rate, secured, years
from tests.support.problems import SECRET, Error, invalid_rows, problem

FEATURES = (
    years(aliases=("duration-years", "term")),
    rate(missing=Missing(markers=("n/a",))),
    grade(name="use", title="Use", categories=("car", 'a "big", red\nhome'), example="car"),
    secured(),
)
DECLARED: dict[str, Any] = {
    "features": FEATURES,
    "target": Target(name="paid", labels=("no", "yes"), positive="yes"),
}
HEADER = "years,rate,use,secured\n"
LINE = "5,2.5,car,true\n"
ROW = [5.0, 2.5, 0.0, 1.0]
MAX_ROWS = 5_000
ROWS_PER_CHUNK = 1_000
MUST_BE = {
    "years": "Must be a whole number from 1 to 30.",
    "term": "Must be a whole number from 1 to 30.",
    "use": 'Must be one of car, a "big", red\nhome.',
}
LATER = " Later rows were not checked."

reader = CsvReader(Contract.model_construct(**DECLARED), RowValidator(FEATURES), MAX_ROWS)


@dataclass
class Read:
    """What was read of a file."""

    rows: list[list[float]]
    truth: list[int] | None


def read(text: str, *, with_truth: bool = True) -> Read:
    csv = run_at_once(reader.read_in_chunks(text.encode(), with_truth=with_truth))
    assert csv.matrix.dtype == np.float32
    return Read(csv.matrix.tolist(), None if csv.truth is None else csv.truth.tolist())


def refusal(text: str, *, with_truth: bool = True) -> dict[str, Any]:
    """Return the problem document for a body, which holds nothing secret."""
    with pytest.raises(Problem) as refused:
        read(text, with_truth=with_truth)
    document = refused.value.document()
    assert SECRET not in str(document)
    return document


def wrong(line: int, name: str, kind: str) -> Error:
    return ["line", line, name], MUST_BE[name], kind


def errors(*listed: Error, later: bool = False) -> dict[str, Any]:
    """Return the problem of these errors, in the order of the file."""
    loc, message, _ = listed[0]
    at = "At" if len(listed) == 1 else f"{len(listed)} errors, the first at"
    detail = f"{at} {' '.join(map(str, loc))}: {message}" + (LATER if later else "")
    return problem(422, "invalid-rows", detail, *listed)


@pytest.mark.parametrize(
    "text",
    [
        HEADER + LINE,
        HEADER + " 5\t,2.50, car ,TRUE\n",
        "secured,use,rate,years\nyes,car,25e-1,5.0\n",
        "rate,term,use,secured\n+2.5,05,car,1\n",
    ],
    ids=["plain", "other notation", "other order", "alias"],
)
def test_line_becomes_a_row_of_codes(text: str) -> None:
    assert read(text) == Read([ROW], None)


@pytest.mark.parametrize("missing", ["", " ", "n/a", '""', '"n/a"'])
def test_missing_value_is_nan_where_it_is_allowed(missing: str) -> None:
    ((age, share, *others),) = read(f"{HEADER}5,{missing},car,true\n").rows
    assert np.isnan(share)
    assert [age, *others] == [5, 0, 1]


def test_file_of_several_chunks_keeps_its_order() -> None:
    lines = [f"{years},{rate / 100},car,no" for rate in range(700) for years in (1, 2, 3)]
    rows = read(HEADER + "\n".join(lines)).rows
    expected = [[years, np.float32(rate / 100), 0, 0] for rate in range(700) for years in (1, 2, 3)]
    assert rows == expected


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        ("years,rate,use,secured,paid", ["5,2.5,car,true,yes", "5,2.5,car,true, no ", "5,2.5,car,true,yes"]),
        ("paid,years,rate,use,secured", ["yes,5,2.5,car,true", "no ,5,2.5,car,true", "yes,5,2.5,car,true"]),
        ("years, rate, paid, use, secured", ["5,2.5,yes,car,1", "5,2.5,no,car,1", "5,2.5,yes,car,1"]),
    ],
)
def test_target_column_is_extracted_or_ignored(header: str, lines: list[str]) -> None:
    text = "\n".join([header, *lines])
    assert read(text) == Read([ROW] * 3, [1, 0, 1])
    assert read(text, with_truth=False) == Read([ROW] * 3, None)


@pytest.mark.parametrize("label", ["", SECRET, "Yes", "1"])
def test_unknown_label_is_refused_unless_labels_are_ignored(label: str) -> None:
    text = f"paid,{HEADER}yes,{LINE}{label},{LINE}"
    message = "Must be one of no, yes."
    assert refusal(text) == invalid_rows(["line", 3, "paid"], message, "literal_error")
    assert read(text, with_truth=False) == Read([ROW] * 2, None)


@pytest.mark.parametrize("with_truth", [True, False])
def test_wrong_columns_are_refused(with_truth: bool) -> None:
    document = invalid_rows(["line", 1, "secured"], "The column secured is missing.", "missing")
    assert refusal("years,rate,use\n1,1,1\n", with_truth=with_truth) == document


@pytest.mark.parametrize("text", [HEADER, HEADER + "\n\n", f"paid,{HEADER}"])
def test_file_without_rows_is_refused(text: str) -> None:
    assert refusal(text) == invalid_rows([], "At least one row is needed.", "too_short")


def test_error_names_the_line_and_the_name_in_the_header() -> None:
    text = f"paid,{HEADER}yes,{LINE}\n\nno,{SECRET},2.5,car,1\n".replace("years", "term")
    assert refusal(text) == errors(wrong(5, "term", "float_type"))


def test_errors_of_every_chunk_are_listed_in_the_order_of_the_features() -> None:
    lines = [LINE] * 3_500
    lines[1] = f"5.5,2.5,{SECRET},true\n"
    lines[3_000] = "31,2.5,car,true\n"
    assert refusal(HEADER + "".join(lines)) == errors(
        wrong(3, "years", "multiple_of"),
        wrong(3, "use", "literal_error"),
        wrong(3_002, "years", "less_than_equal"),
    )


@pytest.mark.parametrize(
    ("more", "later"), [(0, False), (1, True), (ROWS_PER_CHUNK, True)], ids=["none", "one", "a chunk"]
)
@pytest.mark.parametrize("start", [0, ROWS_PER_CHUNK - LISTED_ERRORS, ROWS_PER_CHUNK - 1])
@pytest.mark.parametrize("line", [LINE, "0,2.5,car,true\n"], ids=["right", "wrong"])
def test_rows_after_the_last_listed_error_are_said_not_to_be_checked(
    start: int, more: int, later: bool, line: str
) -> None:
    lines = LINE * start + "0,2.5,car,true\n" * LISTED_ERRORS + line * more
    listed = [wrong(start + 2 + row, "years", "greater_than_equal") for row in range(LISTED_ERRORS)]
    assert refusal(HEADER + lines) == errors(*listed, later=later)


def test_problem_of_the_file_comes_before_errors_of_its_cells() -> None:
    message = "Has 1 cells where the header has 4."
    for text in (f"{HEADER}0,2.5,car,true\n5\n", f"{HEADER}0,2.5,car,true\n{LINE * 2_500}5\n"):
        line = text.count("\n")
        assert refusal(text) == invalid_rows(["line", line], message, "cells")


def test_problem_after_the_last_listed_error_is_not_reported() -> None:
    text = HEADER + "0,2.5,car,true\n" * LISTED_ERRORS + LINE * ROWS_PER_CHUNK
    assert refusal(text + "5\n") == refusal(text)


def test_too_many_rows_are_refused() -> None:
    message = f"At most {MAX_ROWS} rows are allowed in one request (MAX_ROWS)."
    assert refusal(HEADER + LINE * (MAX_ROWS + 1)) == invalid_rows([], message, "too_long")
    assert len(read(HEADER + LINE * MAX_ROWS).rows) == MAX_ROWS


@pytest.mark.parametrize("first_line", [LINE, "0,2.5,car,true\n"], ids=["right", "wrong"])
def test_other_requests_have_their_turn_after_every_chunk(first_line: str) -> None:
    work = reader.read_in_chunks((HEADER + first_line + LINE * 4_499).encode(), with_truth=True)
    assert sum(1 for _ in turns(work)) >= 4_500 / ROWS_PER_CHUNK


def turns(work: Work[Any]) -> Iterator[None]:
    try:
        yield from work
    except Problem:
        return


def test_merged_labels_are_read_as_the_label_that_they_stand_for() -> None:
    target = Target(name="paid", labels=("no", "yes"), positive="yes", merge={"yes": ("late", "on time")})
    contract = Contract.model_construct(**DECLARED | {"target": target})
    merging = CsvReader(contract, RowValidator(FEATURES), MAX_ROWS)
    body = f"paid,{HEADER}late,{LINE}no,{LINE}on time,{LINE}yes,{LINE}".encode()
    csv = run_at_once(merging.read_in_chunks(body, with_truth=True))
    assert csv.truth is not None
    assert csv.truth.tolist() == [1, 0, 1, 1]
    with pytest.raises(Problem) as refused:
        run_at_once(merging.read_in_chunks(f"paid,{HEADER}never,{LINE}".encode(), with_truth=True))
    assert "Must be one of no, yes, late, on time." in refused.value.detail
