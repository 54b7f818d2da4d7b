"""Whether a model is better than scikit-learn's untouched boosting; a model that is not warns."""

import joblib

from app.core.encoders import row_encoder
from model_build.artifacts import Baselines, Interval, TrainingReport, file_sha256
from model_build.data.dataset import Dataset
from model_build.evaluation.metrics import ScoredRows
from model_build.gate_report import BoundResult, GateResult
from model_build.gates.bounds import describe_interval
from model_build.stage import Job
from model_build.training.baselines import UNTOUCHED, compare_with_baselines

METRIC = "roc_auc"
NOTHING = Interval(value=0, low=0, high=0)


def measure_baselines(job: Job, train: Dataset, test: Dataset) -> Baselines:
    """Fit the baselines to the training rows, and compare the evaluated model with them on the test rows."""
    spec, encode = job.spec, row_encoder(job.spec.features, job.spec.derived)
    target = TrainingReport.read(job.path("training.json")).with_threshold(spec.target)
    matrix = encode(test.rows)
    scored = ScoredRows(target, test.labels, joblib.load(job.path("model.joblib")).predict_proba(matrix))
    baselines = compare_with_baselines(spec, scored, matrix, encode(train.rows), train.labels)
    return baselines.model_copy(update={"model_sha256": file_sha256(job.path("model.onnx"))})


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
