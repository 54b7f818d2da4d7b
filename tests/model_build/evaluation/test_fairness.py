import numpy as np
import numpy.typing as npt
import pytest
from fairlearn import metrics

from app.core.contract import Target
from model_build.artifacts import Interval
from model_build.errors import DataError
from model_build.evaluation import fairness as module
from model_build.evaluation import intervals
from model_build.evaluation.fairness import compute_fairness
from model_build.fairness_report import Fairness, Group
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import FAIRNESS_METRICS, EvaluationSection

Integers = npt.NDArray[np.intp]
GRADE, SECURED = 2, 3  # a category of A, B and C, which may be missing


def compare(
    spec: ModelSpec, grades: Integers, truth: Integers, chosen: Integers, reference: str = "A"
) -> Fairness:
    """Compare grades 0 (A) to 3 (missing); the model predicts the positive label for the chosen rows."""
    matrix = np.zeros((len(grades), 4), dtype=np.float32)
    matrix[:, GRADE] = grades
    section = EvaluationSection(resamples=200, fairness={"grade": reference})
    probabilities = np.column_stack([1 - chosen, chosen]).astype(float)
    return compute_fairness(
        spec.model_copy(update={"evaluation": section}), spec.target, matrix, truth, probabilities
    )


def groups_of(*groups: tuple[int, int, int, int]) -> tuple[Integers, Integers, Integers]:
    """Return grades, truth and prediction, from each grade's true and false positives and negatives.

    A grade has true positives, false negatives, false positives and true negatives, in this order.
    """
    grades = np.repeat(np.arange(len(groups)), [sum(counts) for counts in groups])
    truth = np.concatenate([np.repeat([1, 1, 0, 0], counts) for counts in groups])
    chosen = np.concatenate([np.repeat([1, 0, 1, 0], counts) for counts in groups])
    return grades, truth.astype(np.intp), chosen.astype(np.intp)


def groups_in(fairness: Fairness) -> tuple[Group, ...]:
    """Return the groups of the only protected feature."""
    (protected,) = fairness.protected
    return protected.groups


def values(intervals: dict[str, Interval]) -> dict[str, float]:
    return {name: interval.value for name, interval in intervals.items()}


