import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from app.core.contract import Positions, Target
from app.core.values import Matrix
from model_build.artifacts import Interval
from model_build.evaluation.metrics import ScoredRows
from model_build.spec.estimator import Estimator
from model_build.spec.model_spec import ModelSpec
from model_build.spec.training import Clip, Training
from model_build.training import baselines
from model_build.training.baselines import compare_with_baselines, fit_baselines
from model_build.training.classifier import fit

NAMES = ["untouched boosting", "logistic regression", "majority"]
NOTHING = Interval(value=0, low=0, high=0)


def make_rows(count: int, seed: int) -> tuple[Matrix, Positions]:
    """Return encoded rows with gaps, and labels that depend on every feature; a fifth is positive."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.integers(1, 31, count),
        rng.uniform(0, 20, count),
        rng.integers(0, 3, count),
        rng.integers(0, 2, count),
    ]
    matrix = np.stack(columns, axis=1).astype(np.float32)
    odds = matrix @ [-0.1, -0.1, 0.5, 1.0] + rng.normal(size=count)
    matrix[::9, 1] = np.nan
    return matrix, (odds > np.quantile(odds, 0.8)).astype(np.intp)


TRAIN, LABELS = make_rows(500, seed=1)
TEST, TRUTH = make_rows(400, seed=2)


def scored_by(spec: ModelSpec, **parameters: object) -> ScoredRows:
    return ScoredRows(spec.target, TRUTH, fit(spec, parameters, TRAIN, LABELS).predict_proba(TEST))


def with_spec(spec: ModelSpec, **changes: object) -> ModelSpec:
    return spec.model_copy(update=changes)


def test_untouched_boosting_has_only_the_seed(tiny_spec: ModelSpec) -> None:
    expected = HistGradientBoostingClassifier(random_state=1).fit(TRAIN, LABELS).predict_proba(TEST)
    fitted = fit_baselines(tiny_spec, TRAIN, LABELS)
    assert list(fitted) == NAMES
    assert fitted["untouched boosting"].predict_proba(TEST).tolist() == expected.tolist()


def test_baselines_have_nothing_of_what_the_spec_tunes(tiny_spec: ModelSpec) -> None:
    tuned = with_spec(
        tiny_spec,
        estimator=Estimator(name="decision_tree", parameters={"class_weight": "balanced", "max_depth": 2}),
        training=Training(
            resample="over",
            select=1,
            clip={"years": Clip(high=0.5)},
            calibration="isotonic",
            category_order="target_rate",
        ),
    )
    plain, of_tuned = (fit_baselines(spec, TRAIN, LABELS) for spec in (tiny_spec, tuned))
    for name in NAMES:
        assert of_tuned[name].predict_proba(TEST).tolist() == plain[name].predict_proba(TEST).tolist()


def test_baselines_do_not_read_what_the_model_must_not_read(tiny_spec: ModelSpec) -> None:
    spec = with_spec(tiny_spec, training=Training(drop=("years", "grade")))
    changed = TEST.copy()
    changed[:, [0, 2]] = 1
    for model in fit_baselines(spec, TRAIN, LABELS).values():
        assert model.predict_proba(changed).tolist() == model.predict_proba(TEST).tolist()


def test_each_baseline_has_its_metrics_and_the_improvement_of_the_model(tiny_spec: ModelSpec) -> None:
    scored = scored_by(tiny_spec, max_iter=5)
    compared = compare_with_baselines(tiny_spec, scored, TEST, TRAIN, LABELS)
    assert [baseline.name for baseline in compared.baselines] == NAMES
    assert compared.metrics["roc_auc"] == roc_auc_score(TRUTH, scored.probabilities[:, 1])
    for baseline in compared.baselines:
        for metric, sign in (("roc_auc", 1), ("log_loss", -1), ("accuracy", 1)):
            gain = sign * (compared.metrics[metric] - baseline.metrics[metric])
            assert baseline.improvements[metric].value == pytest.approx(gain)
            assert baseline.improvements[metric].low <= gain <= baseline.improvements[metric].high
    majority = compared.baselines[-1]
    assert majority.metrics["roc_auc"] == 0.5
    assert majority.metrics["accuracy"] == (TRUTH == 0).mean()
    assert majority.improvements["roc_auc"].low > 0.2


def test_a_baseline_predicts_the_likeliest_label_whatever_the_threshold_of_the_target(
    tiny_spec: ModelSpec,
) -> None:
    strict = with_spec(tiny_spec, target=tiny_spec.target.model_copy(update={"threshold": 0.99}))
    compared = compare_with_baselines(strict, scored_by(strict, max_iter=5), TEST, TRAIN, LABELS)
    logistic = fit_baselines(strict, TRAIN, LABELS)["logistic regression"]
    assert compared.baselines[1].metrics["accuracy"] == accuracy_score(TRUTH, logistic.predict(TEST))
    assert compared.metrics["accuracy"] == (TRUTH == 0).mean()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("hist_gradient_boosting", {}), ("logistic_regression", {"max_iter": baselines.ITERATIONS})],
)
def test_a_spec_that_is_itself_a_baseline_is_no_improvement_over_it(
    tiny_spec: ModelSpec, name: str, parameters: dict[str, object]
) -> None:
    target = tiny_spec.target.model_copy(update={"threshold": 0.5})
    spec = with_spec(tiny_spec, estimator=Estimator(name=name), target=target)
    compared = compare_with_baselines(spec, scored_by(spec, **parameters), TEST, TRAIN, LABELS)
    same = [baseline for baseline in compared.baselines if set(baseline.improvements.values()) == {NOTHING}]
    assert len(same) == 1


def test_three_labels_are_compared(tiny_spec: ModelSpec) -> None:
    spec = with_spec(tiny_spec, target=Target(name="grade", labels=("a", "b", "c")))
    labels, truth = TRAIN[:, 2].astype(np.intp), TEST[:, 2].astype(np.intp)
    probabilities = fit(spec, {}, TRAIN, labels).predict_proba(TEST)
    compared = compare_with_baselines(
        spec, ScoredRows(spec.target, truth, probabilities), TEST, TRAIN, labels
    )
    assert compared.metrics["accuracy"] == 1
    assert compared.baselines[-1].metrics["roc_auc"] == 0.5


def test_a_logistic_regression_that_has_not_converged_is_a_baseline_all_the_same(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "ITERATIONS", 1)
    probabilities = fit_baselines(tiny_spec, TRAIN, LABELS)["logistic regression"].predict_proba(TEST)
    assert roc_auc_score(TRUTH, probabilities[:, 1]) > 0.6
    compared = compare_with_baselines(tiny_spec, scored_by(tiny_spec, max_iter=5), TEST, TRAIN, LABELS)
    assert [baseline.converged for baseline in compared.baselines] == [True, False, True]


def test_rare_positives_are_judged_by_the_average_precision(tiny_spec: ModelSpec) -> None:
    scored = scored_by(tiny_spec, max_iter=5)
    assert compare_with_baselines(tiny_spec, scored, TEST, TRAIN, LABELS).judged_by == "roc_auc"
    rare = LABELS * (np.arange(len(LABELS)) % 3 == 0)
    compared = compare_with_baselines(tiny_spec, scored, TEST, TRAIN, rare)
    assert compared.judged_by == "average_precision"
    average_precision = average_precision_score(TRUTH, scored.probabilities[:, 1])
    assert compared.metrics["average_precision"] == pytest.approx(average_precision)
    assert compared.baselines[-1].metrics["average_precision"] == pytest.approx(TRUTH.mean())
