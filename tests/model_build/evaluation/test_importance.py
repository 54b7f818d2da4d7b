from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.core.contract import Positions, Target
from app.core.values import Matrix
from model_build.artifacts import Dependence, Explanation, Interval
from model_build.evaluation import importance as module
from model_build.evaluation.importance import GRID, explain_model
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import EvaluationSection

NAN = float("nan")
MORE = Target(name="paid", labels=("none", "some", "all"))
RNG = np.random.default_rng(0)
MATRIX: Matrix = np.column_stack(
    [
        RNG.integers(1, 31, 300),
        np.where(RNG.random(300) < 0.1, NAN, RNG.uniform(0, 20, 300)),
        RNG.integers(0, 4, 300),
        RNG.integers(0, 2, 300),
    ]
).astype(np.float32)
YES = MATRIX[:, 0] / 60 + MATRIX[:, 2] / 6  # more by years than by grade, and by nothing else
TRUTH = (RNG.random(300) < YES).astype(np.intp)


class ByYearsAndGrade:
    """A minimal classifier of two or three labels."""

    def __init__(self, labels: int = 2) -> None:
        self.labels = labels

    def fit(self, _: Matrix, __: Positions) -> "ByYearsAndGrade":
        raise AssertionError

    def predict_proba(self, rows: Matrix) -> npt.NDArray[np.float64]:
        last = rows[:, 0].astype(float) / 60 + rows[:, 2] / 6
        others = [(1 - last) / (self.labels - 1)] * (self.labels - 1)
        return np.column_stack([*others, last])


def explain(
    spec: ModelSpec, matrix: Matrix = MATRIX, truth: Positions = TRUTH, labels: int = 2, **section: Any
) -> Explanation:
    update = {"evaluation": EvaluationSection(**section)} | ({} if labels == 2 else {"target": MORE})
    classifier = ByYearsAndGrade(labels)
    return explain_model(spec.model_copy(update=update), classifier, ("years", "grade"), matrix, truth)


def test_features_that_the_model_uses_come_first(tiny_spec: ModelSpec) -> None:
    first, second, *others = explain(tiny_spec).importance
    assert (first.feature, second.feature) == ("grade", "years")
    for importance in (first, second):
        assert 0 < importance.drop.low < importance.drop.value < importance.drop.high
    nothing = Interval(value=0, low=0, high=0)
    assert {importance.feature: importance.drop for importance in others} == {
        "rate": nothing,
        "secured": nothing,
    }


def test_one_repeat_has_an_interval_without_width(tiny_spec: ModelSpec) -> None:
    drop = explain(tiny_spec, importance_repeats=1).importance[0].drop
    assert drop.low == drop.value == drop.high > 0


def test_more_confidence_widens_the_interval(tiny_spec: ModelSpec) -> None:
    wide = explain(tiny_spec, confidence=0.99).importance[0].drop
    narrow = explain(tiny_spec, confidence=0.6).importance[0].drop
    assert wide.low < narrow.low < wide.value == narrow.value < narrow.high < wide.high


def test_three_labels_are_explained_by_the_last_one(tiny_spec: ModelSpec) -> None:
    truth = np.where(TRUTH == 1, 2, np.arange(300) % 2)
    explanation = explain(tiny_spec, truth=truth, labels=3)
    assert [importance.feature for importance in explanation.importance[:2]] == ["grade", "years"]
    assert explanation.dependence[0].scores == pytest.approx(explain(tiny_spec).dependence[0].scores)


def test_dependence_on_a_category_has_every_level_and_missing(tiny_spec: ModelSpec) -> None:
    (explanation,) = explain(tiny_spec, partial_dependence=1).dependence
    years = MATRIX[:, 0].mean(dtype=float) / 60
    assert (explanation.feature, explanation.values, explanation.numbers) == (
        "grade",
        ("A", "B", "C", "missing"),
        None,
    )
    assert explanation.scores == pytest.approx([years + code / 6 for code in range(4)])


def test_dependence_on_a_number_has_quantiles_of_its_values(tiny_spec: ModelSpec) -> None:
    explanation = explain(tiny_spec).dependence[1]
    assert explanation.feature == "years"
    assert explanation.numbers is not None
    assert (len(explanation.numbers), explanation.numbers[0], explanation.numbers[-1]) == (GRID, 1, 30)
    assert explanation.values == tuple(f"{number:g}" for number in explanation.numbers)
    grade = MATRIX[:, 2].mean(dtype=float) / 6
    assert explanation.scores == pytest.approx([grade + number / 60 for number in explanation.numbers])


def test_dependence_on_a_number_has_no_missing_value_and_on_a_boolean_two(tiny_spec: ModelSpec) -> None:
    explanation = {dependence.feature: dependence for dependence in explain(tiny_spec).dependence}
    assert explanation["rate"].numbers is not None
    assert np.isfinite(explanation["rate"].numbers).all()
    assert explanation["secured"] == Dependence(
        feature="secured", values=("false", "true"), numbers=None, scores=explanation["secured"].scores
    )


@pytest.mark.parametrize(("count", "features"), [(0, []), (2, ["grade", "years"])])
def test_spec_says_how_many_features_have_a_dependence(
    tiny_spec: ModelSpec, count: int, features: list[str]
) -> None:
    explanation = explain(tiny_spec, partial_dependence=count)
    assert [dependence.feature for dependence in explanation.dependence] == features


def test_feature_without_values_has_no_dependence(tiny_spec: ModelSpec) -> None:
    matrix = MATRIX.copy()
    matrix[:, 1] = NAN
    assert [dependence.feature for dependence in explain(tiny_spec, matrix).dependence] == [
        "grade",
        "years",
        "secured",
    ]


def test_many_rows_are_sampled(tiny_spec: ModelSpec) -> None:
    many, truth = np.tile(MATRIX, (10, 1)), np.tile(TRUTH, 10)
    explanation = explain(tiny_spec, many, truth, partial_dependence=1).dependence[0]
    few = explain(tiny_spec, partial_dependence=1).dependence[0]
    assert explanation.scores != few.scores
    assert explanation.scores == pytest.approx(few.scores, abs=0.02)


def test_same_seed_gives_the_same_explanation(tiny_spec: ModelSpec) -> None:
    assert explain(tiny_spec) == explain(tiny_spec)


def test_importance_of_many_rows_is_measured_on_some_of_them(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_row = explain(tiny_spec)
    monkeypatch.setattr(module, "LARGE", 200)
    monkeypatch.setattr(module, "IMPORTANCE_ROWS", 250)
    some = explain(tiny_spec)
    assert (every_row.rows, some.rows) == (None, 250)
    assert [entry.feature for entry in some.importance[:2]] == ["grade", "years"]
    for entry, expected in zip(some.importance, every_row.importance, strict=True):
        assert entry.drop.value == pytest.approx(expected.drop.value, abs=0.05)
