from typing import Any

import pytest

from app.core.contract import Contract, Target
from app.core.errors import Problem
from app.prediction.csv_header import CsvHeader, HeaderReader
from tests.support.features import grade, rate, secured, years
from tests.support.problems import SECRET, invalid_rows

DECLARED: dict[str, Any] = {
    "features": (years(aliases=("duration-years", "term")), rate(), grade(), secured()),
    "target": Target(name="paid", labels=("no", "yes"), positive="yes"),
}
UNKNOWN = "Unknown column. The features are: years, rate, grade, secured."

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
    assert header == CsvHeader(line.split(","), features, target)


@pytest.mark.parametrize(
    ("line", "name", "message", "kind"),
    [
        ("", None, UNKNOWN, "extra_forbidden"),
        ("years,rate,grade", "secured", "The column secured is missing.", "missing"),
        ("years,rate,grade,paid", "secured", "The column secured is missing.", "missing"),
        ("grade,rate,secured", "years", "The column years is missing.", "missing"),
        ("paid", "years", "The column years is missing.", "missing"),
        (f"{SECRET},rate", None, UNKNOWN, "extra_forbidden"),
        ("years,rate,grade,secured,", None, UNKNOWN, "extra_forbidden"),
        ("Years,rate,grade,secured", None, UNKNOWN, "extra_forbidden"),
        ("years;rate;grade;secured", None, UNKNOWN, "extra_forbidden"),
        ("\0", None, UNKNOWN, "extra_forbidden"),
        ("years,rate,grade,secured,rate", "rate", "The column rate stands twice.", "extra_forbidden"),
        ("years,rate,grade,rate", "rate", "The column rate stands twice.", "extra_forbidden"),
        ("rate,grade,rate,secured", "years", "The column years is missing.", "missing"),
        ("term,rate,grade,secured,years", "years", "The column years stands twice.", "extra_forbidden"),
        ("years,rate,grade,secured,years", "years", "The column years stands twice.", "extra_forbidden"),
        ("paid,years,rate,grade,secured,paid", "paid", "The column paid stands twice.", "extra_forbidden"),
        (
            "," * 10,
            None,
            "Too many columns. The features are: years, rate, grade, secured.",
            "extra_forbidden",
        ),
    ],
)
def test_wrong_columns_are_refused(line: str, name: str | None, message: str, kind: str) -> None:
    with pytest.raises(Problem) as refused:
        reader.read(line.split(","))
    document = refused.value.document()
    assert document == invalid_rows(["line", 1, *([name] if name else [])], message, kind)
    assert SECRET not in str(document)


def test_file_without_a_line_has_no_columns() -> None:
    with pytest.raises(Problem) as refused:
        reader.read([])
    message = "The column years is missing."
    assert refused.value.document() == invalid_rows(["line", 1, "years"], message, "missing")
