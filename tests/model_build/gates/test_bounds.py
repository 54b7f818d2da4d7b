import re

import pytest

from model_build.artifacts import Evaluation, Fairness, Group, Interval, Protected, Slice, Slices
from model_build.gates.bounds import check_cost_gates, check_gates
from model_build.spec.sections import DISPARITIES, FairnessGate, Gates, MetricGate, SliceGate

Told = list[tuple[str, bool, str]]


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
NOTHING = Slices(minimum_rows=50, too_small=0, slices=())
NOBODY = Fairness(protected=())


def cut(rows: int, *of: tuple[str, str], **metrics: Interval) -> Slice:
    """Return a slice with half as many rows predicted positive, and a third of them positive."""
    features, levels = zip(*of, strict=True)
    support = {"accuracy": rows, "precision": rows // 2, "recall": rows // 3, "f1": rows // 3}
    return Slice(
        features=features, levels=levels, rows=rows, positives=None, support=support, metrics=metrics
    )


SLICES = Slices(
    minimum_rows=50,
    too_small=0,
    slices=(
        cut(900, ("sex", "Male"), accuracy=interval(0.8, 0.78, 0.82), roc_auc=interval(0.9, 0.85, 0.95)),
        cut(100, ("sex", "Female"), accuracy=interval(0.7, 0.6, 0.8)),
        cut(300, ("age", "17 to 30"), accuracy=interval(0.75, 0.7, 0.8)),
        cut(60, ("sex", "Female"), ("race", "Black"), accuracy=interval(0.6, 0.5, 0.7)),
    ),
)


def group(level: str, rows: int, **disparities: Interval) -> Group:
    """Return a group with half as many positives as rows."""
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


def told(gates: Gates) -> Told:
    verdicts = check_gates(gates, "real", EVALUATION, SLICES, FAIRNESS)
    return [(each.name, each.passed, each.sentence) for each in verdicts]


# Metrics


@pytest.mark.parametrize(
    ("gate", "kept", "sentence"),
    [
        (
            MetricGate(metric="roc_auc", minimum=0.92),
            True,
            "roc_auc is 0.9300 (0.9200 to 0.9400), the gate wants its lower bound at least 0.92",
        ),
        (
            MetricGate(metric="roc_auc", minimum=0.925),
            False,
            "roc_auc is 0.9300 (0.9200 to 0.9400), the gate wants its lower bound at least 0.925: "
            "0.005 too low",
        ),
        (
            MetricGate(metric="brier", maximum=0.095),
            False,
            "brier is 0.0900 (0.0800 to 0.1000), the gate wants its upper bound at most 0.095: "
            "0.005 too high",
        ),
        (
            MetricGate(metric="brier", minimum=0.05, maximum=0.0999),
            False,
            "brier is 0.0900 (0.0800 to 0.1000), the gate wants its lower bound at least 0.05 "
            "and upper bound at most 0.0999: 0.0001 too high",
        ),
    ],
)
def test_the_whole_interval_of_a_metric_must_keep_its_gate(
    gate: MetricGate, kept: bool, sentence: str
) -> None:
    assert told(Gates(metrics=(gate,))) == [(gate.metric, kept, sentence)]


def test_a_gate_stands_for_its_source_of_data_or_for_all() -> None:
    gates = Gates(
        metrics=(
            MetricGate(metric="roc_auc", minimum=0.1),
            MetricGate(metric="roc_auc", minimum=0.2, data_source="real"),
            MetricGate(metric="roc_auc", minimum=0.3, data_source="synthetic"),
        )
    )
    sentences = {
        source: [each.sentence[-3:] for each in check_gates(gates, source, EVALUATION, NOTHING, NOBODY)]
        for source in ("real", "synthetic")
    }
    assert sentences == {"real": ["0.1", "0.2"], "synthetic": ["0.1", "0.3"]}


def test_every_gate_has_its_verdict_whether_kept_or_broken() -> None:
    gates = Gates(
        metrics=(MetricGate(metric="roc_auc", minimum=0.99), MetricGate(metric="brier", maximum=0.5)),
        slices=(SliceGate(metric="accuracy", minimum=0.9),),
        fairness=(FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.8),),
    )
    assert [(name, kept) for name, kept, _ in told(gates)] == [
        ("roc_auc", False),
        ("brier", True),
        ("accuracy of slices", False),
        ("demographic_parity_ratio of race", False),
    ]


