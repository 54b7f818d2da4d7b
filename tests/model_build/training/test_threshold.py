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
"""Best told apart near 0.25."""
PROBABILITIES = np.stack([1 - CHANCE, CHANCE], axis=1)
FOLDS = make_folds(TWO, LABELS, 5, seed=0)


def chosen(objective: str, target: Target = TWO) -> Threshold:
    found = choose_threshold(target, objective, LABELS, PROBABILITIES, FOLDS)
    assert found is not None
    return found


@pytest.mark.parametrize("objective", ["accuracy", "balanced_accuracy", "f1"])
def test_the_threshold_that_does_best_on_the_folds_is_chosen(objective: str) -> None:
    found = chosen(objective)
    assert found.value == pytest.approx(0.25, abs=0.03)
    assert list(found.scores) == [f"{found.value:g}", "0.5"]
    assert found.scores[f"{found.value:g}"] > 0.8 > found.scores["0.5"]
    assert found.reason.startswith(f"the best {objective.replace('_', ' ')} on the folds, by 0.")


@pytest.mark.parametrize(
    ("objective", "score"),
    [
        ("accuracy", metrics.accuracy_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("f1", metrics.f1_score),
    ],
)
def test_the_scores_are_those_of_scikit_learn(objective: str, score: npt.ArrayLike) -> None:
    assert callable(score)
    found = chosen(objective)
    by_fold = [
        score(LABELS[fold.validate], CHANCE[fold.validate].astype(np.float32) >= found.value)
        for fold in FOLDS
    ]
    assert found.scores[f"{found.value:g}"] == pytest.approx(np.mean(by_fold))


def test_a_share_that_meets_a_threshold_takes_the_positive_label_as_the_service_does() -> None:
    chance = np.repeat([0.3, 0.7], 50)  # 0.7 is a little less as float32
    labels = (chance > 0.5).astype(int)
    probabilities = np.stack([1 - chance, chance], axis=1)
    target = TWO.model_copy(update={"threshold": 0.7})
    found = choose_threshold(target, "accuracy", labels, probabilities, make_folds(target, labels, 2, seed=0))
    assert found is not None
    assert found.scores["0.7"] == (target.decide(probabilities) == labels).mean() == 1.0


def test_the_positive_label_may_be_the_first() -> None:
    target = Target(name="paid", labels=("yes", "no"), positive="yes", threshold=0.5)
    found = choose_threshold(target, "f1", 1 - LABELS, PROBABILITIES[:, ::-1], FOLDS)
    assert found is not None
    assert found.value == chosen("f1").value


def test_the_threshold_of_the_target_stays_when_the_best_is_hardly_better() -> None:
    found = chosen("accuracy", TWO.model_copy(update={"threshold": 0.27}))
    assert found.value == 0.27
    assert found.reason.startswith(
        "no other has a better accuracy on the folds by more than a standard error"
    )


def test_a_better_threshold_is_not_taken_within_a_standard_error() -> None:
    """Of 60 rows in 3 folds, one more is right at 0.4, in one fold only: a gain of one standard error."""
    chance = np.tile(np.array([0.1, 0.9]), 30)
    labels = (chance > 0.5).astype(int)
    chance[1] = 0.45
    probabilities = np.stack([1 - chance, chance], axis=1)
    folds = make_folds(TWO, labels, 3, seed=0)
    found = choose_threshold(TWO, "accuracy", labels, probabilities, folds)
    assert found is not None
    assert max(found.scores.values()) > found.scores["0.5"]
    assert found.value == 0.5


def test_a_fixed_threshold_is_that_of_the_target() -> None:
    assert chosen("fixed") == Threshold(value=0.5, objective="fixed", reason="as the spec has it", scores={})


def test_more_than_two_labels_have_no_threshold() -> None:
    three = Target(name="paid", labels=("no", "some", "all"))
    assert choose_threshold(three, "fixed", LABELS, PROBABILITIES, FOLDS) is None
