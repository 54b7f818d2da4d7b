"""Whether a model is better than cheap ones on the same rows; a model that is not warns."""

import joblib

from app.core.encoders import row_encoder
from model_build.artifacts import Baseline, Baselines, Interval, TrainingReport, file_sha256
from model_build.data.dataset import Dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.evaluation.metrics import ScoredRows
from model_build.gate_report import BoundResult, GateResult
from model_build.gates.bounds import describe_interval
from model_build.stage import Job
from model_build.training.baselines import ITERATIONS, LOGISTIC, UNTOUCHED, compare_with_baselines

REMEDY = "; with rare positives, `class_weight: balanced` often helps (docs/imbalance.md)"
NOTHING = Interval(value=0, low=0, high=0)


def measure_baselines(job: Job, train: Dataset, test: Dataset) -> Baselines:
    """Fit the baselines to the training rows, and compare the evaluated model with them on the test rows."""
    spec, encode = job.spec, row_encoder(job.spec.features, job.spec.derived)
    target = TrainingReport.read(job.path("training.json")).with_threshold(spec.target)
    matrix = encode_in_chunks(encode, test.rows)
    probabilities = joblib.load(job.path("model.joblib")).predict_proba(matrix)
    scored = ScoredRows(target, test.labels, probabilities, test.carried.weights)
    weights, train_matrix = train.carried.weights, encode_in_chunks(encode, train.rows)
    baselines = compare_with_baselines(spec, scored, matrix, train_matrix, train.labels, weights)
    return baselines.model_copy(update={"model_sha256": file_sha256(job.path("model.onnx"))})


def check_baselines(baselines: Baselines) -> list[GateResult]:
    """Compare with the untouched boosting and the logistic regression, by the metric that fits the labels.

    The whole interval of the improvement over the boosting must be above 0; that over the logistic regression
    must not be below 0 as a whole.
    """
    by_name = {baseline.name: baseline for baseline in baselines.baselines}
    return [
        _check(baselines, by_name[UNTOUCHED], must_be_better=True),
        *(_check(baselines, by_name[name], must_be_better=False) for name in [LOGISTIC] if name in by_name),
    ]


def describe_convergence(baselines: Baselines) -> list[str]:
    """Return a line for every baseline whose fit was stopped early."""
    return [
        f"warning: the {baseline.name} among the baselines did not converge in {ITERATIONS:,} iterations, so "
        "it may be worse than it could be"
        for baseline in baselines.baselines
        if not baseline.converged
    ]


def _check(baselines: Baselines, baseline: Baseline, *, must_be_better: bool) -> GateResult:
    name, metric = baseline.name, baselines.judged_by
    if all(improvement == NOTHING for improvement in baseline.improvements.values()):
        sentence = f"the model predicts as {name} does, so there was nothing to judge"
        return _result(name, sentence, passed=True, judged=False)
    improvement = baseline.improvements[metric]
    end = improvement.low if must_be_better else improvement.high
    passed = end > 0 if must_be_better else end >= 0
    sentence = (
        f"{metric} is {baselines.metrics[metric]:.4f}, and {baseline.metrics[metric]:.4f} for {name}; "
        f"the improvement is {describe_interval(improvement)}"
    )
    if must_be_better:
        sentence += ", and its interval should be above 0"
        sentence += "" if passed else ": the model is not better by more than chance"
    elif not passed:
        sentence += f": the model is worse than {name}"
        sentence += REMEDY if metric == "average_precision" else ""
    bound = BoundResult(key="minimum", bound=0, value=improvement.value, end=end)
    return _result(name, sentence, passed=passed, bounds=(bound,))


def _result(
    name: str, sentence: str, *, passed: bool, judged: bool = True, bounds: tuple[BoundResult, ...] = ()
) -> GateResult:
    return GateResult(
        kind="baseline",
        name=name,
        severity="warn",
        passed=passed,
        judged=judged,
        sentence=sentence,
        bounds=bounds,
    )
