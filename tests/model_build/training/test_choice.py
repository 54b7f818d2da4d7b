import numpy as np
import pytest

from model_build.artifacts import Candidate
from model_build.training.choice import EvaluatedCandidate, choose_candidate, is_behind

LOSSES = (0.3, 0.3, 0.3)


def evaluated(
    name: str, size: int, *scores: float, losses: tuple[float, ...] = LOSSES, metric: str = "roc_auc"
) -> EvaluatedCandidate:
    fold_metrics = {"roc_auc": scores, "log_loss": losses}
    values = fold_metrics[metric]
    error = float(np.std(values, ddof=1) / len(values) ** 0.5)
    summary = Candidate(
        parameters={"name": name}, score=float(np.mean(values)), standard_error=error, size=size
    )
    return EvaluatedCandidate(summary, fold_metrics, repeats=1)


BEST = evaluated("best", 900, 0.90, 0.91, 0.92)
NEAR = evaluated("near", 300, 0.899, 0.912, 0.917)
CERTAINLY_WORSE = evaluated("certainly worse", 100, 0.8996, 0.9096, 0.9196)
FAR = evaluated("far", 10, 0.89, 0.92, 0.91)
DEFAULT = evaluated("default", 500, 0.89, 0.90, 0.91)
"""The best gains 0.01, so 0.001 may be given up."""


def names(*candidates: EvaluatedCandidate) -> list[str]:
    return [candidate.summary.parameters["name"] for candidate in candidates]


def test_smallest_candidate_that_loses_little_and_within_noise_is_chosen() -> None:
    """Near loses 0.001, -0.002, 0.003; certainly worse loses 0.0004 on every fold; far loses 0.00333."""
    evaluations = [BEST, NEAR, CERTAINLY_WORSE, FAR, DEFAULT]
    best, chosen, reason = choose_candidate(evaluations, DEFAULT, "roc_auc")
    assert names(best, chosen) == ["best", "near"]
    assert reason == (
        "the smallest of 2 candidates within noise of the best and within 0.00100 of it, "
        "a tenth of its gain on the defaults"
    )


def test_more_than_a_tenth_of_the_gain_is_not_given_up_however_noisy_the_folds_are() -> None:
    default = evaluated("default", 500, 0.895, 0.905, 0.915)
    best, chosen, _ = choose_candidate([BEST, NEAR, default], default, "roc_auc")
    assert names(best, chosen) == ["best", "best"]


def test_candidate_with_a_metric_worse_than_the_defaults_is_not_chosen() -> None:
    near = evaluated("near", 300, 0.899, 0.912, 0.917, losses=(0.3, 0.3, 0.301))
    best, chosen, reason = choose_candidate([BEST, near, DEFAULT], DEFAULT, "roc_auc")
    assert names(best, chosen) == ["best", "best"]
    assert reason == (
        "the smallest of 1 candidate within noise of the best and within 0.00100 of it, "
        "a tenth of its gain on the defaults, not counting 1 with a worse metric than the defaults"
    )


def test_defaults_are_chosen_when_all_others_have_a_worse_metric() -> None:
    default = evaluated("default", 500, 0.89, 0.90, 0.91, losses=(0.2, 0.2, 0.2))
    best, chosen, reason = choose_candidate([BEST, NEAR, default], default, "roc_auc")
    assert names(best, chosen) == ["best", "default"]
    assert reason == ("the defaults, because no candidate near the best has a ROC AUC and a log loss as good")


def test_defaults_that_are_the_best_give_nothing_up() -> None:
    default = evaluated("default", 1000, 0.901, 0.911, 0.921)
    best, chosen, _ = choose_candidate([BEST, NEAR, default], default, "roc_auc")
    assert names(best, chosen) == ["default", "default"]


def test_better_of_two_equally_small_is_chosen() -> None:
    rival = evaluated("rival", 300, 0.899, 0.9121, 0.917)
    assert names(choose_candidate([BEST, NEAR, rival], DEFAULT, "roc_auc")[1]) == ["rival"]


def test_lower_log_loss_is_better() -> None:
    losses = {"best": (0.20, 0.21, 0.22), "near": (0.201, 0.208, 0.223), "default": (0.21, 0.22, 0.23)}
    best, near, default = (
        evaluated(name, size, 0.9, 0.9, 0.9, losses=losses[name], metric="log_loss")
        for name, size in (("best", 900), ("near", 300), ("default", 500))
    )
    assert names(*choose_candidate([best, near, default], default, "log_loss")[:2]) == ["best", "near"]


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        ("roc_auc", [0.80, 0.81, 0.82], True),
        ("roc_auc", [0.90, 0.89, 0.92], False),
        ("roc_auc", [0.99, 0.99, 0.99], False),
        ("log_loss", [0.99, 0.99, 0.98], True),
        ("log_loss", [0.80, 0.81, 0.82], False),
    ],
)
def test_only_a_loss_beyond_a_standard_error_is_behind(
    metric: str, values: list[float], expected: bool
) -> None:
    assert is_behind(metric, values, [0.90, 0.90, 0.91, 0.0, 0.0], folds=5) is expected
