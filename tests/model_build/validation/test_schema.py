import pandas as pd
import pytest

from app.core.values import Value
from model_build.data import dataset
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks
from model_build.validation import schema

YEARS = "must be a whole number from 1 to 30"
RATE = "must be a number from 0 to 20; or, when missing, null or n/a"
SECURED = "must be true or false"
PAID = "must be one of no, yes"
GRADE = "must be one of A, B, C; or, when missing, null or ?"
GOOD: dict[str, Value] = {"years": 5.0, "rate": 2.5, "grade": "B", "secured": True, "paid": "yes"}


def frame(column: str = "years", values: tuple[Value, ...] = (5.0, 6.0)) -> pd.DataFrame:
    """Return good rows, numbered from 1 on, but for these values of one column."""
    rows = [GOOD | {column: value} for value in values]
    return pd.DataFrame(rows, index=range(1, len(rows) + 1), dtype=object)


def sentences(spec: ModelSpec, rows: pd.DataFrame) -> list[str]:
    violations = schema.describe_violations(spec, rows, schema.find_violations(spec, rows))
    return [violation.sentence for violation in violations]


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("years", (5.0, "ten", 7.0), f"years: 1 value is not a whole number (row 2: 'ten'); {YEARS}"),
        (
            "years",
            (5.5, "nan", "inf"),
            f"years: 3 values are not a whole number (rows 1, 2, 3: 5.5, 'nan', 'inf'); {YEARS}",
        ),
        ("rate", (0.5, "1,5", "1,5"), f"rate: 2 values are not a number (rows 2, 3: '1,5' twice); {RATE}"),
        (
            "secured",
            (True, "maybe"),
            f"secured: 1 value is neither true nor false (row 2: 'maybe'); {SECURED}",
        ),
        (
            "grade",
            ("D", "A", "b"),
            f"grade: 2 values are not a known category (rows 1, 3: 'D', 'b'); {GRADE}",
        ),
        ("years", (0.0, 1.0, 30.0), f"years: 1 value is below 1 (row 1: 0); {YEARS}"),
        (
            "years",
            (30.0, 31.0, 40.0, 40.0),
            f"years: 3 values are above 30 (rows 2, 3, 4: 40 twice, 31); {YEARS}",
        ),
        ("rate", (-0.5, 20.5), f"rate: 2 values are outside 0 to 20 (rows 1, 2: -0.5, 20.5); {RATE}"),
        ("years", (None, 5.0), f"years: 1 value is missing (row 1); {YEARS}"),
        ("secured", (None, None), f"secured: 2 values are missing (rows 1, 2); {SECURED}"),
        ("paid", ("Yes", "no", ""), f"paid: 2 values are not a known label (rows 1, 3: 'Yes', ''); {PAID}"),
    ],
)
def test_invalid_values_are_described_with_their_rows_and_the_allowed_values(
    tiny_spec: ModelSpec, column: str, values: tuple[Value, ...], sentence: str
) -> None:
    assert sentences(tiny_spec, frame(column, values)) == [sentence]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("years", (1.0, 30.0)),
        ("rate", (0.0, None, 20.0)),
        ("grade", ("A", None)),
        ("secured", (True, False)),
        ("paid", ("no", "yes")),
    ],
)
def test_valid_values_are_no_violation(tiny_spec: ModelSpec, column: str, values: tuple[Value, ...]) -> None:
    assert schema.find_violations(tiny_spec, frame(column, values)).empty
    assert sentences(tiny_spec, frame(column, values)) == []


def test_violation_has_the_numbers_of_its_sentence(tiny_spec: ModelSpec) -> None:
    rows = frame(values=tuple(31.0 + number % 7 for number in range(2000)))
    (violation,) = schema.describe_violations(tiny_spec, rows, schema.find_violations(tiny_spec, rows))
    assert violation.model_dump(exclude_none=True) == {
        "check": "ranges",
        "severity": "fail",
        "column": "years",
        "rows": 2000,
        "examples": (1, 2, 3, 4, 5),
        "sentence": (
            "years: 2,000 values are above 30 (rows 1, 2, 3, 4, 5 and 1,995 more: "
            "31 (286 times), 32 (286 times), 33 (286 times), 34 (286 times), 35 (286 times) and 2 more); "
            f"{YEARS}"
        ),
    }


def test_many_categories_are_not_listed(tiny_spec: ModelSpec) -> None:
    grade = tiny_spec.features[2].model_copy(update={"categories": tuple(map(str, range(30)))})
    spec = tiny_spec.model_copy(update={"features": (grade,)})
    assert sentences(spec, frame("grade", ("1", "30"))[["grade", "paid"]]) == [
        "grade: 1 value is not a known category (row 2: '30'); must be one of the 30 categories of the spec"
    ]


def test_violations_have_the_order_of_the_spec_and_of_the_checks(tiny_spec: ModelSpec) -> None:
    rows = pd.concat([frame(name, ("x", None)) for name in ("paid", "secured", "grade", "rate", "years")])
    rows.index = range(1, 11)
    violations = schema.describe_violations(tiny_spec, rows, schema.find_violations(tiny_spec, rows))
    assert [(violation.column, violation.check) for violation in violations] == [
        ("years", "types"),
        ("years", "missing"),
        ("rate", "types"),
        ("grade", "categories"),
        ("secured", "types"),
        ("secured", "missing"),
        ("paid", "missing"),
        ("paid", "labels"),
    ]


def test_rows_with_a_warning_are_excluded_and_the_others_are_valid(tiny_spec: ModelSpec) -> None:
    rows = pd.concat(
        [
            frame("years", (31.0, 5.0)),
            frame("rate", ("x", None)),
            frame("grade", ("D", None)),
            frame("secured", (None, False)),
            frame("paid", ("", "no")),
        ]
    )
    rows.index = range(11, 21)
    cells = schema.find_violations(tiny_spec, rows)
    warnings = DataChecks(types="warn", categories="warn", ranges="warn", missing="warn", labels="warn")
    excluded = schema.excluded_rows(warnings, cells)
    assert excluded == (11, 13, 15, 17, 19)
    assert len(dataset.build_dataset(rows.drop(index=list(excluded)), tiny_spec).rows) == 5
    assert schema.excluded_rows(DataChecks(ranges="warn"), cells) == (11,)
    assert schema.excluded_rows(DataChecks(), cells) == ()


def test_values_of_another_type_are_missing_in_typed_columns(tiny_spec: ModelSpec) -> None:
    rows = pd.DataFrame(
        {
            "years": [5.0, "nan", 31.0],
            "rate": [None, 2.5, "inf"],
            "grade": ["A", "D", None],
            "secured": [True, False, "maybe"],
            "paid": ["no", "", "yes"],
        },
        dtype=object,
    )
    typed = schema.typed_columns(tiny_spec, rows)
    assert typed.astype(object).where(typed.notna(), None).to_dict("list") == {
        "years": [5.0, None, 31.0],
        "rate": [None, 2.5, None],
        "grade": ["A", None, None],
        "secured": [True, False, None],
        "paid": ["no", None, "yes"],
    }
    assert typed["grade"].cat.categories.tolist() == ["A", "B", "C"]
    assert typed["paid"].cat.categories.tolist() == ["no", "yes"]
