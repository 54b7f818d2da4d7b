"""Whether a model is better than scikit-learn's untouched boosting; a model that is not warns."""

from model_build.artifacts import Baselines, Interval
from model_build.gate_report import BoundResult, GateResult
from model_build.gates.bounds import describe_interval
from model_build.training.baselines import UNTOUCHED

METRIC = "roc_auc"
NOTHING = Interval(value=0, low=0, high=0)


def check_baselines(baselines: Baselines) -> GateResult:
    """Compare with the untouched boosting; the whole interval of the improvement must be above 0."""
    [untouched] = [baseline for baseline in baselines.baselines if baseline.name == UNTOUCHED]
    if all(improvement == NOTHING for improvement in untouched.improvements.values()):
        sentence = f"the model predicts as {UNTOUCHED} does, so there was nothing to judge"
        return _result(sentence, passed=True, judged=False)
    improvement = untouched.improvements[METRIC]
    passed = improvement.low > 0
    sentence = (
        f"{METRIC} is {baselines.metrics[METRIC]:.4f}, and {untouched.metrics[METRIC]:.4f} for {UNTOUCHED}; "
        f"the improvement is {describe_interval(improvement)}, and its interval should be above 0"
    )
    sentence += "" if passed else ": the model is not better by more than chance"
    bound = BoundResult(key="minimum", bound=0, value=improvement.value, end=improvement.low)
    return _result(sentence, passed=passed, bounds=(bound,))


def _result(
    sentence: str, *, passed: bool, judged: bool = True, bounds: tuple[BoundResult, ...] = ()
) -> GateResult:
    return GateResult(
        kind="baseline",
        name=UNTOUCHED,
        severity="warn",
        passed=passed,
        judged=judged,
        sentence=sentence,
        bounds=bounds,
    )