def test_groups_have_rates_and_disparities(tiny_spec: ModelSpec) -> None:
    fairness = compare(tiny_spec, *groups_of((30, 10, 10, 50), (10, 10, 4, 76)))
    (protected,) = fairness.protected
    assert (protected.feature, protected.reference) == ("grade", "A")
    first, second = protected.groups
    assert (first.level, first.rows, second.level, second.rows) == ("A", 100, "B", 100)
    rates = [
        (group.selection_rate, group.true_positive_rate, group.false_positive_rate, group.false_negative_rate)
        for group in protected.groups
    ]
    assert [[rate and rate.value for rate in of_group] for of_group in rates] == [
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
def test_disparities_equal_those_of_fairlearn(tiny_spec: ModelSpec, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grades, truth, chosen = rng.integers(0, 2, 300), rng.integers(0, 2, 300), rng.integers(0, 2, 300)
    fairness = values(groups_in(compare(tiny_spec, grades, truth, chosen))[1].disparities)
    expected = {
        "demographic_parity": (
            metrics.demographic_parity_difference,
            metrics.demographic_parity_ratio,
        ),
        "equal_opportunity": (metrics.equal_opportunity_difference, metrics.equal_opportunity_ratio),
    }
    for name, (difference, ratio) in expected.items():
        expected_difference = difference(truth, chosen, sensitive_features=grades)
        assert abs(fairness[f"{name}_difference"]) == pytest.approx(expected_difference)
        smaller = min(fairness[f"{name}_ratio"], 1 / fairness[f"{name}_ratio"])
        assert smaller == pytest.approx(ratio(truth, chosen, sensitive_features=grades))


def test_every_metric_is_inside_its_interval(tiny_spec: ModelSpec) -> None:
    _, second = groups_in(compare(tiny_spec, *groups_of((30, 10, 10, 50), (10, 10, 4, 76))))
    rates = [second.selection_rate, second.true_positive_rate, second.false_positive_rate]
    for interval in [*rates, second.false_negative_rate, *second.disparities.values()]:
        assert interval is not None
        assert interval.low < interval.value < interval.high


@pytest.mark.parametrize(
    ("selected", "four_fifths"), [(0, False), (31, False), (32, True), (40, True), (50, True), (51, False)]
)
def test_four_fifths_holds_on_both_sides_of_the_reference(
    tiny_spec: ModelSpec, selected: int, four_fifths: bool
) -> None:
    first, second = groups_in(
        compare(tiny_spec, *groups_of((20, 30, 20, 30), (0, 20, selected, 80 - selected)))
    )
    assert first.four_fifths
    assert second.four_fifths == four_fifths


def test_ratio_to_a_rate_of_0_is_left_out(tiny_spec: ModelSpec) -> None:
    _, second, third = groups_in(
        compare(tiny_spec, *groups_of((0, 10, 0, 90), (0, 10, 0, 90), (5, 5, 5, 85)))
    )
    for group in (second, third):
        ratios = {name for name in group.disparities if name.endswith("ratio")}
        assert ratios == {"false_negative_rate_ratio"}
    assert (second.four_fifths, third.four_fifths) == (True, False)


def test_support_is_the_number_of_rows_behind_each_rate(tiny_spec: ModelSpec) -> None:
    first, second = groups_in(compare(tiny_spec, *groups_of((30, 10, 10, 50), (1, 2, 3, 4))))
    assert list(first.support.values()) == [100, 40, 60, 40]
    assert second.support == {
        "selection_rate": 10,
        "true_positive_rate": 3,
        "false_positive_rate": 7,
        "false_negative_rate": 3,
    }


def test_rates_of_0_and_1_have_exact_intervals(tiny_spec: ModelSpec) -> None:
    _, second = groups_in(compare(tiny_spec, *groups_of((30, 10, 10, 50), (5, 0, 0, 9))))
    assert second.true_positive_rate == intervals.exact_interval(1, 5, 0.95)
    assert second.false_negative_rate == intervals.exact_interval(0, 5, 0.95)
    assert second.false_positive_rate == intervals.exact_interval(0, 9, 0.95)


def test_disparities_of_rates_of_0_and_1_come_from_exact_intervals(tiny_spec: ModelSpec) -> None:
    _, second = groups_in(compare(tiny_spec, *groups_of((30, 10, 10, 50), (5, 0, 0, 9))))
    zero, sixth = intervals.exact_interval(0, 9, 0.95), intervals.exact_interval(1 / 6, 60, 0.95)
    assert second.disparities["false_positive_rate_difference"] == intervals.interval_of_difference(
        zero, sixth
    )
    assert second.disparities["false_positive_rate_ratio"] == intervals.interval_of_ratio(zero, sixth)
    all_rows, most = intervals.exact_interval(1, 5, 0.95), intervals.exact_interval(3 / 4, 40, 0.95)
    assert second.disparities["equal_opportunity_difference"] == intervals.interval_of_difference(
        all_rows, most
    )
    assert second.disparities["equal_opportunity_ratio"] == intervals.interval_of_ratio(all_rows, most)
    assert all(interval.low < interval.high for interval in second.disparities.values())


def test_disparities_to_a_reference_rate_of_0_come_from_exact_intervals(tiny_spec: ModelSpec) -> None:
    _, second = groups_in(compare(tiny_spec, *groups_of((5, 0, 0, 9), (30, 10, 10, 50))))
    expected = intervals.interval_of_difference(
        intervals.exact_interval(1 / 6, 60, 0.95), intervals.exact_interval(0, 9, 0.95)
    )
    assert second.disparities["false_positive_rate_difference"] == expected
    assert "false_positive_rate_ratio" not in second.disparities


def test_rate_of_no_rows_is_none_and_has_no_disparities(tiny_spec: ModelSpec) -> None:
    _, second = groups_in(compare(tiny_spec, *groups_of((30, 10, 10, 50), (0, 0, 4, 16))))
    assert (second.true_positive_rate, second.false_negative_rate) == (None, None)
    assert tuple(second.disparities) == tuple(
        name for name in FAIRNESS_METRICS if name.startswith(("demographic", "false_positive"))
    )


def test_missing_is_a_group_and_a_level_without_rows_is_not(tiny_spec: ModelSpec) -> None:
    grades = np.array([0] * 20 + [3] * 20)
    fairness = compare(tiny_spec, grades, np.tile([0, 1], 20), np.tile([0, 1, 1, 1], 10))
    assert [(group.level, group.rows) for group in groups_in(fairness)] == [("A", 20), ("missing", 20)]


def test_groups_of_a_boolean_are_false_and_true(tiny_spec: ModelSpec) -> None:
    matrix = np.zeros((8, 4), dtype=np.float32)
    matrix[4:, SECURED] = 1
    section = EvaluationSection(resamples=100, fairness={"secured": "true"})
    spec = tiny_spec.model_copy(update={"evaluation": section})
    truth = np.tile([0, 1], 4)
    fairness = compute_fairness(spec, spec.target, matrix, truth, np.full((8, 2), 0.5))
    assert [(group.level, group.rows) for group in groups_in(fairness)] == [("false", 4), ("true", 4)]


def test_reference_group_without_rows_is_a_data_error(tiny_spec: ModelSpec) -> None:
    with pytest.raises(DataError) as raised:
        compare(tiny_spec, *groups_of((3, 1, 1, 5), (1, 1, 1, 7)), reference="C")
    assert str(raised.value) == "No test row has grade C, the reference group of evaluation.fairness."


def test_positive_label_may_be_the_first(tiny_spec: ModelSpec) -> None:
    grades, truth, chosen = groups_of((30, 10, 10, 50), (10, 10, 4, 76))
    target = Target(name="paid", labels=("yes", "no"), positive="yes")
    reversed_spec = tiny_spec.model_copy(update={"target": target})
    assert compare(reversed_spec, grades, 1 - truth, 1 - chosen) == compare(tiny_spec, grades, truth, chosen)


def test_three_labels_have_no_protected_groups(tiny_spec: ModelSpec) -> None:
    target = Target(name="paid", labels=("none", "some", "all"))
    matrix = np.zeros((3, 4), dtype=np.float32)
    fairness = compute_fairness(tiny_spec, target, matrix, np.arange(3), np.full((3, 3), 1 / 3))
    assert fairness == Fairness(protected=())


def test_groups_of_many_rows_have_the_same_intervals(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = groups_of((300, 100, 100, 500), (100, 100, 40, 760))
    every_row = groups_in(compare(tiny_spec, *rows))[1]
    monkeypatch.setattr(module, "LARGE", 100)
    kinds = groups_in(compare(tiny_spec, *rows))[1]
    assert values(kinds.disparities) == values(every_row.disparities)
    for name, interval in every_row.disparities.items():
        width = kinds.disparities[name].high - kinds.disparities[name].low
        assert width == pytest.approx(interval.high - interval.low, rel=0.25), name


def test_groups_of_more_labels_are_compared_for_each_against_all_others(tiny_spec: ModelSpec) -> None:
    target = Target(name="paid", labels=("none", "some", "all"))
    rng = np.random.default_rng(2)
    grades, truth, chosen = rng.integers(0, 2, 300), rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    matrix = np.zeros((300, 4), dtype=np.float32)
    matrix[:, GRADE] = grades
    spec = tiny_spec.model_copy(
        update={"evaluation": EvaluationSection(resamples=100, fairness={"grade": "A"}), "target": target}
    )
    fairness = compute_fairness(spec, target, matrix, truth, np.eye(3)[chosen])
    assert [protected.label for protected in fairness.protected] == ["none", "some", "all"]
    for label, protected in enumerate(fairness.protected):
        alone = groups_in(compare(tiny_spec, grades, truth == label, chosen == label))
        assert [group.rows for group in protected.groups] == [group.rows for group in alone]
        assert values(protected.groups[1].disparities) == pytest.approx(values(alone[1].disparities))
