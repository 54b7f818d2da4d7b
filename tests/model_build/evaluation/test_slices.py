from collections.abc import Mapping

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from sklearn import metrics

from app.core.contract import Positions, Probabilities, Target
from app.core.features import Matrix
from model_build.artifacts import Interval, Slice, Slices
from model_build.evaluation.intervals import exact
from model_build.evaluation.slices import compute_slices
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import SLICE_METRICS, EvaluationSection, SlicesSection

MORE = Target(name="paid", labels=("none", "some", "all"))
ROWS = 400
YEARS, RATE, GRADE, SECURED = range(4)


def rows(labels: int = 2, seed: int = 0) -> tuple[Matrix, Positions, Probabilities]:
    """Return encoded rows of the tiny model, of which some have no rate and some no grade."""
    rng = np.random.default_rng(seed)
    rate = np.where(rng.random(ROWS) < 0.1, np.nan, rng.uniform(0, 20, ROWS).round(1))
    columns = [rng.integers(1, 31, ROWS), rate, rng.integers(0, 4, ROWS), rng.integers(0, 2, ROWS)]
    probabilities = rng.dirichlet(np.ones(labels), ROWS)
    likeliest = probabilities.argmax(axis=1)
    truth = np.where(rng.random(ROWS) < 0.6, likeliest, rng.integers(0, labels, ROWS))
    return np.column_stack(columns).astype(np.float32), truth.astype(np.intp), probabilities


def score(spec: ModelSpec, labels: int = 2, **plan: object) -> Slices:
    evaluation = EvaluationSection(resamples=100, slices=SlicesSection.model_validate(plan))
    target = spec.target if labels == 2 else MORE
    matrix, truth, probabilities = rows(labels)
    return compute_slices(
        spec.model_copy(update={"evaluation": evaluation}), target, matrix, truth, probabilities
    )


def names(found: Slices) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(each.features, each.levels) for each in found.slices]


def values(intervals: Mapping[str, Interval]) -> dict[str, float]:
    return {name: each.value for name, each in intervals.items()}


def test_every_feature_is_divided_into_its_levels(tiny_spec: ModelSpec) -> None:
    found = score(tiny_spec, bands=2, minimum_rows=1)
    assert names(found) == [
        (("years",), ("up to 16",)),
        (("years",), ("above 16",)),
        (("rate",), ("up to 10",)),
        (("rate",), ("above 10",)),
        (("rate",), ("missing",)),
        *((("grade",), (level,)) for level in ("A", "B", "C", "missing")),
        *((("secured",), (level,)) for level in ("false", "true")),
    ]
    for feature in ("years", "rate", "grade", "secured"):
        assert sum(each.rows for each in found.slices if each.features == (feature,)) == ROWS


def test_only_the_features_that_are_named_are_divided(tiny_spec: ModelSpec) -> None:
    found = score(tiny_spec, features=("secured",), minimum_rows=1)
    assert names(found) == [(("secured",), ("false",)), (("secured",), ("true",))]


def test_intersections_have_every_combination_that_has_a_row(tiny_spec: ModelSpec) -> None:
    found = score(tiny_spec, features=(), intersections=(("secured", "grade"),), minimum_rows=1)
    combined = [(secured, grade) for secured in ("false", "true") for grade in ("A", "B", "C", "missing")]
    assert names(found) == [(("secured", "grade"), levels) for levels in combined]
    matrix, truth, _ = rows()
    chosen = (matrix[:, SECURED] == 1) & (matrix[:, GRADE] == 3)
    assert (found.slices[-1].rows, found.slices[-1].positives) == (chosen.sum(), truth[chosen].sum())


def test_slices_with_too_few_rows_are_counted(tiny_spec: ModelSpec) -> None:
    sizes = sorted(each.rows for each in score(tiny_spec, minimum_rows=1).slices)
    found = score(tiny_spec, minimum_rows=sizes[3])
    assert (found.minimum_rows, found.too_small) == (sizes[3], 3)
    assert sorted(each.rows for each in found.slices) == sizes[3:]
    assert score(tiny_spec, minimum_rows=ROWS + 1) == Slices(
        minimum_rows=ROWS + 1, too_small=len(sizes), slices=()
    )


