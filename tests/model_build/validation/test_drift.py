from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec, load
from model_build.spec.sections import Reference
from model_build.validation import schema
from model_build.validation.drift import find_drift
from tests.support.tiny import TINY

ROWS = 1000


def frame(rows: int = ROWS, seed: int = 0, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    usual = {
        "years": rng.integers(1, 31, rows).astype(float),
        "rate": np.where(rng.random(rows) < 0.1, np.nan, rng.uniform(0, 20, rows)),
        "grade": rng.choice(["A", "B", "C"], rows),
        "secured": rng.random(rows) < 0.5,
        "paid": rng.choice(["no", "yes"], rows, p=[0.3, 0.7]),
    }
    return pd.DataFrame(usual | columns, index=range(1, rows + 1)).astype(object)


def drift(
    spec: ModelSpec, current: pd.DataFrame, reference: pd.DataFrame, config: Reference | None = None
) -> list[Violation]:
    return find_drift(spec, config or Reference(), current, schema.typed_columns(spec, current), reference)


def shares(*counts: tuple[object, int]) -> list[object]:
    return [value for value, count in counts for _ in range(count)]


def test_other_rows_of_the_same_distribution_are_no_drift(tiny_spec: ModelSpec) -> None:
    assert drift(tiny_spec, frame(seed=1), frame(seed=2)) == []


@pytest.mark.parametrize(
    ("column", "now", "before", "check", "sentence"),
    [
        (
            "years",
            shares((2.0, 300), (10.0, 700)),
            shares((2.0, 500), (10.0, 500)),
            "kolmogorov_smirnov",
            "years: 30.0 % are at most 2, 50.0 % in the reference "
            "(Kolmogorov-Smirnov's D of 0.200, p < 0.0001; below 0.1 is allowed)",
        ),
        (
            "grade",
            shares(("A", 300), ("B", 300), ("C", 400)),
            shares(("A", 300), ("B", 500), ("C", 200)),
            "chi_squared",
            "grade: 40.0 % are 'C', 20.0 % in the reference "
            "(Cramér's V of 0.242, p < 0.0001; below 0.1 is allowed)",
        ),
        (
            "secured",
            shares((True, 600), (False, 400)),
            shares((True, 400), (False, 600)),
            "chi_squared",
            "secured: 40.0 % are false, 60.0 % in the reference "
            "(Cramér's V of 0.200, p < 0.0001; below 0.1 is allowed)",
        ),
        (
            "rate",
            shares((None, 80), (5.0, 920)),
            shares((5.0, 1000)),
            "missing_rates",
            "rate: 8.0 % are missing, 0.0 % in the reference "
            "(a difference of 0.080, p < 0.0001; below 0.05 is allowed)",
        ),
        (
            "paid",
            shares(("no", 900), ("yes", 100)),
            shares(("no", 700), ("yes", 300)),
            "chi_squared",
            "paid: 10.0 % are 'yes', 30.0 % in the reference "
            "(Cramér's V of 0.250, p < 0.0001; below 0.1 is allowed)",
        ),
    ],
)
def test_shift_is_described_with_its_numbers(
    tiny_spec: ModelSpec, column: str, now: Any, before: Any, check: str, sentence: str
) -> None:
    (violation,) = drift(tiny_spec, frame(**{column: now}), frame(**{column: before}))
    assert violation.sentence == sentence
    assert (violation.check, violation.column, violation.severity) == (check, column, "warn")
    assert violation.statistic is not None
    assert violation.p_value is not None
    assert violation.p_value < 1e-4


def test_shift_has_the_severity_of_the_spec(tiny_spec: ModelSpec) -> None:
    (violation,) = drift(tiny_spec, frame(years=2.0), frame(years=3.0), Reference(severity="fail"))
    assert violation.severity == "fail"


def test_violation_has_the_statistic_and_the_p_value(tiny_spec: ModelSpec) -> None:
    (violation,) = drift(
        tiny_spec,
        frame(20, grade=shares(("A", 15), ("B", 5)), years=1.0),
        frame(20, grade=shares(("A", 3), ("B", 17)), years=1.0),
        Reference(alpha=0.05),
    )
    assert violation.statistic == pytest.approx(20 * 20 * 40 * (15 * 17 - 5 * 3) ** 2 / (18 * 22 * 20**4))
    assert violation.p_value == pytest.approx(0.000137, abs=1e-6)
    assert violation.sentence == (
        "grade: 75.0 % are 'A', 15.0 % in the reference (Cramér's V of 0.603, p 0.0001; below 0.1 is allowed)"
    )


def test_small_shift_is_ignored_although_it_is_significant(tiny_spec: ModelSpec) -> None:
    now, before = shares((1.0, 9000), (2.0, 1000)), shares((1.0, 8500), (2.0, 1500))
    current, reference = (frame(10_000, years=years) for years in (now, before))
    assert drift(tiny_spec, current, reference) == []
    (violation,) = drift(tiny_spec, current, reference, Reference(minimum_shift=0.05))
    assert violation.column == "years"


def test_large_shift_is_ignored_if_it_is_not_significant(tiny_spec: ModelSpec) -> None:
    rows = [frame(10, grade=shares(("A", count), ("B", 10 - count))) for count in (7, 3)]
    assert drift(tiny_spec, *rows) == []


def test_all_tests_share_the_chance_of_a_false_alarm(tiny_spec: ModelSpec) -> None:
    now = frame(100, years=shares((1.0, 66), (2.0, 34)), rate=None, grade=None, secured=True, paid="no")
    before = frame(100, years=shares((1.0, 44), (2.0, 56)), rate=None, grade=None, secured=True, paid="no")
    (alone,) = drift(tiny_spec, now, before, Reference(alpha=0.02))
    assert alone.p_value == pytest.approx(0.0132, abs=1e-4)
    others = {"rate": 1.0, "grade": shares(("A", 50), ("B", 50))}
    assert drift(tiny_spec, now.assign(**others), before.assign(**others), Reference(alpha=0.02)) == []


def test_effect_size_does_not_depend_on_the_rows_of_the_reference(tiny_spec: ModelSpec) -> None:
    now = frame(1000, grade=shares(("A", 650), ("B", 350)))
    sentences = [
        drift(tiny_spec, now, frame(2 * rows, grade=shares(("A", rows), ("B", rows))))[0].sentence
        for rows in (500, 20_000)
    ]
    description = (
        "35.0 % are 'B', 50.0 % in the reference (Cramér's V of 0.152, p < 0.0001; below 0.1 is allowed)"
    )
    assert sentences == [f"grade: {description}"] * 2


def test_long_categories_with_the_same_short_form_stay_separate(tmp_path: Path) -> None:
    one, other = (f"With the spouse {where} at the moment" for where in ("abroad", "at sea"))
    categories = f"categories: [{one}, {other}], title: Grade, example: {one}"
    path = tmp_path / "long.yaml"
    path.write_text(TINY.replace("categories: [A, B, C], title: Grade, example: B", categories))
    now, before = (
        frame(grade=shares((one, count), (other, ROWS - count)), years=1.0) for count in (300, 500)
    )
    (violation,) = drift(load(str(path)), now, before)
    assert violation.sentence == (
        "grade: 30.0 % are 'With the spo...at the moment', 50.0 % in the reference "
        "(Cramér's V of 0.204, p < 0.0001; below 0.1 is allowed)"
    )


def test_rare_categories_are_pooled(tiny_spec: ModelSpec) -> None:
    others: dict[str, Any] = {"years": 1.0, "rate": None, "secured": True, "paid": "no"}
    now = frame(100, grade=shares(("A", 82), ("B", 9), ("C", 9)), **others)
    before = frame(40, grade="A", **others)
    (violation,) = drift(tiny_spec, now, before, Reference(alpha=0.05))
    assert violation.sentence == (
        "grade: 18.0 % are a rare category, 0.0 % in the reference "
        "(Cramér's V of 0.314, p 0.0040; below 0.1 is allowed)"
    )


def test_too_few_rare_rows_are_pooled_with_the_next_category(tiny_spec: ModelSpec) -> None:
    now = frame(100, grade=shares(("A", 70), ("B", 29), ("C", 1)))
    before = frame(100, grade=shares(("A", 30), ("B", 70)))
    (violation,) = drift(tiny_spec, now, before)
    assert violation.statistic == pytest.approx(32.0)


def test_column_without_values_in_one_sample_is_only_missing(tiny_spec: ModelSpec) -> None:
    checks = [
        (violation.check, violation.column)
        for violation in drift(tiny_spec, frame(rate=None, grade=None), frame())
    ]
    assert checks == [("missing_rates", "rate"), ("missing_rates", "grade")]


def test_invalid_cells_are_neither_compared_nor_missing(tiny_spec: ModelSpec) -> None:
    now = frame(years=shares((5.0, 500), ("x", 500)), grade=shares(("A", 500), ("D", 500)))
    assert drift(tiny_spec, now, frame(years=5.0, grade="A")) == []


@pytest.mark.parametrize(
    ("column", "cells", "check", "sentence"),
    [
        (
            "years",
            shares(("x", 500), ("", 500)),
            "kolmogorov_smirnov",
            "years: could not be compared, because every value of the reference is invalid ('x', '')",
        ),
        (
            "grade",
            [f"grade {row % 7}" for row in range(ROWS - 1)] + [None],
            "chi_squared",
            "grade: could not be compared, because every value of the reference is invalid "
            "('grade 0', 'grade 1', 'grade 2', 'grade 3', 'grade 4' and 2 more)",
        ),
        (
            "paid",
            "true",
            "chi_squared",
            "paid: could not be compared, because every value of the reference is invalid ('true')",
        ),
    ],
)
def test_reference_column_without_valid_values_is_reported(
    tiny_spec: ModelSpec, column: str, cells: Any, check: str, sentence: str
) -> None:
    (violation,) = drift(tiny_spec, frame(), frame(**{column: cells}), Reference(severity="fail"))
    assert violation.model_dump(exclude_none=True) == {
        "check": check,
        "severity": "fail",
        "column": column,
        "sentence": sentence,
        "examples": (),
    }