# Slices


@pytest.mark.parametrize(
    ("gate", "kept", "sentence"),
    [
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=300),
            True,
            "the gate wants each lower bound at least 0.65; 0 of 2 figures of at least 300 rows break it, "
            "the closest is age 17 to 30 with 0.7500 (0.7000 to 0.8000)",
        ),
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=50),
            False,
            "the gate wants each lower bound at least 0.65; 2 of 4 figures of at least 50 rows break it: "
            "sex Female and race Black with 0.6000 (0.5000 to 0.7000), 0.15 too low; "
            "sex Female with 0.7000 (0.6000 to 0.8000), 0.05 too low",
        ),
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=50, features=("sex",)),
            False,
            "the gate wants each lower bound at least 0.65; 1 of 2 figures of at least 50 rows break it: "
            "sex Female with 0.7000 (0.6000 to 0.8000), 0.05 too low",
        ),
        (
            SliceGate(metric="roc_auc", minimum=0.8, minimum_rows=50),
            True,
            "the gate wants each lower bound at least 0.8; 0 of 1 figures of at least 50 rows break it, "
            "the closest is sex Male with 0.9000 (0.8500 to 0.9500)",
        ),
        (
            SliceGate(metric="accuracy", minimum=0.65, minimum_rows=1000),
            True,
            "no figure is of at least 1,000 rows, so the gate judged nothing",
        ),
    ],
)
def test_every_slice_with_enough_rows_must_keep_the_gate(gate: SliceGate, kept: bool, sentence: str) -> None:
    name = f"{gate.metric} of slices"
    assert told(Gates(slices=(gate,))) == [(name, kept, f"{name}: {sentence}")]


def test_of_many_broken_slices_the_worst_are_named_and_the_rest_counted() -> None:
    slices = NOTHING.model_copy(
        update={
            "slices": tuple(
                cut(500, ("age", str(age)), recall=interval(age / 100, age / 100, 1)) for age in range(12)
            )
        }
    )
    gates = Gates(slices=(SliceGate(metric="recall", minimum=0.5, minimum_rows=100),))
    [verdict] = check_gates(gates, "real", EVALUATION, slices, NOBODY)
    first, *_, tenth, more = verdict.sentence.split("; ")[1:]
    assert (
        first == "12 of 12 figures of at least 100 rows break it: age 0 with 0.0000 (0.0000 to 1.0000), "
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
def test_the_rows_of_a_slice_are_those_that_the_figure_is_a_share_of(metric: str, levels: list[str]) -> None:
    low = interval(0.1, 0.1, 0.1)
    parts = tuple(
        cut(rows, ("age", age), **{metric: low}) for rows, age in ((300, "17"), (400, "18"), (600, "19"))
    )
    gates = Gates(slices=(SliceGate(metric=metric, minimum=0.5, minimum_rows=200),))
    [verdict] = check_gates(gates, "real", EVALUATION, NOTHING.model_copy(update={"slices": parts}), NOBODY)
    assert f"{len(levels)} of {len(levels)} figures of at least 200 rows break it" in verdict.sentence
    assert re.findall(r"age (\d+)", verdict.sentence) == levels


# Fairness


@pytest.mark.parametrize(
    ("gate", "kept", "sentence"),
    [
        (
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.3, minimum_rows=125
            ),
            True,
            ", by magnitude: "
            "the gate wants each upper bound at most 0.3; 0 of 2 figures of at least 125 rows break it, "
            "the closest is Black against White with 0.2000 (0.1000 to 0.3000)",
        ),
        (
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.05, minimum_rows=125
            ),
            False,
            ", by magnitude: "
            "the gate wants each upper bound at most 0.05; 2 of 2 figures of at least 125 rows break it: "
            "Black against White with 0.2000 (0.1000 to 0.3000), 0.25 too high; "
            "Asian against White with 0.0100 (0.0000 to 0.0700), 0.02 too high",
        ),
        (
            FairnessGate(
                metric="false_negative_rate_difference", feature="race", maximum=0.05, minimum_rows=10
            ),
            False,
            ", by magnitude: "
            "the gate wants each upper bound at most 0.05; 3 of 3 figures of at least 10 rows break it: "
            "Other against White with 0.5000 (0.1000 to 0.9000), 0.85 too high; "
            "Black against White with 0.2000 (0.1000 to 0.3000), 0.25 too high; "
            "Asian against White with 0.0100 (0.0000 to 0.0700), 0.02 too high",
        ),
        (
            FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.8, maximum=1.25),
            False,
            ": the gate wants each lower bound at least 0.8 and upper bound at most 1.25; "
            "2 of 2 figures of at least 200 rows break it: "
            "Black against White with 0.7000 (0.6000 to 0.8000), 0.2 too low; "
            "Asian against White with 1.2000 (1.1000 to 1.3000), 0.05 too high",
        ),
        (
            FairnessGate(metric="equal_opportunity_ratio", feature="race", minimum=0.8),
            True,
            ": no figure is of at least 200 rows, so the gate judged nothing",
        ),
    ],
)
def test_every_group_with_enough_rows_must_keep_the_gate(
    gate: FairnessGate, kept: bool, sentence: str
) -> None:
    name = f"{gate.metric} of race"
    assert told(Gates(fairness=(gate,))) == [(name, kept, name + sentence)]


