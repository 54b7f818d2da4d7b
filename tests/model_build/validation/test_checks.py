import io
from pathlib import Path

import pandas as pd
import pytest

from model_build.artifacts import Cleaning, DataReport, Violation
from model_build.data import dataset
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks, Reference
from model_build.validation import checks
from tests.model_build.conftest import load_spec
from tests.support.tiny import TINY, loans

ALWAYS = (
    "types",
    "categories",
    "ranges",
    "missing",
    "labels",
    "columns",
    "duplicates",
    "cardinality",
    "replaced",
    "float32",
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
    reference = None if before is None else dataset.clean(table(before), spec, "before.csv")[0]
    return checks.check_data(spec, frame, cleaning, reference)


def test_good_rows_pass_every_check(tiny_spec: ModelSpec) -> None:
    assert report(tiny_spec, table(loans())) == DataReport(
        rows=398, checks=dict.fromkeys(ALWAYS, 0), violations=(), left_out=()
    )


def test_reference_adds_the_statistical_checks(tiny_spec: ModelSpec) -> None:
    data_report = report(tiny_spec, table(loans()), loans(seed=1), reference=Reference())
    assert data_report.checks == dict.fromkeys((*ALWAYS, *STATISTICAL), 0)


def test_unreadable_reference_is_reported_with_the_other_violations(tiny_spec: ModelSpec) -> None:
    absent = Violation(check="reference", severity="warn", column=None, sentence="There is no reference")
    frame, cleaning = dataset.clean(table(loans()).assign(colour="red"), tiny_spec, "loans.csv")
    data_report = checks.check_data(tiny_spec, frame, cleaning, absent)
    assert [violation.check for violation in data_report.violations] == ["columns", "reference"]
    assert data_report.checks == dict.fromkeys(ALWAYS, 0) | {"columns": 1, "reference": 1}


def test_report_has_every_violation(tiny_spec: ModelSpec) -> None:
    raw = table(loans()).assign(colour="red", shape="round")
    raw.loc[3, "duration_years"] = "99"
    raw.loc[[4, 8], "grade"] = "D"
    raw.loc[5, "secured"] = ""
    raw.loc[6, "rate"] = "two"
    raw.loc[7, "paid"] = "Yes"
    raw.loc[21:40] = raw.loc[1:20].to_numpy()
    data_report = report(tiny_spec, raw, loans(seed=1).replace("?", "A"), reference=Reference())
    assert [
        (violation.check, violation.column, violation.severity, violation.rows, violation.examples)
        for violation in data_report.violations
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
    assert data_report.checks == {
        "types": 1,
        "categories": 1,
        "ranges": 1,
        "missing": 1,
        "labels": 1,
        "columns": 1,
        "duplicates": 1,
        "cardinality": 0,
        "replaced": 0,
        "float32": 0,
        "leakage": 0,
        "kolmogorov_smirnov": 0,
        "chi_squared": 1,
        "missing_rates": 1,
    }


def test_report_is_the_same_after_writing_and_reading(tiny_spec: ModelSpec) -> None:
    raw = table(loans()).assign(duration_years="99")
    data_report = report(tiny_spec, raw, loans(), reference=Reference())
    assert DataReport.model_validate_json(data_report.model_dump_json()) == data_report


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("colour",), "1 column is not in the spec and is ignored: colour"),
        (("colour", "shape"), "2 columns are not in the spec and are ignored: colour, shape"),
    ],
)
def test_unknown_columns_are_listed(tiny_spec: ModelSpec, names: tuple[str, ...], sentence: str) -> None:
    (violation,) = report(tiny_spec, table(loans()).assign(**dict.fromkeys(names, "1"))).violations
    assert (violation.check, violation.sentence, violation.severity) == ("columns", sentence, "warn")


def test_too_many_duplicates_are_counted(tiny_spec: ModelSpec) -> None:
    raw = table(loans())
    raw.loc[1:20] = raw.loc[21:40].to_numpy()
    (violation,) = report(tiny_spec, raw, duplicates="fail").violations
    assert (violation.check, violation.severity, violation.rows) == ("duplicates", "fail", 22)
    assert violation.sentence == (
        "22 exact duplicates of an earlier row, 5.50 % of all rows (rows 21, 22, 23, 24, 25 and 17 more); "
        "at most 1 % is allowed"
    )
    assert violation.examples == (21, 22, 23, 24, 25)
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
def test_column_with_one_value_is_reported(
    tiny_spec: ModelSpec, changes: dict[str, str], sentences: list[str]
) -> None:
    violations = report(tiny_spec, table(loans()).assign(**changes)).violations
    assert [violation.sentence for violation in violations if violation.check == "cardinality"] == sentences


