import numpy as np
import pandas as pd
import pytest

from model_build import leakage, misfits
from model_build.sections import DataChecks
from model_build.spec import ModelSpec

RNG = np.random.default_rng(3)
ROWS = 300
PAID = RNG.random(ROWS) < 0.4


def frame(**columns: object) -> pd.DataFrame:
    """Return rows whose features say nothing of the label, but for these columns."""
    good = {
        "years": RNG.integers(1, 31, ROWS).astype(float),
        "rate": RNG.uniform(0, 20, ROWS),
        "grade": RNG.choice(["A", "B", "C"], ROWS),
        "secured": RNG.random(ROWS) < 0.5,
        "paid": np.where(PAID, "yes", "no"),
    }
    return pd.DataFrame(good | columns).astype(object)


def sentences(spec: ModelSpec, rows: pd.DataFrame) -> list[str]:
    return [each.sentence for each in leakage.leaks(spec, misfits.typed(spec, rows))]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("years", np.where(PAID, 7.0, RNG.choice([6.0, 8.0], ROWS))),
        ("rate", np.where(PAID, 1e300, 1e299)),
        ("rate", [None if paid else 1.5 for paid in PAID]),
        ("grade", np.where(PAID, "B", RNG.choice(["A", "C"], ROWS))),
        ("secured", ~PAID),
    ],
)
def test_a_feature_that_gives_the_target_away_is_found(
    tiny_spec: ModelSpec, column: str, values: object
) -> None:
    (finding,) = leakage.leaks(tiny_spec, misfits.typed(tiny_spec, frame(**{column: values})))
    assert finding.model_dump(exclude_none=True) == {
        "check": "leakage",
        "then": "fail",
        "column": column,
        "sentence": f"{column}: alone it ranks paid with a ROC AUC of 1.000; at most 0.95 is allowed",
        "examples": (),
        "statistic": 1.0,
    }


def test_a_value_of_its_own_in_every_row_gives_nothing_away(tiny_spec: ModelSpec) -> None:
    assert sentences(tiny_spec, frame(rate=np.linspace(0, 20, ROWS))) == []


def test_the_spec_says_how_much_is_too_much(tiny_spec: ModelSpec) -> None:
    noisy = frame(secured=PAID ^ (RNG.random(ROWS) < 0.1))
    assert sentences(tiny_spec, noisy) == []
    strict = tiny_spec.model_copy(update={"data_checks": DataChecks(maximum_leakage=0.8, leakage="warn")})
    (finding,) = leakage.leaks(strict, misfits.typed(strict, noisy))
    assert (finding.column, finding.then) == ("secured", "warn")
    assert finding.sentence.endswith("; at most 0.8 is allowed")


def test_a_feature_that_tells_one_of_three_labels_from_the_others_is_found(tiny_spec: ModelSpec) -> None:
    target = tiny_spec.target.model_copy(update={"labels": ("no", "late", "yes"), "positive": None})
    spec = tiny_spec.model_copy(update={"target": target})
    rows = frame(grade=np.where(PAID, "A", "C"), paid=np.where(PAID, "late", RNG.choice(["no", "yes"], ROWS)))
    assert sentences(spec, rows) == [
        "grade: alone it ranks label 'late' of paid with a ROC AUC of 1.000; at most 0.95 is allowed"
    ]


@pytest.mark.parametrize("positives", [0, 1])
def test_a_label_that_hardly_any_row_has_can_not_be_given_away(tiny_spec: ModelSpec, positives: int) -> None:
    rows = frame(paid=["yes"] * positives + ["no"] * (ROWS - positives))
    assert sentences(tiny_spec, rows) == []


def test_cells_that_do_not_fit_are_taken_as_missing(tiny_spec: ModelSpec) -> None:
    rows = frame(grade=np.where(PAID, "D", "A"), years="x", paid=np.where(PAID, "yes", "no"))
    rows.loc[:20, "paid"] = ""
    assert [each.split(":")[0] for each in sentences(tiny_spec, rows)] == ["grade"]


def test_the_same_rows_give_the_same_figure(tiny_spec: ModelSpec) -> None:
    strict = tiny_spec.model_copy(update={"data_checks": DataChecks(maximum_leakage=0)})
    typed = misfits.typed(strict, frame())
    assert leakage.leaks(strict, typed) == leakage.leaks(strict, typed)
    assert [each.column for each in leakage.leaks(strict, typed)] == ["years", "rate", "grade", "secured"]
