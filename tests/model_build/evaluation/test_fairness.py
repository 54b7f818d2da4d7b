import numpy as np
import numpy.typing as npt
import pytest
from fairlearn import metrics

from app.core.contract import Target
from model_build.artifacts import Fairness, Group, Interval
from model_build.errors import DataError
from model_build.evaluation import intervals
from model_build.evaluation.fairness import compute_fairness
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import FAIRNESS_METRICS, EvaluationSection

Integers = npt.NDArray[np.intp]
GRADE, SECURED = 2, 3  # a category of A, B and C, which may be missing


def compare(
    spec: ModelSpec, grades: Integers, truth: Integers, chosen: Integers, reference: str = "A"
) -> Fairness:
    """Compare grades 0 (A) to 3 (missing) where the model gives the positive label to the chosen."""
    matrix = np.zeros((len(grades), 4), dtype=np.float32)
    matrix[:, GRADE] = grades
    plan = EvaluationSection(resamples=200, fairness={"grade": reference})
    probabilities = np.column_stack([1 - chosen, chosen]).astype(float)
    return compute_fairness(
        spec.model_copy(update={"evaluation": plan}), spec.target, matrix, truth, probabilities
    )


def groups_of(*groups: tuple[int, int, int, int]) -> tuple[Integers, Integers, Integers]:
    """Return grades, truth and choice: of each grade the hits, misses, false alarms and right refusals."""
    grades = np.repeat(np.arange(len(groups)), [sum(each) for each in groups])
    truth = np.concatenate([np.repeat([1, 1, 0, 0], each) for each in groups])
    chosen = np.concatenate([np.repeat([1, 0, 1, 0], each) for each in groups])
    return grades, truth.astype(np.intp), chosen.astype(np.intp)


def one(found: Fairness) -> tuple[Group, ...]:
    (protected,) = found.protected
    return protected.groups


def values(found: dict[str, Interval]) -> dict[str, float]:
    return {name: each.value for name, each in found.items()}


