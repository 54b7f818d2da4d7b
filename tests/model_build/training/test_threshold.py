from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics

from app.core.contract import Target
from model_build.artifacts import Threshold
from model_build.spec.threshold import ThresholdRule
from model_build.training.cross_validation import make_folds
from model_build.training.threshold import choose_threshold

TWO = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.5)
RNG = np.random.default_rng(0)
LABELS = (RNG.random(1000) < 0.3).astype(int)
CHANCE = np.clip(0.2 + 0.1 * LABELS + RNG.normal(0, 0.04, 1000), 0, 1)
"""A threshold near 0.25 separates the labels best."""
PROBABILITIES = np.stack([1 - CHANCE, CHANCE], axis=1)
FOLDS = make_folds(TWO, LABELS, 5, seed=0)


def chosen(objective: str | ThresholdRule, target: Target = TWO) -> Threshold:
    threshold = choose_threshold(target, objective, LABELS, PROBABILITIES, FOLDS)
    assert threshold is not None
    return threshold


@pytest.mark.parametrize("objective", ["accuracy", "balanced_accuracy", "f1"])
def test_best_threshold_on_the_folds_is_chosen(objective: str) -> None:
    threshold = chosen(objective)
    assert threshold.value == pytest.approx(0.25, abs=0.03)
    assert list(threshold.scores) == [f"{threshold.value:g}", "0.5"]
    assert threshold.scores[f"{threshold.value:g}"] > 0.8 > threshold.scores["0.5"]
    assert threshold.reason.startswith(f"the best {objective.replace('_', ' ')} on the folds, by 0.")


@pytest.mark.parametrize(
    ("objective", "score"),
    [
        ("accuracy", metrics.accuracy_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("f1", metrics.f1_score),
    ],
)
def test_scores_equal_scikit_learn(objective: str, score: npt.ArrayLike) -> None:
    assert callable(score)
    threshold = chosen(objective)
    by_fold = [
        score(LABELS[fold.validate], CHANCE[fold.validate].astype(np.float32) >= threshold.value)
        for fold in FOLDS
    ]
    assert threshold.scores[f"{threshold.value:g}"] == pytest.approx(np.mean(by_fold))


def test_probability_equal_to_the_threshold_is_positive_as_in_the_service() -> None:
    chance = np.repeat([0.3, 0.7], 50)  # 0.7 is a little less as float32
    labels = (chance > 0.5).astype(int)
    probabilities = np.stack([1 - chance, chance], axis=1)
    target = TWO.model_copy(update={"threshold": 0.7})
    threshold = choose_threshold(
        target, "accuracy", labels, probabilities, make_folds(target, labels, 2, seed=0)
    )
    assert threshold is not None
    assert threshold.scores["0.7"] == (target.decide(probabilities) == labels).mean() == 1.0


def test_the_positive_label_may_be_the_first() -> None:
    target = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.5)
    threshold = choose_threshold(target, "f1", 1 - LABELS, PROBABILITIES[:, ::-1], FOLDS)
    assert threshold is not None
    assert threshold.value == chosen("f1").value


def test_own_threshold_stays_if_the_best_is_hardly_better() -> None:
    threshold = chosen("accuracy", TWO.model_copy(update={"threshold": 0.27}))
    assert threshold.value == 0.27
    assert threshold.reason.startswith(
        "no other threshold has a better accuracy on the folds by more than one standard error"
    )


def test_better_threshold_within_one_standard_error_is_not_chosen() -> None:
    """At 0.4 one more of 60 rows is right, in one of 3 folds: a gain of exactly one standard error."""
    chance = np.tile(np.array([0.1, 0.9]), 30)
    labels = (chance > 0.5).astype(int)
    chance[1] = 0.45
    probabilities = np.stack([1 - chance, chance], axis=1)
    folds = make_folds(TWO, labels, 3, seed=0)
    threshold = choose_threshold(TWO, "accuracy", labels, probabilities, folds)
    assert threshold is not None
    assert max(threshold.scores.values()) > threshold.scores["0.5"]
    assert threshold.value == 0.5


def test_fixed_threshold_is_the_one_of_the_target() -> None:
    assert chosen("fixed") == Threshold(value=0.5, objective="fixed", reason="set by the spec", scores={})


def test_more_than_two_labels_have_no_threshold() -> None:
    three = Target(name="paid", labels=("no", "some", "all"))
    assert choose_threshold(three, "fixed", LABELS, PROBABILITIES, FOLDS) is None


