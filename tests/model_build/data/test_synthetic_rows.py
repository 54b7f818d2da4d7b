"""Rows drawn as a spec declares."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_build.data import dataset
from model_build.errors import SpecError
from model_build.spec.model_spec import ModelSpec
from tests.model_build.data.conftest import changed_spec

DRAWS = """licence: none
  drop_duplicates: false
  synthetic:
    rows: 4000
    seed: 3
    draws:
      years: {uniform: [1, 30]}
      rate: {normal: ["2 + years / 3", 1.5], missing: 0.1}
      grade: {shares: {A: 3, B: 1}}
      secured: {shares: {true: 0.25, false: 0.75}}
    labels:
      shares: {"no": 0.8, "yes": 0.2}
      effects: {"yes": 'where(grade == "B", 2, 0) - years / 10'}"""


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    return changed_spec(tmp_path, ("licence: none", DRAWS))


def drawn(spec: ModelSpec) -> pd.DataFrame:
    raw, origin = dataset.fetch_rows(spec, "synthetic", Path("/"), pytest.fail)
    assert (origin.source, origin.uri) == ("synthetic", "synthetic:tiny?rows=4000&seed=3")
    return dataset.clean(raw, spec, origin.uri)[0]


def test_rows_have_the_declared_distributions(spec: ModelSpec) -> None:
    rows = drawn(spec)
    years, rate = rows["years"].astype(float), rows["rate"].astype(float)
    assert (years.min(), years.max()) == (1, 30)
    assert years.mean() == pytest.approx(15.5, abs=0.5)
    residual = rate - (2 + years / 3)
    assert (residual.mean(), residual.std()) == pytest.approx((0, 1.5), abs=0.1)
    assert rate.isna().mean() == pytest.approx(0.1, abs=0.02)
    assert rows["grade"].value_counts(normalize=True).to_dict() == pytest.approx(
        {"A": 0.75, "B": 0.25}, abs=0.03
    )
    assert rows["secured"].astype(bool).mean() == pytest.approx(0.25, abs=0.03)


def test_labels_have_the_declared_shares_and_odds(spec: ModelSpec) -> None:
    rows = drawn(spec)
    paid = rows["paid"] == "yes"
    assert paid.mean() == pytest.approx(0.2, abs=0.02)
    young = rows["years"].astype(float) < 10
    odds = [share / (1 - share) for share in paid[young].groupby(rows["grade"][young]).mean()]
    assert np.log(odds[1] / odds[0]) == pytest.approx(2, abs=0.5)
    assert paid[young].mean() > 2 * paid[~young].mean()


def test_odds_beyond_any_number_still_meet_the_shares(tmp_path: Path) -> None:
    far = DRAWS.replace("'where(", "'-5000 + where(")
    paid = drawn(changed_spec(tmp_path, ("licence: none", far)))["paid"] == "yes"
    assert paid.mean() == pytest.approx(0.2, abs=0.02)


def test_equal_seeds_give_equal_rows(spec: ModelSpec) -> None:
    pd.testing.assert_frame_equal(drawn(spec), drawn(spec))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("years: {uniform: [1, 30]}", "", "data.synthetic.draws: years is not drawn"),
        ("years: {uniform", "ages: {uniform", "data.synthetic.draws.ages: there is no feature 'ages'"),
        ("{uniform: [1, 30]}", "{uniform: [30, 1]}", "data.synthetic.draws.years: uniform must rise"),
        ("{uniform: [1, 30]}", "{}", "one of normal, lognormal, uniform and shares is needed"),
        ("{uniform: [1, 30]}", "{shares: {a: 1}}", "years needs normal, lognormal or uniform"),
        (
            "2 + years / 3",
            "2 + grade / 3",
            "data.synthetic.draws.rate.normal.0: column 5: unknown name 'grade'",
        ),
        ("{A: 3, B: 1}", "{A: 3, D: 1}", "data.synthetic.draws.grade.shares.D: there is no 'D'"),
        ("shares: {A: 3, B: 1}", "uniform: [0, 1]", "grade needs shares"),
        ("uniform: [1, 30]", "uniform: [1, 30], missing: 0.5", "years may not be missing"),
        ('effects: {"yes"', 'effects: {"maybe"', "there is no label 'maybe'; allowed are no, yes"),
        ("- years / 10", "- age / 10", "unknown name 'age'"),
        ("rows: 4000", "generator: census\n    rows: 4000", "give either a generator, or draws and labels"),
    ],
)
def test_a_draw_that_does_not_fit_the_spec_is_refused(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in DRAWS
    with pytest.raises(SpecError) as caught:
        changed_spec(tmp_path, ("licence: none", DRAWS.replace(old, new)))
    assert problem in str(caught.value)
