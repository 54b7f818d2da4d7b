"""The sentences of the report, each from rows that call for it."""

from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.reports.eda import alerts, profile
from model_build.reports.eda.alerts import listed
from model_build.reports.eda.associations import compute_associations, information
from model_build.spec.model_spec import ModelSpec

HEADER = "years, rate, grade, secured, paid"


def told(spec: ModelSpec, directory: Path, *rows: str, header: str = HEADER) -> list[str]:
    (directory / "loans.csv").write_text("\n".join([header, *rows]))
    table = profile.profile_columns(spec, *dataset.fetch_rows(spec, "real", directory, pytest.fail))
    shares = {column.name: information(column, table.target) for column in table.features}
    return list(alerts.find_alerts(table, compute_associations(table.columns), shares))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["99, 1, A, true, yes"], "years has 1 cell that the spec does not allow (100.00%)."),
        (["5, 1, A, true, yes"] * 3, "2 duplicates of an earlier row (66.67%)."),
        (
            ["5, 1, A, true, yes", "5, 1, A, true, yes", "5, 1, A, true, no", "6, 1, A, true, no"],
            "3 rows have a twin with the same features and another paid: no model can have both right.",
        ),
        (
            ["5, n/a, ?, true, yes", "5, 1, A, true, yes"],
            "rate and grade are missing together: in 1 of 1 row.",
        ),
        (
            ["5, 1, A, true, yes", "6, 2, B, false, no"] * 20,
            "What goes with paid most: years (1.00), rate (1.00) and grade (1.00).",
        ),
        (["5, 1, A, true, yes", "6, 2, B, true, no"] * 20, "years and rate say nearly the same (1.00)."),
        (["5, 1, A, true, yes", "6, 2, B, true, no"] * 20, "Alone, secured says next to nothing of paid."),
        (["5, 1, A, true, yes", "6, 1, B, true, no"], "rate has no two different values."),
        (["5, 1, A, true, yes"] * 3 + ["6, 1, B, true, no"], "years is 5 in 75.0% of the rows."),
        (
            ["5, 1, A, true, yes"] * 30 + ["6, 1, B, true, no"],
            "grade has 1 level with fewer than 30 rows: B.",
        ),
    ],
)
def test_what_stands_out_is_told(
    tiny_spec: ModelSpec, tmp_path: Path, rows: list[str], sentence: str
) -> None:
    assert sentence in told(tiny_spec, tmp_path, *rows)


def test_a_column_that_the_spec_does_not_name_is_told(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    found = told(tiny_spec, tmp_path, "5, 1, A, true, yes, 3", header=f"{HEADER}, zip")
    assert "The spec does not name zip, which the model will not see." in found


def test_nothing_is_said_of_good_rows(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    rows = [
        f"{years}, {rate}, {grade}, {secured}, {paid}"
        for years in (5, 6, 7, 8)
        for rate in (1, 2, 3)
        for grade in "ABC"
        for secured in ("true", "false")
        for paid in ("yes", "no")
    ]
    found = told(tiny_spec, tmp_path, *rows)
    assert found == [
        "144 rows have a twin with the same features and another paid: no model can have both right.",
        "Alone, years, rate, grade and secured say next to nothing of paid.",
    ]


@pytest.mark.parametrize(
    ("names", "text"),
    [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcdef", "a, b, c, d and 2 more")],
)
def test_long_lists_are_cut(names: str, text: str) -> None:
    assert listed(names) == text
