from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.core.contract import Positions, Target
from app.core.features import Matrix
from model_build.artifacts import Dependence, Explanation, Interval
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
    """A classifier of two or three labels that has no more than what is asked of one."""

    def __init__(self, labels: int = 2) -> None:
        self.labels = labels

    def fit(self, _: Matrix, __: Positions) -> "ByYearsAndGrade":
        raise AssertionError

    def predict_proba(self, rows: Matrix) -> npt.NDArray[np.float64]:
        last = rows[:, 0].astype(float) / 60 + rows[:, 2] / 6
        others = [(1 - last) / (self.labels - 1)] * (self.labels - 1)
        return np.column_stack([*others, last])


def look(
    spec: ModelSpec, matrix: Matrix = MATRIX, truth: Positions = TRUTH, labels: int = 2, **plan: Any
) -> Explanation:
    update = {"evaluation": EvaluationSection(**plan)} | ({} if labels == 2 else {"target": MORE})
    return explain_model(spec.model_copy(update=update), ByYearsAndGrade(labels), matrix, truth)


def test_the_features_that_the_model_looks_at_come_first(tiny_spec: ModelSpec) -> None:
    first, second, *others = look(tiny_spec).importance
    assert (first.feature, second.feature) == ("grade", "years")
    for each in (first, second):
        assert 0 < each.drop.low < each.drop.value < each.drop.high
    nothing = Interval(value=0, low=0, high=0)
    assert {each.feature: each.drop for each in others} == {"rate": nothing, "secured": nothing}


def test_one_repeat_has_no_interval(tiny_spec: ModelSpec) -> None:
    drop = look(tiny_spec, importance_repeats=1).importance[0].drop
    assert drop.low == drop.value == drop.high > 0


def test_more_confidence_widens_the_interval(tiny_spec: ModelSpec) -> None:
    sure = look(tiny_spec, confidence=0.99).importance[0].drop
    unsure = look(tiny_spec, confidence=0.6).importance[0].drop
    assert sure.low < unsure.low < sure.value == unsure.value < unsure.high < sure.high


def test_more_labels_are_explained_by_the_last_one(tiny_spec: ModelSpec) -> None:
    truth = np.where(TRUTH == 1, 2, np.arange(300) % 2)
    found = look(tiny_spec, truth=truth, labels=3)
    assert [each.feature for each in found.importance[:2]] == ["grade", "years"]
    assert found.dependence[0].scores == pytest.approx(look(tiny_spec).dependence[0].scores)


def test_a_category_depends_on_every_level_and_on_missing(tiny_spec: ModelSpec) -> None:
    (found,) = look(tiny_spec, partial_dependence=1).dependence
    years = MATRIX[:, 0].mean(dtype=float) / 60
    assert (found.feature, found.values, found.numbers) == ("grade", ("A", "B", "C", "missing"), None)
    assert found.scores == pytest.approx([years + code / 6 for code in range(4)])


def test_a_number_depends_on_values_spread_over_those_that_occur(tiny_spec: ModelSpec) -> None:
    found = look(tiny_spec).dependence[1]
    assert found.feature == "years"
    assert found.numbers is not None
    assert (len(found.numbers), found.numbers[0], found.numbers[-1]) == (GRID, 1, 30)
    assert found.values == tuple(f"{number:g}" for number in found.numbers)
    grade = MATRIX[:, 2].mean(dtype=float) / 6
    assert found.scores == pytest.approx([grade + number / 60 for number in found.numbers])


def test_numbers_have_no_missing_value_and_a_boolean_has_two(tiny_spec: ModelSpec) -> None:
    found = {each.feature: each for each in look(tiny_spec).dependence}
    assert found["rate"].numbers is not None
    assert np.isfinite(found["rate"].numbers).all()
    assert found["secured"] == Dependence(
        feature="secured", values=("false", "true"), numbers=None, scores=found["secured"].scores
    )


@pytest.mark.parametrize(("wanted", "features"), [(0, []), (2, ["grade", "years"])])
def test_so_many_features_have_a_dependence(tiny_spec: ModelSpec, wanted: int, features: list[str]) -> None:
    found = look(tiny_spec, partial_dependence=wanted)
    assert [each.feature for each in found.dependence] == features


def test_a_number_that_no_row_has_is_passed_over(tiny_spec: ModelSpec) -> None:
    matrix = MATRIX.copy()
    matrix[:, 1] = NAN
    assert [each.feature for each in look(tiny_spec, matrix).dependence] == ["grade", "years", "secured"]


def test_many_rows_are_sampled(tiny_spec: ModelSpec) -> None:
    many, truth = np.tile(MATRIX, (10, 1)), np.tile(TRUTH, 10)
    found = look(tiny_spec, many, truth, partial_dependence=1).dependence[0]
    everyone = look(tiny_spec, partial_dependence=1).dependence[0]
    assert found.scores != everyone.scores
    assert found.scores == pytest.approx(everyone.scores, abs=0.02)


def test_the_same_seed_gives_the_same_document(tiny_spec: ModelSpec) -> None:
    assert look(tiny_spec) == look(tiny_spec)