@pytest.mark.parametrize(
    ("metric", "judged"),
    [("demographic_parity_ratio", ["Black", "Asian"]), ("false_negative_rate_difference", ["Black"])],
)
def test_the_rows_of_a_group_are_those_that_the_rate_is_a_share_of(metric: str, judged: list[str]) -> None:
    gate = FairnessGate(metric=metric, feature="race", minimum=2, minimum_rows=150)
    [(_, _, sentence)] = told(Gates(fairness=(gate,)))
    assert re.findall(r"(\w+) against White", sentence) == judged


def test_gates_that_have_nothing_to_judge_say_so() -> None:
    gates = Gates(
        slices=(
            SliceGate(metric="accuracy", minimum=0.1, minimum_rows=1000),
            SliceGate(metric="accuracy", minimum=0.1, minimum_rows=900),
        ),
        fairness=(
            FairnessGate(metric="equal_opportunity_ratio", feature="race", minimum=0.1),
            FairnessGate(metric="demographic_parity_ratio", feature="race", minimum=0.1),
        ),
    )
    verdicts = check_gates(gates, "real", EVALUATION, SLICES, FAIRNESS)
    assert [(each.passed, each.judged) for each in verdicts] == [(True, False), (True, True)] * 2


# Size and latency


def test_size_and_latency_are_held_to_their_gates() -> None:
    verdicts = check_cost_gates(Gates(maximum_bytes=1000, maximum_microseconds=50), 1000, 49.6)
    assert [(each.kind, each.passed, each.sentence) for each in verdicts] == [
        ("size", True, "model.onnx has 1,000 bytes, the gate wants at most 1,000"),
        ("latency", True, "one row takes 49.6 µs, the gate wants at most 50"),
    ]
    verdicts = check_cost_gates(Gates(maximum_bytes=1000, maximum_microseconds=50), 12_345, 62.5)
    assert [(each.kind, each.passed, each.sentence) for each in verdicts] == [
        ("size", False, "model.onnx has 12,345 bytes, the gate wants at most 1,000: 11,345 too many"),
        ("latency", False, "one row takes 62.5 µs, the gate wants at most 50: 12.5 µs too long"),
    ]


def test_a_long_time_has_its_digits_in_groups() -> None:
    [verdict] = check_cost_gates(Gates(maximum_microseconds=1000), 1000, 2340)
    assert verdict.sentence == "one row takes 2,340 µs, the gate wants at most 1,000: 1,340 µs too long"


def test_without_gates_there_is_nothing_to_judge() -> None:
    assert check_gates(Gates(), "real", EVALUATION, SLICES, FAIRNESS) == []
    assert check_cost_gates(Gates(), 10**9, 1e9) == []