def test_the_rates_of_the_groups_and_what_sets_them_apart(tiny_spec: ModelSpec) -> None:
    found = compare(tiny_spec, *groups_of((30, 10, 10, 50), (10, 10, 4, 76)))
    (protected,) = found.protected
    assert (protected.feature, protected.reference) == ("grade", "A")
    first, second = protected.groups
    assert (first.level, first.rows, second.level, second.rows) == ("A", 100, "B", 100)
    rates = [
        (each.selection_rate, each.true_positive_rate, each.false_positive_rate, each.false_negative_rate)
        for each in protected.groups
    ]
    assert [[rate and rate.value for rate in each] for each in rates] == [
        pytest.approx([0.4, 0.75, 1 / 6, 0.25]),
        pytest.approx([0.14, 0.5, 0.05, 0.5]),
    ]
    assert first.disparities == {}
    assert tuple(second.disparities) == FAIRNESS_METRICS
    assert values(second.disparities) == pytest.approx(
        {
            "demographic_parity_difference": -0.26,
            "demographic_parity_ratio": 0.35,
            "equal_opportunity_difference": -0.25,
            "equal_opportunity_ratio": 2 / 3,
            "false_positive_rate_difference": 0.05 - 1 / 6,
            "false_positive_rate_ratio": 0.3,
            "false_negative_rate_difference": 0.25,
            "false_negative_rate_ratio": 2,
        }
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_disparities_are_those_of_fairlearn(tiny_spec: ModelSpec, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grades, truth, chosen = rng.integers(0, 2, 300), rng.integers(0, 2, 300), rng.integers(0, 2, 300)
    found = values(one(compare(tiny_spec, grades, truth, chosen))[1].disparities)
    expected = {
        "demographic_parity": (
            metrics.demographic_parity_difference,
            metrics.demographic_parity_ratio,
        ),
        "equal_opportunity": (metrics.equal_opportunity_difference, metrics.equal_opportunity_ratio),
    }
    for name, (difference, ratio) in expected.items():
        apart = difference(truth, chosen, sensitive_features=grades)
        assert abs(found[f"{name}_difference"]) == pytest.approx(apart)
        smaller = min(found[f"{name}_ratio"], 1 / found[f"{name}_ratio"])
        assert smaller == pytest.approx(ratio(truth, chosen, sensitive_features=grades))


def test_every_figure_has_an_interval_around_it(tiny_spec: ModelSpec) -> None:
    _, second = one(compare(tiny_spec, *groups_of((30, 10, 10, 50), (10, 10, 4, 76))))
    rates = [second.selection_rate, second.true_positive_rate, second.false_positive_rate]
    for each in [*rates, second.false_negative_rate, *second.disparities.values()]:
        assert each is not None
        assert each.low < each.value < each.high


@pytest.mark.parametrize(
    ("selected", "kept"), [(0, False), (31, False), (32, True), (40, True), (50, True), (51, False)]
)
def test_four_fifths_of_the_selection_rate_are_kept_on_either_side(
    tiny_spec: ModelSpec, selected: int, kept: bool
) -> None:
    first, second = one(compare(tiny_spec, *groups_of((20, 30, 20, 30), (0, 20, selected, 80 - selected))))
    assert first.four_fifths
    assert second.four_fifths == kept


def test_a_ratio_to_a_rate_of_nothing_is_left_out(tiny_spec: ModelSpec) -> None:
    _, second, third = one(compare(tiny_spec, *groups_of((0, 10, 0, 90), (0, 10, 0, 90), (5, 5, 5, 85))))
    for each in (second, third):
        ratios = {name for name in each.disparities if name.endswith("ratio")}
        assert ratios == {"false_negative_rate_ratio"}
    assert (second.four_fifths, third.four_fifths) == (True, False)


def test_rates_are_of_all_rows_or_of_those_that_are_positive_or_negative(tiny_spec: ModelSpec) -> None:
    first, second = one(compare(tiny_spec, *groups_of((30, 10, 10, 50), (1, 2, 3, 4))))
    assert list(first.support.values()) == [100, 40, 60, 40]
    assert second.support == {
        "selection_rate": 10,
        "true_positive_rate": 3,
        "false_positive_rate": 7,
        "false_negative_rate": 3,
    }


def test_a_rate_of_none_or_all_of_few_rows_is_not_certain(tiny_spec: ModelSpec) -> None:
    _, second = one(compare(tiny_spec, *groups_of((30, 10, 10, 50), (5, 0, 0, 9))))
    assert second.true_positive_rate == intervals.exact(1, 5, 0.95)
    assert second.false_negative_rate == intervals.exact(0, 5, 0.95)
    assert second.false_positive_rate == intervals.exact(0, 9, 0.95)


def test_what_sets_apart_a_rate_of_none_or_all_of_few_rows_is_not_certain(tiny_spec: ModelSpec) -> None:
    _, second = one(compare(tiny_spec, *groups_of((30, 10, 10, 50), (5, 0, 0, 9))))
    none, some = intervals.exact(0, 9, 0.95), intervals.exact(1 / 6, 60, 0.95)
    assert second.disparities["false_positive_rate_difference"] == intervals.difference(none, some)
    assert second.disparities["false_positive_rate_ratio"] == intervals.ratio(none, some)
    every, most = intervals.exact(1, 5, 0.95), intervals.exact(3 / 4, 40, 0.95)
    assert second.disparities["equal_opportunity_difference"] == intervals.difference(every, most)
    assert second.disparities["equal_opportunity_ratio"] == intervals.ratio(every, most)
    assert all(each.low < each.high for each in second.disparities.values())


def test_a_reference_group_of_none_or_all_of_few_rows_is_not_certain(tiny_spec: ModelSpec) -> None:
    _, second = one(compare(tiny_spec, *groups_of((5, 0, 0, 9), (30, 10, 10, 50))))
    apart = intervals.difference(intervals.exact(1 / 6, 60, 0.95), intervals.exact(0, 9, 0.95))
    assert second.disparities["false_positive_rate_difference"] == apart
    assert "false_positive_rate_ratio" not in second.disparities


def test_a_rate_of_no_rows_is_none_and_has_no_disparities(tiny_spec: ModelSpec) -> None:
    _, second = one(compare(tiny_spec, *groups_of((30, 10, 10, 50), (0, 0, 4, 16))))
    assert (second.true_positive_rate, second.false_negative_rate) == (None, None)
    assert tuple(second.disparities) == tuple(
        name for name in FAIRNESS_METRICS if name.startswith(("demographic", "false_positive"))
    )


def test_missing_is_a_group_and_a_level_without_rows_is_none(tiny_spec: ModelSpec) -> None:
    grades = np.array([0] * 20 + [3] * 20)
    found = compare(tiny_spec, grades, np.tile([0, 1], 20), np.tile([0, 1, 1, 1], 10))
    assert [(each.level, each.rows) for each in one(found)] == [("A", 20), ("missing", 20)]


def test_the_groups_of_a_boolean_are_false_and_true(tiny_spec: ModelSpec) -> None:
    matrix = np.zeros((8, 4), dtype=np.float32)
    matrix[4:, SECURED] = 1
    plan = EvaluationSection(resamples=100, fairness={"secured": "true"})
    spec = tiny_spec.model_copy(update={"evaluation": plan})
    truth = np.tile([0, 1], 4)
    found = compute_fairness(spec, spec.target, matrix, truth, np.full((8, 2), 0.5))
    assert [(each.level, each.rows) for each in one(found)] == [("false", 4), ("true", 4)]


def test_the_reference_group_needs_rows(tiny_spec: ModelSpec) -> None:
    with pytest.raises(DataError) as raised:
        compare(tiny_spec, *groups_of((3, 1, 1, 5), (1, 1, 1, 7)), reference="C")
    assert str(raised.value) == "There is no test row with grade C, the group to compare others with."


def test_a_positive_label_that_is_the_first_is_compared_alike(tiny_spec: ModelSpec) -> None:
    grades, truth, chosen = groups_of((30, 10, 10, 50), (10, 10, 4, 76))
    target = Target(name="paid", labels=("yes", "no"), positive="yes")
    turned = tiny_spec.model_copy(update={"target": target})
    assert compare(turned, grades, 1 - truth, 1 - chosen) == compare(tiny_spec, grades, truth, chosen)


def test_more_than_two_labels_have_no_groups_to_compare(tiny_spec: ModelSpec) -> None:
    target = Target(name="paid", labels=("none", "some", "all"))
    matrix = np.zeros((3, 4), dtype=np.float32)
    found = compute_fairness(tiny_spec, target, matrix, np.arange(3), np.full((3, 3), 1 / 3))
    assert found == Fairness(protected=())
