import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics

from app.core.contract import Target
from model_build.artifacts import Threshold
from model_build.training.cross_validation import make_folds
from model_build.training.threshold import choose_threshold

TWO = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.5)
RNG = np.random.default_rng(0)
LABELS = (RNG.random(1000) < 0.3).astype(int)
CHANCE = np.clip(0.2 + 0.1 * LABELS + RNG.normal(0, 0.04, 1000), 0, 1)
"""A threshold near 0.25 separates the labels best."""
PROBABILITIES = np.stack([1 - CHANCE, CHANCE], axis=1)
FOLDS = make_folds(TWO, LABELS, 5, seed=0)


def chosen(objective: str, target: Target = TWO) -> Threshold:
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
