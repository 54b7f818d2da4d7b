import re

import pytest

from model_build.artifacts import Evaluation, Interval, Slice, Slices
from model_build.fairness_report import Fairness, Group, Protected
from model_build.gate_report import GateResult
from model_build.gates.bounds import check_gates, check_latency, check_size
from model_build.spec.sections import DISPARITIES, FairnessGate, Gates, MetricGate, SliceGate

Outcomes = list[tuple[str, bool, str]]


def interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high)


EVALUATION = Evaluation(
    rows=1000,
    labels=("no", "yes"),
    metrics={"roc_auc": 0.93, "brier": 0.09},
    intervals={"roc_auc": interval(0.93, 0.92, 0.94), "brier": interval(0.09, 0.08, 0.1)},
    confidence=0.95,
    resamples=1000,
    confusion_matrix=((500, 0), (0, 500)),
)
NO_SLICES = Slices(minimum_rows=50, too_small=0, slices=())
NO_GROUPS = Fairness(protected=())


def make_slice(rows: int, *levels: tuple[str, str], **metrics: Interval) -> Slice:
    """Return a slice in which half of the rows are predicted positive, and a third are positive."""
    features, names = zip(*levels, strict=True)
    support = {"accuracy": rows, "precision": rows // 2, "recall": rows // 3, "f1": rows // 3}
    return Slice(features=features, levels=names, rows=rows, positives=None, support=support, metrics=metrics)


SLICES = Slices(
    minimum_rows=50,
    too_small=0,
    slices=(
        make_slice(
            900, ("sex", "Male"), accuracy=interval(0.8, 0.78, 0.82), roc_auc=interval(0.9, 0.85, 0.95)
        ),
        make_slice(100, ("sex", "Female"), accuracy=interval(0.7, 0.6, 0.8)),
        make_slice(300, ("age", "17 to 30"), accuracy=interval(0.75, 0.7, 0.8)),
        make_slice(60, ("sex", "Female"), ("race", "Black"), accuracy=interval(0.6, 0.5, 0.7)),
    ),
)


def group(level: str, rows: int, **disparities: Interval) -> Group:
    """Return a group in which half of the rows are positive."""
    support = dict.fromkeys(DISPARITIES.values(), rows // 2) | {"selection_rate": rows}
    return Group(
        level=level,
        rows=rows,
        support=support,
        selection_rate=interval(0.2, 0.1, 0.3),
        true_positive_rate=None,
        false_positive_rate=None,
        false_negative_rate=None,
        disparities=disparities,
        four_fifths=True,
    )


FAIRNESS = Fairness(
    protected=(
        Protected(
            feature="race",
            reference="White",
            groups=(
                group("White", 800),
                group(
                    "Black",
                    300,
                    false_negative_rate_difference=interval(-0.2, -0.3, -0.1),
                    demographic_parity_ratio=interval(0.7, 0.6, 0.8),
                ),
                group(
                    "Asian",
                    250,
                    false_negative_rate_difference=interval(0.01, -0.05, 0.07),
                    demographic_parity_ratio=interval(1.2, 1.1, 1.3),
                ),
                group("Other", 20, false_negative_rate_difference=interval(0.5, 0.1, 0.9)),
            ),
        ),
    )
)


def outcomes(gates: Gates) -> Outcomes:
    results = check_gates(gates, "real", EVALUATION, SLICES, FAIRNESS)
    return [(result.name, result.passed, result.sentence) for result in results]


# Metrics


@pytest.mark.parametrize(
    ("gate", "passed", "sentence"),
    [
        (
            MetricGate(metric="roc_auc", minimum=0.92),
            True,
            "roc_auc is 0.9300 (0.9200 to 0.9400); the interval must be at least 0.92",
        ),
        (
            MetricGate(metric="roc_auc", minimum=0.925),
            False,
            "roc_auc is 0.9300 (0.9200 to 0.9400); the interval must be at least 0.925 but is 0.005 too low",
        ),
        (
            MetricGate(metric="brier", maximum=0.095),
            False,
            "brier is 0.0900 (0.0800 to 0.1000); the interval must be at most 0.095 but is 0.005 too high",
        ),
        (
            MetricGate(metric="brier", minimum=0.05, maximum=0.0999),
            False,
            "brier is 0.0900 (0.0800 to 0.1000); the interval must be at least 0.05 and at most 0.0999 "
            "but is 0.0001 too high",
        ),
    ],
)
def test_whole_interval_of_a_metric_must_keep_the_bound(
    gate: MetricGate, passed: bool, sentence: str
) -> None:
    assert outcomes(Gates(metrics=(gate,))) == [(gate.metric, passed, sentence)]


def test_gate_applies_to_its_data_source_or_to_all() -> None:
    gates = Gates(
        metrics=(
            MetricGate(metric="roc_auc", minimum=0.1),
            MetricGate(metric="roc_auc", minimum=0.2, data_source="real"),
            MetricGate(metric="roc_auc", minimum=0.3, data_source="synthetic"),
        )
    )
    sentences = {
        source: [
            result.sentence[-3:] for result in check_gates(gates, source, EVALUATION, NO_SLICES, NO_GROUPS)
        ]
        for source in ("real", "synthetic")
    }
    assert sentences == {"real": ["0.1", "0.2"], "synthetic": ["0.1", "0.3"]}


def test_every_gate_has_a_result_whether_it_passes_or_fails() -> None:
    gates = Gates(
        metrics=(MetricGate(metric="roc_auc", minimum=0.99), MetricGate(metric="brier", maximum=0.5)),
        slices=(SliceGate(metric="accuracy", minimum=0.9),),
        fairness=(FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.8),),
    )
    assert [(name, passed) for name, passed, _ in outcomes(gates)] == [
        ("roc_auc", False),
        ("brier", True),
        ("accuracy of slices", False),
        ("demographic_parity_ratio of race", False),
    ]


# Slices


@pytest.mark.parametrize(
    ("gate", "passed", "sentence"),
    [
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=300),
            True,
            "each interval must be at least 0.65; 0 of 2 slices with at least 300 rows for accuracy failed; "
            "the closest is age 17 to 30 with 0.7500 (0.7000 to 0.8000)",
        ),
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=50),
            False,
            "each interval must be at least 0.65; 2 of 4 slices with at least 50 rows for accuracy failed: "
            "sex Female and race Black with 0.6000 (0.5000 to 0.7000), 0.15 too low; "
            "sex Female with 0.7000 (0.6000 to 0.8000), 0.05 too low",
        ),
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=50, features=("sex",)),
            False,
            "each interval must be at least 0.65; 1 of 2 slices with at least 50 rows for accuracy failed: "
            "sex Female with 0.7000 (0.6000 to 0.8000), 0.05 too low",
        ),
        (
            SliceGate(metric="roc_auc", minimum=0.8, minimum_rows=50),
            True,
            "each interval must be at least 0.8; 0 of 1 slice with at least 50 rows for roc_auc failed; "
            "the closest is sex Male with 0.9000 (0.8500 to 0.9500)",
        ),
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=1000),
            False,
            "no slice has at least 1,000 rows for accuracy, so there was nothing to judge; "
            "lower minimum_rows, or say `optional: true`",
        ),
    ],
)
def test_every_slice_with_enough_rows_must_keep_the_bound(
    gate: SliceGate, passed: bool, sentence: str
) -> None:
    name = f"{gate.metric} of slices"
    assert outcomes(Gates(slices=(gate,))) == [(name, passed, f"{name}: {sentence}")]


