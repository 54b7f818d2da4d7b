import io

import pandas as pd
import pytest

from model_build.artifacts import Cleaning, DataReport, Violation
from model_build.data import dataset
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks, Reference
from model_build.validation import checks
from tests.support.tiny import loans

ALWAYS = (
    "types",
    "categories",
    "ranges",
    "missing",
    "labels",
    "columns",
    "duplicates",
    "cardinality",
    "leakage",
)
STATISTICAL = ("kolmogorov_smirnov", "chi_squared", "missing_rates")


def table(text: str) -> pd.DataFrame:
    """Return a CSV file as `fetch` reads it."""
    frame = pd.read_csv(io.StringIO(text), dtype=str, skipinitialspace=True, keep_default_na=False)
    frame.index += 1
    return frame.rename(columns={"duration-years": "duration_years"})


def report(spec: ModelSpec, raw: pd.DataFrame, before: str | None = None, **settings: object) -> DataReport:
    spec = spec.model_copy(update={"data_checks": DataChecks.model_validate(settings)})
    frame, cleaning = dataset.clean(raw, spec, "loans.csv")
    other = None if before is None else dataset.clean(table(before), spec, "before.csv")[0]
    return checks.check_data(spec, frame, cleaning, other)


def test_good_rows_pass_every_check(tiny_spec: ModelSpec) -> None:
    assert report(tiny_spec, table(loans())) == DataReport(
        rows=398, checks=dict.fromkeys(ALWAYS, 0), violations=(), left_out=()
    )


def test_a_reference_adds_the_statistical_checks(tiny_spec: ModelSpec) -> None:
    found = report(tiny_spec, table(loans()), loans(seed=1), reference=Reference())
    assert found.checks == dict.fromkeys((*ALWAYS, *STATISTICAL), 0)


def test_a_reference_that_is_not_to_be_had_is_one_finding_among_the_others(tiny_spec: ModelSpec) -> None:
    absent = Violation(check="reference", severity="warn", column=None, sentence="There is no reference")
    frame, cleaning = dataset.clean(table(loans()).assign(colour="red"), tiny_spec, "loans.csv")
    found = checks.check_data(tiny_spec, frame, cleaning, absent)
    assert [each.check for each in found.violations] == ["columns", "reference"]
    assert found.checks == dict.fromkeys(ALWAYS, 0) | {"columns": 1, "reference": 1}


def test_every_violation_is_in_one_report(tiny_spec: ModelSpec) -> None:
    raw = table(loans()).assign(colour="red", shape="round")
    raw.loc[3, "duration_years"] = "99"
    raw.loc[[4, 8], "grade"] = "D"
    raw.loc[5, "secured"] = ""
    raw.loc[6, "rate"] = "two"
    raw.loc[7, "paid"] = "Yes"
    raw.loc[21:40] = raw.loc[1:20].to_numpy()
    found = report(tiny_spec, raw, loans(seed=1).replace("?", "A"), reference=Reference())
    assert [
        (each.check, each.column, each.severity, each.rows, each.examples) for each in found.violations
    ] == [
        ("ranges", "years", "fail", 1, (3,)),
        ("types", "rate", "fail", 1, (6,)),
        ("categories", "grade", "fail", 2, (4, 8)),
        ("missing", "secured", "fail", 1, (5,)),
        ("labels", "paid", "fail", 1, (7,)),
        ("columns", None, "warn", None, ()),
        ("duplicates", None, "warn", 22, (21, 22, 23, 24, 25)),
        ("chi_squared", "grade", "warn", None, ()),
        ("missing_rates", "grade", "warn", None, ()),
    ]
    assert found.checks == {
        "types": 1,
        "categories": 1,
        "ranges": 1,
        "missing": 1,
        "labels": 1,
        "columns": 1,
        "duplicates": 1,
        "cardinality": 0,
        "leakage": 0,
        "kolmogorov_smirnov": 0,
        "chi_squared": 1,
        "missing_rates": 1,
    }


def test_the_report_survives_being_written_and_read(tiny_spec: ModelSpec) -> None:
    raw = table(loans()).assign(duration_years="99")
    found = report(tiny_spec, raw, loans(), reference=Reference())
    assert DataReport.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("colour",), "1 column is not in the spec, and so not read: colour"),
        (("colour", "shape"), "2 columns are not in the spec, and so not read: colour, shape"),
    ],
)
def test_columns_that_the_spec_does_not_know_are_named(
    tiny_spec: ModelSpec, names: tuple[str, ...], sentence: str
) -> None:
    (finding,) = report(tiny_spec, table(loans()).assign(**dict.fromkeys(names, "1"))).violations
    assert (finding.check, finding.sentence, finding.severity) == ("columns", sentence, "warn")