RARE_LABELS = (RNG.random(20_000) < 0.01).astype(int)
RARE_CHANCE = 1 / (1 + np.exp(-(RNG.normal(-7, 1, 20_000) + 4 * RARE_LABELS)))
"""Nearly all are below the smallest threshold of the grid."""


def chosen_for_rare(**rule: Any) -> tuple[Threshold, npt.NDArray[np.bool_]]:
    """Return the threshold, and which rows it selects."""
    threshold = choose_threshold(
        TWO,
        ThresholdRule.model_validate(rule),
        RARE_LABELS,
        np.stack([1 - RARE_CHANCE, RARE_CHANCE], axis=1),
        make_folds(TWO, RARE_LABELS, 5, seed=0),
    )
    assert threshold is not None
    return threshold, threshold.value <= RARE_CHANCE


def test_precision_at_recall_keeps_the_recall() -> None:
    threshold, selected = chosen_for_rare(precision_at_recall=0.8)
    assert 0.8 <= metrics.recall_score(RARE_LABELS, selected) < 0.82
    precision, recall, _ = metrics.precision_recall_curve(RARE_LABELS, RARE_CHANCE)
    best = precision[recall >= 0.8].max()
    assert metrics.precision_score(RARE_LABELS, selected) == pytest.approx(best, abs=0.01)
    assert threshold.reason.startswith("the highest precision with a recall of at least 0.8 on the folds: ")


def test_recall_at_precision_keeps_the_precision() -> None:
    threshold, selected = chosen_for_rare(recall_at_precision=0.9)
    assert metrics.precision_score(RARE_LABELS, selected) >= 0.9
    precision, recall, _ = metrics.precision_recall_curve(RARE_LABELS, RARE_CHANCE)
    best = recall[precision >= 0.9].max()
    assert metrics.recall_score(RARE_LABELS, selected) == pytest.approx(best, abs=0.03)
    assert threshold.objective == "recall_at_precision"


def test_budget_is_kept_and_used_up() -> None:
    threshold, selected = chosen_for_rare(budget=0.005)
    assert 0.0048 < selected.mean() <= 0.005
    assert threshold.reason == (
        f"as many rows as a budget of 0.005 of the rows of the folds allows: it selects {selected.mean():.4g}"
    )


def test_cost_decides_how_many_false_alarms_a_miss_is_worth() -> None:
    cost = {"false_positive": 1, "false_negative": 50}
    threshold, selected = chosen_for_rare(cost=cost)
    false_alarms, misses = (selected & (RARE_LABELS == 0)).sum(), (~selected & (RARE_LABELS == 1)).sum()
    assert threshold.reason.startswith("the lowest cost per row on the folds, by 0.")
    assert min(threshold.scores.values()) == pytest.approx((false_alarms + 50 * misses) / 20_000)
    cheap, fewer = chosen_for_rare(cost={"false_positive": 1, "false_negative": 2})
    assert fewer.sum() < selected.sum()
    assert cheap.value > threshold.value


def test_f2_prefers_recall() -> None:
    (low, _), (high, _) = chosen_for_rare(maximize="f2"), chosen_for_rare(maximize="f1")
    assert low.value < high.value
    best = metrics.fbeta_score(RARE_LABELS, low.value <= RARE_CHANCE, beta=2)
    assert low.scores[f"{low.value:g}"] == pytest.approx(best, abs=0.02)


def test_a_condition_that_no_threshold_meets_is_said() -> None:
    threshold = choose_threshold(
        TWO,
        ThresholdRule(recall_at_precision=0.9),
        LABELS,
        np.full((1000, 2), 0.5),
        FOLDS,
    )
    assert threshold is not None
    assert threshold.reason.startswith("no threshold reaches it: the highest recall with a precision of")


def test_threshold_and_its_metrics_have_intervals() -> None:
    threshold, selected = chosen_for_rare(precision_at_recall=0.8)
    assert threshold.interval is not None
    assert threshold.interval.low < threshold.value < threshold.interval.high < 5 * threshold.value
    recall, share = threshold.measured["recall"], threshold.measured["share"]
    assert recall.value == metrics.recall_score(RARE_LABELS, selected)
    half = 1.96 * (recall.value * (1 - recall.value) / RARE_LABELS.sum()) ** 0.5
    assert recall.low == pytest.approx(recall.value - half, abs=0.02)
    assert recall.high == pytest.approx(recall.value + half, abs=0.02)
    assert share.low < share.value == selected.mean() < share.high
    assert chosen("fixed").interval is None


def test_a_word_is_short_for_the_metric_to_maximize() -> None:
    assert chosen("f1") == chosen(ThresholdRule(maximize="f1"))