def test_worst_of_many_failed_slices_are_named_and_the_rest_counted() -> None:
    slices = NO_SLICES.model_copy(
        update={
            "slices": tuple(
                make_slice(500, ("age", str(age)), recall=interval(age / 100, age / 100, 1))
                for age in range(12)
            )
        }
    )
    gates = Gates(slices=(SliceGate(metric="recall", minimum=0.5, minimum_rows=100),))
    [result] = check_gates(gates, "real", EVALUATION, slices, NO_GROUPS)
    first, *_, tenth, more = result.sentence.split("; ")[1:]
    assert (
        first
        == "12 of 12 slices with at least 100 rows for recall failed: age 0 with 0.0000 (0.0000 to 1.0000), "
        "0.5 too low"
    )
    assert tenth == "age 9 with 0.0900 (0.0900 to 1.0000), 0.41 too low"
    assert more == "and 2 more"


@pytest.mark.parametrize(
    ("metric", "levels"),
    [
        ("accuracy", ["17", "18", "19"]),
        ("precision", ["18", "19"]),
        ("recall", ["19"]),
        ("f1", ["19"]),
        ("brier", ["17", "18", "19"]),
    ],
)
def test_rows_of_a_slice_are_the_support_of_the_metric(metric: str, levels: list[str]) -> None:
    low = interval(0.1, 0.1, 0.1)
    parts = tuple(
        make_slice(rows, ("age", age), **{metric: low})
        for rows, age in ((300, "17"), (400, "18"), (600, "19"))
    )
    gates = Gates(slices=(SliceGate(metric=metric, minimum=0.5, minimum_rows=200),))
    [result] = check_gates(
        gates, "real", EVALUATION, NO_SLICES.model_copy(update={"slices": parts}), NO_GROUPS
    )
    slices = "1 slice" if len(levels) == 1 else f"{len(levels)} slices"
    assert f"; {len(levels)} of {slices} with at least 200 rows for {metric} failed: " in result.sentence
    assert re.findall(r"age (\d+)", result.sentence) == levels