def test_single_duplicate_is_reported_with_its_row(tiny_spec: ModelSpec) -> None:
    raw = table("years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,no\n1,1,A,true,no\n")
    violations = report(tiny_spec, raw, maximum_dropped=0.5).violations
    assert [violation.sentence for violation in violations if violation.check == "duplicates"] == [
        "1 exact duplicate of an earlier row, 33.33 % of all rows (row 3); at most 1 % is allowed"
    ]


def test_more_duplicates_than_may_be_dropped_stop_with_the_choice(tiny_spec: ModelSpec) -> None:
    raw = table("years,rate,grade,secured,paid\n1,1,A,true,no\n2,1,A,true,no\n1,1,A,true,no\n")
    (violation,) = report(tiny_spec, raw, maximum_duplicates=1, cardinality="warn").fatal_violations
    assert violation.sentence == (
        "1 exact duplicate of an earlier row, 33.33 % of all rows (row 3); data.drop_duplicates would drop "
        "them, and at most 20 % may be dropped. If they are different rows that look alike, "
        "`data.drop_duplicates: false` keeps them; if not, raise data_checks.maximum_dropped"
    )
    keeps = tiny_spec.model_copy(
        update={"data": tiny_spec.data.model_copy(update={"drop_duplicates": False})}
    )
    assert not [entry for entry in report(keeps, raw).violations if entry.severity == "fail"]


def test_rows_with_different_ids_are_no_duplicates(tiny_spec: ModelSpec) -> None:
    raw = table("id,years,rate,grade,secured,paid\n1,1,1,A,true,no\n 2,1,1,A,true,no\n2,1,1,A,yes,no\n")
    frame, cleaning = dataset.clean(raw, tiny_spec, "loans.csv")
    assert frame.index.tolist() == [1, 2]
    assert cleaning.duplicate_rows == (3,)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rate": ["5", "n/a"]}, "rate: every row with a value has 5"),
        ({"grade": ["?", "B"]}, "grade: every row with a value has 'B'"),
        ({"rate": ["n/a", ""]}, "rate: every value is missing or unknown"),
    ],
)
def test_column_with_one_value_and_missing_values_is_reported(
    tiny_spec: ModelSpec, changes: dict[str, list[str]], sentence: str
) -> None:
    data_report = report(
        tiny_spec, table(loans()).assign(**{name: texts * 200 for name, texts in changes.items()})
    )
    assert [
        violation.sentence for violation in data_report.violations if violation.check == "cardinality"
    ] == [sentence]


def test_categories_and_labels_without_rows_are_one_violation_per_column(tiny_spec: ModelSpec) -> None:
    raw = table(loans()).replace({"grade": {"C": "?"}})
    target = tiny_spec.target.model_copy(update={"labels": ("no", "late", "yes"), "positive": None})
    data_report = report(tiny_spec.model_copy(update={"target": target}), raw, maximum_duplicates=1)
    assert [violation.sentence for violation in data_report.violations] == [
        "grade: no row has 'C'",
        "paid: no row has 'late'",
    ]
    assert data_report.checks["cardinality"] == 2


def test_feature_equal_to_the_target_fails(tiny_spec: ModelSpec) -> None:
    raw = table(loans())
    violations = report(tiny_spec, raw.assign(secured=raw["paid"])).violations
    assert [(violation.check, violation.column, violation.severity) for violation in violations] == [
        ("leakage", "secured", "fail")
    ]


def test_rows_with_a_warning_are_left_out(tiny_spec: ModelSpec) -> None:
    raw = table(loans())
    raw.loc[[3, 9], "duration_years"] = "99"
    raw.loc[9, "grade"] = "D"
    data_report = report(tiny_spec, raw, ranges="warn", categories="warn")
    assert [violation.severity for violation in data_report.violations] == ["warn", "warn"]
    assert data_report.left_out == (3, 9)


def test_file_without_rows_is_an_error(tiny_spec: ModelSpec) -> None:
    nothing = Cleaning(rows_read=0, rows=0, duplicates=0, unknown_columns=(), missing={})
    with pytest.raises(DataError, match=r"^There are no rows\.$"):
        checks.check_data(tiny_spec, pd.DataFrame(), nothing, None)


def test_a_category_that_stands_for_others_needs_no_row(tmp_path: Path) -> None:
    text = TINY.replace("categories: [A, B, C]", "categories: [A, B, C], other: {minimum_rows: 5}")
    violations = report(load_spec(tmp_path, text), table(loans())).violations
    assert [violation.sentence for violation in violations if violation.check == "cardinality"] == []
