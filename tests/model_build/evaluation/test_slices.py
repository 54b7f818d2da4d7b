from collections.abc import Mapping

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from sklearn import metrics

from app.core.contract import Positions, Probabilities, Target
from app.core.values import Matrix
from model_build.artifacts import Interval, Slice, Slices
from model_build.evaluation import bags
from model_build.evaluation import slices as module
from model_build.evaluation.intervals import exact_interval
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


def score(spec: ModelSpec, labels: int = 2, **section: object) -> Slices:
    evaluation = EvaluationSection(resamples=100, slices=SlicesSection.model_validate(section))
    target = spec.target if labels == 2 else MORE
    matrix, truth, probabilities = rows(labels)
    return compute_slices(
        spec.model_copy(update={"evaluation": evaluation}), target, matrix, truth, probabilities
    )


def names(slices: Slices) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(part.features, part.levels) for part in slices.slices]


def values(intervals: Mapping[str, Interval]) -> dict[str, float]:
    return {name: interval.value for name, interval in intervals.items()}


def test_every_feature_is_divided_into_its_levels(tiny_spec: ModelSpec) -> None:
    slices = score(tiny_spec, bands=2, minimum_rows=1)
    assert names(slices) == [
        (("years",), ("up to 16",)),
        (("years",), ("above 16",)),
        (("rate",), ("up to 10",)),
        (("rate",), ("above 10",)),
        (("rate",), ("missing",)),
        *((("grade",), (level,)) for level in ("A", "B", "C", "missing")),
        *((("secured",), (level,)) for level in ("false", "true")),
    ]
    for feature in ("years", "rate", "grade", "secured"):
        assert sum(part.rows for part in slices.slices if part.features == (feature,)) == ROWS


def test_only_the_named_features_are_divided(tiny_spec: ModelSpec) -> None:
    slices = score(tiny_spec, features=("secured",), minimum_rows=1)
    assert names(slices) == [(("secured",), ("false",)), (("secured",), ("true",))]


def test_intersection_has_every_combination_with_a_row(tiny_spec: ModelSpec) -> None:
    slices = score(tiny_spec, features=(), intersections=(("secured", "grade"),), minimum_rows=1)
    combined = [(secured, grade) for secured in ("false", "true") for grade in ("A", "B", "C", "missing")]
    assert names(slices) == [(("secured", "grade"), levels) for levels in combined]
    matrix, truth, _ = rows()
    chosen = (matrix[:, SECURED] == 1) & (matrix[:, GRADE] == 3)
    assert (slices.slices[-1].rows, slices.slices[-1].positives) == (chosen.sum(), truth[chosen].sum())


def test_slices_with_too_few_rows_are_counted(tiny_spec: ModelSpec) -> None:
    sizes = sorted(part.rows for part in score(tiny_spec, minimum_rows=1).slices)
    slices = score(tiny_spec, minimum_rows=sizes[3])
    assert (slices.minimum_rows, slices.too_small) == (sizes[3], 3)
    assert sorted(part.rows for part in slices.slices) == sizes[3:]
    assert score(tiny_spec, minimum_rows=ROWS + 1) == Slices(
        minimum_rows=ROWS + 1, too_small=len(sizes), slices=()
    )


def test_metrics_equal_those_of_fairlearn(tiny_spec: ModelSpec) -> None:
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
    slices = score(tiny_spec, features=("grade",), minimum_rows=1).slices
    assert [values(part.metrics) for part in slices] == [
        pytest.approx(expected) for expected in frame.by_group.to_dict("records")
    ]


@pytest.mark.parametrize("labels", [2, 3])
def test_every_metric_is_inside_its_interval(tiny_spec: ModelSpec, labels: int) -> None:
    slices = score(tiny_spec, labels, minimum_rows=1).slices
    for part in slices:
        assert tuple(part.metrics) == SLICE_METRICS
        assert all(interval.low < interval.value < interval.high for interval in part.metrics.values())
        assert (part.positives is None) == (labels == 3)


def one_slice(spec: ModelSpec, truth: list[int], yes: list[float]) -> Slice:
    """Return the slice of these rows; two more rows, one of each label, are in another slice."""
    matrix = np.zeros((len(truth) + 2, 4), dtype=np.float32)
    matrix[-2:, SECURED] = 1
    section = EvaluationSection(resamples=100, slices=SlicesSection(features=("secured",), minimum_rows=1))
    probabilities = np.array([*yes, 0.3, 0.7])
    return compute_slices(
        spec.model_copy(update={"evaluation": section}),
        spec.target,
        matrix,
        np.array([*truth, 0, 1]),
        np.column_stack([1 - probabilities, probabilities]),
    ).slices[0]


def test_undefined_metric_is_left_out(tiny_spec: ModelSpec) -> None:
    negatives = one_slice(tiny_spec, [0, 0, 0], [0.25, 0.5, 0.75])
    assert (negatives.rows, negatives.positives) == (3, 0)
    assert tuple(negatives.metrics) == ("accuracy", "precision", "f1", "log_loss", "brier")
    unselected = one_slice(tiny_spec, [0, 1, 0], [0.25, 0.5, 0.125])
    assert tuple(unselected.metrics) == ("accuracy", "recall", "f1", "roc_auc", "log_loss", "brier")
    assert unselected.metrics["recall"].value == 0


