import pytest

from model_build.artifacts import Baseline, Baselines, Interval
from model_build.gate_report import BoundResult, GateResult
from model_build.gates.baselines import check_baselines, describe_convergence

METRICS = {"roc_auc": 0.93, "log_loss": 0.27}


def compared(low: float, value: float, high: float) -> Baselines:
    """Return baselines of which the untouched boosting has this improvement in its ROC AUC."""
    gain, large = Interval(value=value, low=low, high=high), Interval(value=0.4, low=0.3, high=0.5)
    return Baselines(
        metrics=METRICS,
        baselines=(
            Baseline(
                name="majority",
                metrics={"roc_auc": 0.5, "log_loss": 0.6},
                improvements={"roc_auc": large, "log_loss": large},
            ),
            Baseline(
                name="untouched boosting",
                metrics={"roc_auc": 0.93 - value, "log_loss": 0.28},
                improvements={"roc_auc": gain, "log_loss": large},
            ),
        ),
    )


@pytest.mark.parametrize(
    ("interval", "passed", "sentence"),
    [
        (
            (0.0005, 0.002, 0.0035),
            True,
            "roc_auc is 0.9300, and 0.9280 for untouched boosting; the improvement is "
            "0.0020 (0.0005 to 0.0035), and its interval should be above 0",
        ),
        (
            (-0.001, 0.002, 0.005),
            False,
            "roc_auc is 0.9300, and 0.9280 for untouched boosting; the improvement is "
            "0.0020 (-0.0010 to 0.0050), and its interval should be above 0: the model is not "
            "better by more than chance",
        ),
        (
            (-0.003, -0.002, -0.001),
            False,
            "roc_auc is 0.9300, and 0.9320 for untouched boosting; the improvement is "
            "-0.0020 (-0.0030 to -0.0010), and its interval should be above 0: the model is not "
            "better by more than chance",
        ),
    ],
)
def test_a_model_that_is_not_surely_better_than_untouched_boosting_warns(
    interval: tuple[float, float, float], passed: bool, sentence: str
) -> None:
    low, value, _ = interval
    assert check_baselines(compared(*interval))[0] == GateResult(
        kind="baseline",
        name="untouched boosting",
        severity="warn",
        passed=passed,
        sentence=sentence,
        bounds=(BoundResult(key="minimum", bound=0, value=value, end=low),),
    )


def test_untouched_boosting_itself_is_not_judged() -> None:
    baselines = compared(0, 0, 0)
    *others, untouched = baselines.baselines
    nothing = dict.fromkeys(METRICS, Interval(value=0, low=0, high=0))
    same = untouched.model_copy(update={"improvements": nothing})
    assert check_baselines(baselines.model_copy(update={"baselines": (*others, same)}))[0] == GateResult(
        kind="baseline",
        name="untouched boosting",
        severity="warn",
        passed=True,
        judged=False,
        sentence="the model predicts as untouched boosting does, so there was nothing to judge",
    )


def test_other_probabilities_of_the_same_ranking_are_judged() -> None:
    assert not check_baselines(compared(0, 0, 0))[0].passed


def beside_logistic(low: float, high: float, judged_by: str = "average_precision") -> GateResult:
    """Return the result for a logistic regression over which the model has this improvement."""
    gain = Interval(value=(low + high) / 2, low=low, high=high)
    metrics = METRICS | {"average_precision": 0.5}
    logistic = Baseline(
        name="logistic regression",
        metrics={name: value + 0.3 for name, value in metrics.items()},
        improvements=dict.fromkeys(metrics, gain),
    )
    baselines = compared(0.1, 0.2, 0.3)
    all_baselines = [
        baseline.model_copy(
            update={
                "metrics": metrics,
                "improvements": baseline.improvements | {"average_precision": gain},
            }
        )
        for baseline in baselines.baselines
    ]
    return check_baselines(
        Baselines.model_validate(
            {"metrics": metrics, "judged_by": judged_by, "baselines": (*all_baselines, logistic)}
        )
    )[1]


def test_a_model_that_is_surely_worse_than_logistic_regression_warns_by_the_metric_of_rare_labels() -> None:
    result = beside_logistic(-0.4, -0.2)
    assert (result.passed, result.severity) == (False, "warn")
    assert result.sentence == (
        "average_precision is 0.5000, and 0.8000 for logistic regression; the improvement is -0.3000 "
        "(-0.4000 to -0.2000): the model is worse than logistic regression; with rare positives, "
        "`class_weight: balanced` often helps (docs/imbalance.md)"
    )
    assert beside_logistic(-0.4, -0.2, "roc_auc").sentence.endswith("worse than logistic regression")


def test_a_model_that_may_be_as_good_as_logistic_regression_passes() -> None:
    assert beside_logistic(-0.2, 0.01).passed


def test_a_baseline_that_was_stopped_early_is_named() -> None:
    baselines = compared(0, 0, 0)
    majority, untouched = baselines.baselines
    stopped = untouched.model_copy(update={"converged": False})
    assert describe_convergence(baselines) == []
    assert describe_convergence(baselines.model_copy(update={"baselines": (majority, stopped)})) == [
        "warning: the untouched boosting among the baselines did not converge in 1,000 iterations, so it may "
        "be worse than it could be"
    ]