def test_more_duplicates_than_the_spec_allows_are_counted(tiny_spec: ModelSpec) -> None:
    raw = table(loans())
    raw.loc[1:20] = raw.loc[21:40].to_numpy()
    (finding,) = report(tiny_spec, raw, duplicates="fail").violations
    assert (finding.check, finding.severity, finding.rows) == ("duplicates", "fail", 22)
    assert finding.sentence == (
        "22 exact duplicates of an earlier row, 5.50 % of all (rows 21, 22, 23, 24, 25 and 17 more); "
        "at most 1 % is allowed"
    )
    assert finding.examples == (21, 22, 23, 24, 25)
    assert report(tiny_spec, raw, maximum_duplicates=0.055).violations == ()


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"rate": "2.5"}, ["rate: every row has 2.5"]),
        ({"rate": "n/a"}, ["rate: every value is missing or unknown"]),
        ({"secured": "true"}, ["secured: every row has true"]),
        ({"grade": "A"}, ["grade: every row has 'A'"]),
        ({"paid": "no"}, ["paid: every row has 'no'"]),
        ({"rate": "1", "paid": "yes"}, ["rate: every row has 1", "paid: every row has 'yes'"]),
    ],
)
def test_a_column_with_one_value_is_named(
    tiny_spec: ModelSpec, changes: dict[str, str], sentences: list[str]
) -> None:
    found = report(tiny_spec, table(loans()).assign(**changes)).violations
    assert [each.sentence for each in found if each.check == "cardinality"] == sentences


def test_a_single_duplicate_is_named_by_its_row(tiny_spec: ModelSpec) -> None:
    raw = table("years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,no\n1,1,A,true,no\n")
    found = report(tiny_spec, raw, cardinality="warn").violations
    assert [each.sentence for each in found if each.check == "duplicates"] == [
        "1 exact duplicate of an earlier row, 33.33 % of all (row 3); at most 1 % is allowed"
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": ["5", "n/a"]}, "rate: every row that has a value has 5"),
        ({"grade": ["?", "B"]}, "grade: every row that has a value has 'B'"),
        ({"rate": ["n/a", ""]}, "rate: every value is missing or unknown"),
    ],
)
def test_a_column_with_one_value_and_gaps_is_named(
    tiny_spec: ModelSpec, changes: dict[str, list[str]], sentence: str
) -> None:
    found = report(tiny_spec, table(loans()).assign(**{name: texts * 200 for name, texts in changes.items()}))
    assert [each.sentence for each in found.violations if each.check == "cardinality"] == [sentence]


def test_categories_and_labels_that_no_row_has_are_one_finding_of_their_column(tiny_spec: ModelSpec) -> None:
    raw = table(loans()).replace({"grade": {"C": "?"}})
    target = tiny_spec.target.model_copy(update={"labels": ("no", "late", "yes"), "positive": None})
    found = report(tiny_spec.model_copy(update={"target": target}), raw, maximum_duplicates=1)
    assert [each.sentence for each in found.violations] == [
        "grade: no row has 'C'",
        "paid: no row has 'late'",
    ]
    assert found.checks["cardinality"] == 2


def test_a_feature_that_is_the_target_in_disguise_fails(tiny_spec: ModelSpec) -> None:
    raw = table(loans())
    found = report(tiny_spec, raw.assign(secured=raw["paid"])).violations
    assert [(each.check, each.column, each.severity) for each in found] == [("leakage", "secured", "fail")]


def test_rows_that_a_warning_is_about_are_left_out(tiny_spec: ModelSpec) -> None:
    raw = table(loans())
    raw.loc[[3, 9], "duration_years"] = "99"
    raw.loc[9, "grade"] = "D"
    found = report(tiny_spec, raw, ranges="warn", categories="warn")
    assert [each.severity for each in found.violations] == ["warn", "warn"]
    assert found.left_out == (3, 9)


def test_a_file_without_rows_is_refused(tiny_spec: ModelSpec) -> None:
    nothing = Cleaning(rows_read=0, rows=0, duplicates=0, unknown_columns=(), missing={})
    with pytest.raises(DataError, match=r"^There are no rows\.$"):
        checks.check_data(tiny_spec, pd.DataFrame(), nothing, None)