def test_support_is_the_number_of_rows_behind_each_share(tiny_spec: ModelSpec) -> None:
    selected = one_slice(tiny_spec, [0, 1, 1, 0, 0], [0.25, 0.75, 0.875, 0.75, 0.125])
    assert selected.support == {"accuracy": 5, "precision": 3, "recall": 2, "f1": 2}
    assert selected.metrics["recall"] == exact_interval(1, 2, 0.95)
    unselected = one_slice(tiny_spec, [0, 1, 1, 0, 0], [0.25, 0.5, 0.125, 0.5, 0.125])
    assert unselected.support == {"accuracy": 5, "precision": 0, "recall": 2, "f1": 2}
    assert unselected.metrics["f1"] == exact_interval(0, 2, 0.95)
    three = score(tiny_spec, labels=3, features=("secured",)).slices[0]
    assert three.support == dict.fromkeys(("accuracy", "precision", "recall", "f1"), three.rows)


def test_same_seed_gives_the_same_slices(tiny_spec: ModelSpec) -> None:
    assert score(tiny_spec) == score(tiny_spec)


def test_a_number_is_divided_at_its_mean(tiny_spec: ModelSpec) -> None:
    slices = score(tiny_spec, features=("rate",), cuts={"rate": "mean"}, minimum_rows=1)
    rate = rows()[0][:, RATE]
    mean = np.nanmean(rate)
    below, above, missing = slices.slices
    assert below.levels == (f"below the mean {mean:.4g}",)
    assert above.levels == (f"the mean {mean:.4g} or more",)
    assert (below.rows, above.rows) == ((rate < mean).sum(), (rate >= mean).sum())
    assert (missing.levels, missing.rows) == (("missing",), np.isnan(rate).sum())


def test_a_number_is_divided_at_given_values(tiny_spec: ModelSpec) -> None:
    slices = score(tiny_spec, features=("years",), cuts={"years": (5, 10.5)}, minimum_rows=1)
    years = rows()[0][:, YEARS]
    assert [(part.levels, part.rows) for part in slices.slices] == [
        (("below 5",), (years < 5).sum()),
        (("5 to below 10.5",), ((years >= 5) & (years < 10.5)).sum()),
        (("10.5 or more",), (years >= 10.5).sum()),
    ]


def test_mean_of_a_number_that_is_always_missing_divides_nothing(tiny_spec: ModelSpec) -> None:
    matrix, truth, probabilities = rows()
    matrix[:, RATE] = np.nan
    section = SlicesSection(features=("rate",), cuts={"rate": "mean"})
    evaluation = EvaluationSection(resamples=100, slices=section)
    spec = tiny_spec.model_copy(update={"evaluation": evaluation})
    (part,) = compute_slices(spec, spec.target, matrix, truth, probabilities).slices
    assert (part.levels, part.rows) == (("missing",), ROWS)


@pytest.mark.parametrize("labels", [2, 3])
def test_slices_by_label_have_its_recall(tiny_spec: ModelSpec, labels: int) -> None:
    target = tiny_spec.target if labels == 2 else MORE
    slices = score(tiny_spec, labels, by_label=True, features=(), minimum_rows=1).slices
    _, truth, probabilities = rows(labels)
    predicted = target.decide(probabilities)
    assert [(part.features, part.levels) for part in slices] == [
        ((target.name,), (label,)) for label in target.labels
    ]
    for position, part in enumerate(slices):
        assert part.of_label
        assert set(part.metrics) == {"accuracy", "log_loss", "brier"}
        recall = (predicted[truth == position] == position).mean()
        assert part.metrics["accuracy"].value == pytest.approx(recall)


def test_slices_of_many_rows_have_the_intervals_of_their_own_bags(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_row = score(tiny_spec, minimum_rows=90)
    monkeypatch.setattr(module, "LARGE", 100)
    done: list[int] = []
    evaluation = EvaluationSection(resamples=100, slices=SlicesSection(minimum_rows=90))
    spec = tiny_spec.model_copy(update={"evaluation": evaluation})
    bagged = compute_slices(spec, spec.target, *rows(), tick=lambda: done.append(1))
    assert len(done) == len(bagged.slices)
    assert (every_row.interval_rows, bagged.interval_rows) == (None, bags.SLICE_BAG)
    assert bagged.too_small == every_row.too_small
    for part, expected in zip(bagged.slices, every_row.slices, strict=True):
        assert (part.features, part.levels, part.support) == (
            expected.features,
            expected.levels,
            expected.support,
        )
        assert values(part.metrics) == pytest.approx(values(expected.metrics))
        for name, interval in expected.metrics.items():
            width = part.metrics[name].high - part.metrics[name].low
            assert width == pytest.approx(interval.high - interval.low, rel=0.4), name


def test_of_a_wide_table_the_features_that_say_most_about_the_label_are_sliced(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SLICED", 2)
    matrix, truth, probabilities = rows()
    matrix[:, SECURED], matrix[:, YEARS] = truth, 1 + truth * 20
    slices = compute_slices(tiny_spec, tiny_spec.target, matrix, truth, probabilities)
    assert {part.features for part in slices.slices} == {("years",), ("secured",)}
    assert slices.features_left_out == 2
    assert score(tiny_spec, features=("rate", "grade", "years")).features_left_out == 0
