from typing import Any

import pytest

from app.core.column_names import ColumnNames
from app.core.contract import Contract, Target
from app.core.errors import Problem
from app.prediction.csv_header import HeaderReader
from app.prediction.csv_options import Options
from tests.support.features import grade, rate, secured, years
from tests.support.problems import SECRET, invalid_rows

DECLARED: dict[str, Any] = {
    "features": (years(aliases=("duration-years", "term")), rate(), grade(), secured()),
    "target": Target(name="paid", labels=("no", "yes"), positive="yes"),
}
KNOWN = ["years", "rate", "grade", "secured"]
FEATURES = "The features are: years, rate, grade, secured."
ONE_COLUMN = "The first line has one column, and no known one; comma, semicolon, tab and | delimit columns."
VALUES = "The first line must be a header with the names of the columns; it has values."

reader = HeaderReader(Contract.model_construct(**DECLARED))


@pytest.mark.parametrize(
    ("line", "features", "target"),
    [
        ("years,rate,grade,secured", [0, 1, 2, 3], None),
        ("secured,grade,rate,years", [3, 2, 1, 0], None),
        ("rate,term,secured,grade", [1, 0, 3, 2], None),
        ("rate,duration-years,secured,grade", [1, 0, 3, 2], None),
        ("years,rate,grade,secured,paid", [0, 1, 2, 3], 4),
        ("paid,years,rate,grade,secured", [1, 2, 3, 4], 0),
        ("secured,years,paid,grade,rate", [1, 4, 3, 0], 2),
    ],
)
@pytest.mark.parametrize("separator", [",", " ,", "\t,"])
def test_columns_may_be_in_any_order_under_any_name(
    line: str, features: list[int], target: int | None, separator: str
) -> None:
    header = reader.read(line.replace(",", separator).split(","))
    assert (header.names, header.features, header.target) == (line.split(","), features, target)
    assert (header.twins, header.ignored) == ((), ())


@pytest.mark.parametrize(
    "line",
    [
        "Years,RATE,Grade,Secured",
        "TERM, rate ,grade,secured",
        "Duration Years,rate,grade,secured",
        "duration.years,rate,grade,secured",
        "_duration_years_,rate,grade,secured",
    ],
)
def test_capitals_and_signs_between_words_do_not_matter(line: str) -> None:
    header = reader.read(line.split(","))
    assert (header.features, header.ignored) == ([0, 1, 2, 3], ())


def test_an_exact_name_counts_before_a_similar_one() -> None:
    names = ColumnNames([["a b"], ["A_b"], ["other"]])
    assert [names.find(name) for name in ("a b", "A_b", "a_b", " OTHER ")] == [0, 1, None, 2]


def test_errors_use_a_name_of_the_feature() -> None:
    header = reader.read(["term", "Rate", "GRADE", "secured"])
    assert header.keys == ("term", "rate", "grade", "secured")
    assert header.numbers == (0, 1)


def test_other_columns_are_ignored_and_listed() -> None:
    header = reader.read(["", "#", *KNOWN, "Unnamed: 0", f"<b>{'x' * 100}", ""])
    assert header.features == [2, 3, 4, 5]
    assert header.ignored == (
        "column 1 (no name)",
        "#",
        "Unnamed: 0",
        "_b_" + "x" * 61,
        "column 9 (no name)",
    )


@pytest.mark.parametrize("others", [["#"], ["id", "note"], [""]])
def test_strict_refuses_other_columns_by_name(others: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        reader.read([*KNOWN, *others], options=Options(strict=True))
    assert refused.value.errors[0]["type"] == "extra_forbidden"
    names = ", ".join(name or "column 5 (no name)" for name in others)
    assert refused.value.errors[0]["msg"] == f"Unknown columns, which strict=true refuses: {names}."
    assert reader.read([*KNOWN, "paid"], options=Options(strict=True)).ignored == ()


def test_kept_columns_are_found_by_their_name() -> None:
    header = reader.read(["id", *KNOWN, "note"], options=Options(strict=True, keep=("note", "id", "rate")))
    assert (header.kept, header.ignored) == ((5, 0, 2), ())
    with pytest.raises(Problem) as refused:
        reader.read(["id", *KNOWN], options=Options(keep=("id", "<nothing>")))
    assert refused.value.detail == "At body: The column _nothing_, which keep= names, is missing."


@pytest.mark.parametrize(
    ("line", "twins"),
    [
        ("years,rate,grade,secured,rate", ((1, 4, "rate"),)),
        ("term,rate,grade,secured,years", ((0, 4, "years"),)),
        ("paid,years,rate,grade,secured,Paid", ((0, 5, "paid"),)),
    ],
)
def test_columns_of_one_thing_are_to_be_compared(line: str, twins: object) -> None:
    assert reader.read(line.split(",")).twins == twins


@pytest.mark.parametrize(
    ("line", "name", "message"),
    [
        ("years,rate,grade", "secured", "The column secured is missing."),
        ("years,rate,grade,paid", "secured", "The column secured is missing."),
        ("grade,rate,secured", "years", "The column years is missing."),
        (f"{SECRET},rate", "years", "The columns years, grade, secured are missing."),
        ("years,rate,grade,rate", "secured", "The column secured is missing."),
        ("", None, f"{ONE_COLUMN} {FEATURES}"),
        ("paid", None, f"{ONE_COLUMN} {FEATURES}"),
        ("years:rate:grade:secured", None, f"{ONE_COLUMN} {FEATURES}"),
        ("a,b", None, f"The first line has no known column. {FEATURES}"),
        ("5,2.5,A,true", None, f"{VALUES} {FEATURES}"),
        ("," * 1008, None, "Too many columns: at most 1008 are read."),
    ],
)
def test_wrong_columns_are_refused(line: str, name: str | None, message: str) -> None:
    with pytest.raises(Problem) as refused:
        reader.read(line.split(","), 3)
    kind = "extra_forbidden" if message.startswith("Too many") else "missing"
    assert refused.value.document() == invalid_rows(["line", 3, *([name] if name else [])], message, kind)


def test_only_the_first_features_are_listed() -> None:
    features = tuple(years(name=f"f{number}") for number in range(30))
    many = HeaderReader(Contract.model_construct(**DECLARED | {"features": features}))
    with pytest.raises(Problem) as refused:
        many.read(["a", "b"])
    assert refused.value.detail.endswith("f18, f19 and 10 more.")


def test_file_without_a_line_has_no_columns() -> None:
    with pytest.raises(Problem) as refused:
        reader.read([])
    assert refused.value.document() == invalid_rows(["line", 1], "The file is empty.", "missing")
