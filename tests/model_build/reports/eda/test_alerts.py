"""The alerts of the report, each for rows that trigger it."""

from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.reports.eda import alerts, profile
from model_build.reports.eda.alerts import join_names
from model_build.reports.eda.associations import compute_associations, information_share
from model_build.spec.model_spec import ModelSpec

HEADER = "years, rate, grade, secured, paid"


def alerts_of(spec: ModelSpec, directory: Path, *rows: str, header: str = HEADER) -> list[str]:
    (directory / "loans.csv").write_text("\n".join([header, *rows]))
    data = profile.profile_columns(spec, *dataset.fetch_rows(spec, "real", directory, pytest.fail))
    information = {column.name: information_share(column, data.target) for column in data.features}
    return list(alerts.find_alerts(data, compute_associations(data.columns), information))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["99, 1, A, true, yes"], "years has 1 cell that the spec does not allow (100.00%)."),
        (["5, 1, A, true, yes"] * 3, "2 rows repeat an earlier row (66.67%)."),
        (
            ["5, 1, A, true, yes", "5, 1, A, true, yes", "5, 1, A, true, no", "6, 1, A, true, no"],
            "3 rows have the same features as another row but a different paid: no model can predict both.",
        ),
        (
            ["5, n/a, ?, true, yes", "5, 1, A, true, yes"],
            "rate and grade are missing together in 1 of 1 row.",
        ),
        (
            ["5, 1, A, true, yes", "6, 2, B, false, no"] * 20,
            "The strongest associations with paid: years (1.00), rate (1.00) and grade (1.00).",
        ),
        (
            ["5, 1, A, true, yes", "6, 2, B, true, no"] * 20,
            "years and rate hold nearly the same information (1.00).",
        ),
        (["5, 1, A, true, yes", "6, 2, B, true, no"] * 20, "Alone, secured says almost nothing about paid."),
        (["5, 1, A, true, yes", "6, 1, B, true, no"], "rate does not have two different values."),
        (["5, 1, A, true, yes"] * 3 + ["6, 1, B, true, no"], "years is 5 in 75.0% of the rows."),
        (
            ["5, 1, A, true, yes"] * 30 + ["6, 1, B, true, no"],
            "grade has 1 level with fewer than 30 rows: B.",
        ),
    ],
)
def test_an_alert_names_the_column_and_the_numbers(
    tiny_spec: ModelSpec, tmp_path: Path, rows: list[str], sentence: str
) -> None:
    assert sentence in alerts_of(tiny_spec, tmp_path, *rows)


def test_a_column_that_the_spec_does_not_name_is_an_alert(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    sentences = alerts_of(tiny_spec, tmp_path, "5, 1, A, true, yes, 3", header=f"{HEADER}, zip")
    assert "The spec does not name zip, which the model ignores." in sentences


def test_good_rows_have_only_the_alerts_that_their_labels_deserve(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    rows = [
        f"{years}, {rate}, {grade}, {secured}, {paid}"
        for years in (5, 6, 7, 8)
        for rate in (1, 2, 3)
        for grade in "ABC"
        for secured in ("true", "false")
        for paid in ("yes", "no")
    ]
    assert alerts_of(tiny_spec, tmp_path, *rows) == [
        "144 rows have the same features as another row but a different paid: no model can predict both.",
        "Alone, years, rate, grade and secured say almost nothing about paid.",
    ]


@pytest.mark.parametrize(
    ("names", "text"),
    [("a", "a"), ("ab", "a and b"), ("abc", "a, b and c"), ("abcdef", "a, b, c, d and 2 more")],
)
def test_long_lists_are_shortened(names: str, text: str) -> None:
    assert join_names(names) == text
