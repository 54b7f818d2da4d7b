import numpy as np
import pytest

from app.core.contract import Positions, Probabilities, Target
from model_build.evaluation import evaluate
from model_build.evaluation.bags import fill_bag
from model_build.evaluation.evaluate import evaluate_model
from model_build.spec.sections import METRICS, EvaluationSection

BINARY = Target(name="paid", labels=("no", "yes"), positive="yes", threshold=0.4)
MORE = Target(name="paid", labels=("none", "some", "all"))
ROWS = 30_000


def rows(labels: int) -> tuple[Positions, Probabilities]:
    """Return calibrated rows; of two labels, one in sixty is positive."""
    rng = np.random.default_rng(0)
    if labels == 2:
        yes = rng.beta(0.05, 3, ROWS)
        probabilities = np.column_stack([1 - yes, yes])
    else:
        probabilities = rng.dirichlet(np.ones(labels) / 2, ROWS)
    truth = (rng.random(ROWS)[:, None] > probabilities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return truth.astype(np.intp), probabilities


@pytest.mark.parametrize("target", [BINARY, MORE], ids=["two", "more"])
def test_bag_gives_the_intervals_of_all_rows(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, probabilities = rows(len(target.labels))
    section = EvaluationSection(resamples=400)
    every_row = evaluate_model(target, section, truth, probabilities, seed=1)
    monkeypatch.setattr(evaluate, "LARGE", 1000)
    monkeypatch.setattr(evaluate, "BAG", 6000)
    bagged = evaluate_model(target, section, truth, probabilities, seed=1)
    assert (every_row.interval_rows, bagged.interval_rows) == (None, 6000)
    assert bagged.metrics == every_row.metrics
    for name in METRICS:
        expected, interval = every_row.intervals[name], bagged.intervals[name]
        width = expected.high - expected.low
        assert interval.low <= interval.value <= interval.high
        assert interval.high - interval.low == pytest.approx(width, rel=0.25), name
        assert interval.low == pytest.approx(expected.low, abs=0.25 * width), name


def test_bag_has_all_rows_of_small_strata() -> None:
    strata = np.repeat([3, 5, 9], [10, 1000, 100_000])
    bag = fill_bag(strata, 300, seed=1)
    assert np.bincount(strata[bag.positions])[[3, 5, 9]].tolist() == [10, 145, 145]
    assert bag.shares.sum() == pytest.approx(1)
    of_stratum = np.bincount(strata[bag.positions], bag.shares)[[3, 5, 9]]
    assert of_stratum == pytest.approx(np.array([10, 1000, 100_000]) / 101_010)
    assert (np.diff(bag.positions) > 0).all()


def test_bag_that_is_large_enough_has_every_row() -> None:
    bag = fill_bag(np.array([0, 1, 1, 0]), 10, seed=1)
    assert bag.positions.tolist() == [0, 1, 2, 3]
    assert bag.shares.tolist() == [0.25] * 4


def test_every_stratum_has_a_row_in_the_bag() -> None:
    assert len(fill_bag(np.arange(50), 10, seed=1).positions) == 50