# Fairness


@pytest.mark.parametrize(
    ("gate", "passed", "sentence"),
    [
        (
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.3, minimum_rows=125
            ),
            True,
            ", by magnitude: "
            "each interval must be at most 0.3; "
            "0 of 2 groups with at least 125 rows for false_negative_rate failed; "
            "the closest is Black against White with 0.2000 (0.1000 to 0.3000)",
        ),
        (
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.05, minimum_rows=125
            ),
            False,
            ", by magnitude: "
            "each interval must be at most 0.05; "
            "2 of 2 groups with at least 125 rows for false_negative_rate failed: "
            "Black against White with 0.2000 (0.1000 to 0.3000), 0.25 too high; "
            "Asian against White with 0.0100 (0.0000 to 0.0700), 0.02 too high",
        ),
        (
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.05, minimum_rows=10
            ),
            False,
            ", by magnitude: "
            "each interval must be at most 0.05; "
            "3 of 3 groups with at least 10 rows for false_negative_rate failed: "
            "Other against White with 0.5000 (0.1000 to 0.9000), 0.85 too high; "
            "Black against White with 0.2000 (0.1000 to 0.3000), 0.25 too high; "
            "Asian against White with 0.0100 (0.0000 to 0.0700), 0.02 too high",
        ),
        (
            FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.8, maximum=1.25),
            False,
            ": each interval must be at least 0.8 and at most 1.25; "
            "2 of 2 groups with at least 200 rows for selection_rate failed: "
            "Black against White with 0.7000 (0.6000 to 0.8000), 0.2 too low; "
            "Asian against White with 1.2000 (1.1000 to 1.3000), 0.05 too high",
        ),
        (
            FairnessGate(metric="equal_opportunity_ratio", feature="race", minimum=0.8),
            False,
            ": no group has at least 200 rows for true_positive_rate, so there was nothing to judge; "
            "lower minimum_rows, or say `optional: true`",
        ),
    ],
)
def test_every_group_with_enough_rows_must_keep_the_bound(
    gate: FairnessGate, passed: bool, sentence: str
) -> None:
    name = f"{gate.metric} of race"
    assert outcomes(Gates(fairness=(gate,))) == [(name, passed, name + sentence)]


@pytest.mark.parametrize(
    ("metric", "judged"),
    [("demographic_parity_ratio", ["Black", "Asian"]), ("false_negative_rate_difference", ["Black"])],
)
def test_rows_of_a_group_are_the_support_of_the_rate(metric: str, judged: list[str]) -> None:
    gate = FairnessGate(metric=metric, feature="race", minimum=2, minimum_rows=150)
    [(_, _, sentence)] = outcomes(Gates(fairness=(gate,)))
    assert re.findall(r"(\w+) against White", sentence) == judged