def test_the_figures_are_those_of_fairlearns_metric_frame(tiny_spec: ModelSpec) -> None:
    matrix, truth, probabilities = rows()
    predicted = tiny_spec.target.decide(probabilities)
    scores = {"y_score": probabilities[:, 1]}
    frame = MetricFrame(
        metrics={
            "accuracy": metrics.accuracy_score,
            "precision": metrics.precision_score,
            "recall": metrics.recall_score,
            "f1": metrics.f1_score,
            "roc_auc": lambda truth, _, y_score: metrics.roc_auc_score(truth, y_score),
            "log_loss": lambda truth, _, y_score: metrics.log_loss(truth, y_score),
            "brier": lambda truth, _, y_score: metrics.brier_score_loss(truth, y_score),
        },
        y_true=truth,
        y_pred=predicted,
        sensitive_features=matrix[:, GRADE],
        sample_params=dict.fromkeys(("roc_auc", "log_loss", "brier"), scores),
    )
    found = score(tiny_spec, features=("grade",), minimum_rows=1).slices
    assert [values(each.metrics) for each in found] == [
        pytest.approx(expected) for expected in frame.by_group.to_dict("records")
    ]


@pytest.mark.parametrize("labels", [2, 3])
def test_every_figure_has_an_interval_around_it(tiny_spec: ModelSpec, labels: int) -> None:
    found = score(tiny_spec, labels, minimum_rows=1).slices
    for each in found:
        assert tuple(each.metrics) == SLICE_METRICS
        assert all(one.low < one.value < one.high for one in each.metrics.values())
        assert (each.positives is None) == (labels == 3)


def one_slice(spec: ModelSpec, truth: list[int], yes: list[float]) -> Slice:
    """Return the first of two slices of rows, in whose second both labels occur."""
    matrix = np.zeros((len(truth) + 2, 4), dtype=np.float32)
    matrix[-2:, SECURED] = 1
    plan = EvaluationSection(resamples=100, slices=SlicesSection(features=("secured",), minimum_rows=1))
    probabilities = np.array([*yes, 0.3, 0.7])
    return compute_slices(
        spec.model_copy(update={"evaluation": plan}),
        spec.target,
        matrix,
        np.array([*truth, 0, 1]),
        np.column_stack([1 - probabilities, probabilities]),
    ).slices[0]


def test_a_figure_that_the_rows_do_not_define_is_left_out(tiny_spec: ModelSpec) -> None:
    negatives = one_slice(tiny_spec, [0, 0, 0], [0.25, 0.5, 0.75])
    assert (negatives.rows, negatives.positives) == (3, 0)
    assert tuple(negatives.metrics) == ("accuracy", "precision", "f1", "log_loss", "brier")
    unchosen = one_slice(tiny_spec, [0, 1, 0], [0.25, 0.5, 0.125])
    assert tuple(unchosen.metrics) == ("accuracy", "recall", "f1", "roc_auc", "log_loss", "brier")
    assert unchosen.metrics["recall"].value == 0


def test_shares_are_of_the_rows_that_are_predicted_or_that_are_positive(tiny_spec: ModelSpec) -> None:
    found = one_slice(tiny_spec, [0, 1, 1, 0, 0], [0.25, 0.75, 0.875, 0.75, 0.125])
    assert found.support == {"accuracy": 5, "precision": 3, "recall": 2, "f1": 2}
    assert found.metrics["recall"] == exact(1, 2, 0.95)
    nobody = one_slice(tiny_spec, [0, 1, 1, 0, 0], [0.25, 0.5, 0.125, 0.5, 0.125])
    assert nobody.support == {"accuracy": 5, "precision": 0, "recall": 2, "f1": 2}
    assert nobody.metrics["f1"] == exact(0, 2, 0.95)
    more = score(tiny_spec, labels=3, features=("secured",)).slices[0]
    assert more.support == dict.fromkeys(("accuracy", "precision", "recall", "f1"), more.rows)


def test_the_same_seed_gives_the_same_document(tiny_spec: ModelSpec) -> None:
    assert score(tiny_spec) == score(tiny_spec)
