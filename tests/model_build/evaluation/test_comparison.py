import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from app.core.contract import Positions, Probabilities, Target
from model_build.artifacts import Interval
from model_build.evaluation.comparison import compute_improvements
from model_build.evaluation.metrics import ScoredRows
from model_build.spec.sections import EvaluationSection

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes")
GRADE = Target(name="grade", labels=("a", "b", "c"))
SECTION = EvaluationSection(resamples=400)

rng = np.random.default_rng(0)
TRUTH: Positions = rng.integers(0, 2, size=600)


def scores(noise: float) -> Probabilities:
    """Return probabilities that tell the labels apart; less so with more noise."""
    logits = TRUTH - 0.5 + noise * np.random.default_rng(1).normal(size=len(TRUTH))
    positive = 1 / (1 + np.exp(-2 * logits))
    return np.stack([1 - positive, positive], axis=1)


def scored(probabilities: Probabilities, target: Target = BINARY) -> ScoredRows:
    return ScoredRows(target, TRUTH, probabilities)


def test_values_are_the_differences_of_the_metrics_and_above_0_is_better() -> None:
    good, poor = scores(0.5), scores(2)
    [[over_poor], [over_good]] = (
        compute_improvements(pair, ["roc_auc", "log_loss"], SECTION, seed=1)
        for pair in ([scored(good), scored(poor)], [scored(poor), scored(good)])
    )
    gain = {
        "roc_auc": roc_auc_score(TRUTH, good[:, 1]) - roc_auc_score(TRUTH, poor[:, 1]),
        "log_loss": log_loss(TRUTH, poor) - log_loss(TRUTH, good),
    }
    for metric, value in gain.items():
        assert value > 0
        assert over_poor[metric].value == pytest.approx(value)
        assert over_poor[metric].low > 0
        assert over_good[metric].value == pytest.approx(-value)
        assert over_good[metric].high < 0


def test_every_other_model_is_compared_with_the_first_as_if_it_were_alone() -> None:
    models = [scored(scores(noise)) for noise in (0.5, 1, 2)]
    both = compute_improvements(models, ["roc_auc"], SECTION, seed=1)
    alone = [
        compute_improvements([models[0], other], ["roc_auc"], SECTION, seed=1)[0] for other in models[1:]
    ]
    assert both == alone


def test_the_same_predictions_are_no_improvement() -> None:
    models = [scored(scores(1)), scored(scores(1).copy())]
    nothing = Interval(value=0, low=0, high=0)
    metrics = ["roc_auc", "log_loss", "accuracy"]
    assert compute_improvements(models, metrics, SECTION, seed=1) == [dict.fromkeys(metrics, nothing)]


def test_each_model_decides_by_its_own_threshold() -> None:
    strict = BINARY.model_copy(update={"threshold": 0.999})
    models = [scored(scores(0.5)), scored(scores(0.5), strict)]
    [improvement] = compute_improvements(models, ["roc_auc", "accuracy"], SECTION, seed=1)
    assert improvement["roc_auc"].value == 0
    assert improvement["accuracy"].value > 0.3


def test_more_than_two_labels_are_averaged() -> None:
    truth: Positions = np.arange(300) % 3
    sure = np.full((300, 3), 0.1)
    sure[np.arange(300), truth] = 0.8
    models = [ScoredRows(GRADE, truth, probabilities) for probabilities in (sure, np.full((300, 3), 1 / 3))]
    [improvement] = compute_improvements(models, ["roc_auc", "log_loss"], SECTION, seed=1)
    assert improvement["roc_auc"] == Interval(value=0.5, low=0.5, high=0.5)
    assert improvement["log_loss"].value == pytest.approx(np.log(3) + np.log(0.8))