@pytest.mark.parametrize("optional", [False, True])
def test_gates_without_a_slice_or_group_fail_unless_they_are_optional(optional: bool) -> None:
    gates = Gates(
        slices=(
            SliceGate(metric="accuracy", minimum=0.1, minimum_rows=1000, optional=optional),
            SliceGate(metric="accuracy", minimum=0.1, minimum_rows=900),
        ),
        fairness=(
            FairnessGate(metric="equal_opportunity_ratio", feature="race", minimum=0.1, optional=optional),
            FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.1),
        ),
    )
    results = check_gates(gates, "real", EVALUATION, SLICES, FAIRNESS)
    assert [(result.passed, result.judged) for result in results] == [(optional, False), (True, True)] * 2


# What each bound was compared with


def compared(results: list[GateResult]) -> list[tuple[str, float, float, float]]:
    return [(bound.key, bound.bound, bound.value, bound.end) for result in results for bound in result.bounds]


def test_result_has_the_interval_that_is_closest_to_each_bound() -> None:
    gates = Gates(
        metrics=(
            MetricGate(metric="roc_auc", minimum=0.92),
            MetricGate(metric="brier", minimum=0, maximum=0.09),
        ),
        slices=(SliceGate(metric="accuracy", minimum=0.5, maximum=0.9, minimum_rows=100),),
        fairness=(
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.1, minimum_rows=100
            ),
            FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.8, maximum=1.25),
        ),
    )
    assert compared(check_gates(gates, "real", EVALUATION, SLICES, FAIRNESS)) == [
        ("minimum", 0.92, 0.93, 0.92),
        ("minimum", 0, 0.09, 0.08),
        ("maximum", 0.09, 0.09, 0.1),
        ("minimum", 0.5, 0.7, 0.6),
        ("maximum", 0.9, 0.8, 0.82),
        ("maximum", 0.1, 0.2, 0.3),
        ("minimum", 0.8, 0.7, 0.6),
        ("maximum", 1.25, 1.2, 1.3),
    ]
    assert compared(check_size(LIMITS, 900)) == [("maximum_bytes", 1000, 900, 900)]


def test_result_without_anything_to_judge_has_no_bounds() -> None:
    gates = Gates(slices=(SliceGate(metric="accuracy", minimum=0.9),))
    [result] = check_gates(gates, "real", EVALUATION, NO_SLICES, FAIRNESS)
    assert result == GateResult(
        kind="slice",
        name="accuracy of slices",
        passed=False,
        judged=False,
        sentence="accuracy of slices: no slice has at least 200 rows for accuracy, so there was nothing "
        "to judge; lower minimum_rows, or say `optional: true`",
    )


# Size and latency

LIMITS = Gates(maximum_bytes=1000, maximum_microseconds=50)


def test_size_and_latency_must_keep_their_limits() -> None:
    results = [*check_size(LIMITS, 1000), *check_latency(LIMITS, 49.6)]
    assert [(result.kind, result.passed, result.sentence) for result in results] == [
        ("size", True, "model.onnx has 1,000 bytes; the limit is 1,000"),
        ("latency", True, "one row takes 49.6 µs; the limit is 50 µs"),
    ]
    results = [*check_size(LIMITS, 12_345), *check_latency(LIMITS, 62.5)]
    assert [(result.kind, result.passed, result.sentence) for result in results] == [
        ("size", False, "model.onnx has 12,345 bytes; the limit is 1,000, exceeded by 11,345"),
        ("latency", False, "one row takes 62.5 µs; the limit is 50 µs, exceeded by 12.5 µs"),
    ]


def test_long_time_has_thousands_separators() -> None:
    [result] = check_latency(Gates(maximum_microseconds=1000), 2340)
    assert result.sentence == "one row takes 2,340 µs; the limit is 1,000 µs, exceeded by 1,340 µs"


def test_spec_without_gates_has_no_results() -> None:
    assert check_gates(Gates(), "real", EVALUATION, SLICES, FAIRNESS) == []
    assert check_size(Gates(), 10**9) == []
    assert check_latency(Gates(), 1e9) == []
