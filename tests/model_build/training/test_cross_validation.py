import numpy as np
import pytest

from app.core.contract import Target
from model_build.artifacts import FoldScores, Interval
from model_build.data.carried import Carried
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.split import LARGEST_SEED
from model_build.training.cross_validation import (
    TrainingRows,
    compare_folds,
    make_folds,
    out_of_fold,
    repeat_folds,
    standard_error,
    summarize_folds,
)

TARGET = Target(name="paid", labels=("no", "yes"), positive="yes")
FEW = {"max_iter": 3, "min_samples_leaf": 2}
LABELS = np.array([0] * 12 + [1] * 6)


def test_every_row_validates_once_and_folds_have_the_same_share_of_labels() -> None:
    folds = make_folds(TARGET, LABELS, 3, seed=1)
    assert sorted(np.concatenate([fold.validate for fold in folds]).tolist()) == list(range(18))
    for fold in folds:
        assert np.bincount(LABELS[fold.validate]).tolist() == [4, 2]
        assert sorted([*fold.train, *fold.validate]) == list(range(18))


def test_folds_depend_on_the_seed() -> None:
    first, same, different = (make_folds(TARGET, LABELS, 3, seed)[0].validate.tolist() for seed in (1, 1, 2))
    assert first == same != different


def test_label_with_few_rows_makes_fewer_folds() -> None:
    folds = make_folds(TARGET, np.array([0] * 9 + [1] * 3), 5, seed=0)
    assert [len(fold.validate) for fold in folds] == [4, 4, 4]


def test_label_with_one_row_is_a_data_error() -> None:
    with pytest.raises(DataError) as caught:
        make_folds(TARGET, np.array([0] * 9 + [1]), 5, seed=0)
    assert str(caught.value) == (
        "Only one training row has paid yes; cross-validation needs two rows of every label."
    )


def test_a_row_is_predicted_by_a_model_that_did_not_train_on_it(tiny_spec: ModelSpec) -> None:
    matrix = np.random.default_rng(0).random((60, 4)).astype(np.float32)
    labels = np.array([0, 1] * 30)
    folds = make_folds(tiny_spec.target, labels, 2, seed=0)
    before = out_of_fold(tiny_spec, FEW, TrainingRows(matrix, labels, folds)).probabilities
    flipped = labels.copy()
    flipped[folds[0].validate] = 1 - flipped[folds[0].validate]
    after_flip = out_of_fold(tiny_spec, FEW, TrainingRows(matrix, flipped, folds)).probabilities
    assert before[folds[0].validate].tolist() == after_flip[folds[0].validate].tolist()
    assert before[folds[1].validate].tolist() != after_flip[folds[1].validate].tolist()


def test_predictions_do_not_depend_on_the_number_of_cores(
    tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    matrix, labels = rng.random((600, 4)).astype(np.float32), rng.integers(0, 2, 600)
    rows = TrainingRows(matrix, labels, make_folds(tiny_spec.target, labels, 5, seed=0))
    monkeypatch.setattr("model_build.threads.cpu_count", lambda: 1)
    one_by_one = out_of_fold(tiny_spec, {"max_iter": 30}, rows).probabilities
    monkeypatch.setattr("model_build.threads.cpu_count", lambda: 4)
    assert np.array_equal(out_of_fold(tiny_spec, {"max_iter": 30}, rows).probabilities, one_by_one)


def test_summary_has_the_mean_the_deviation_and_every_fold() -> None:
    assert summarize_folds([1.0, 2.0, 3.0]) == FoldScores(mean=2, deviation=1, folds=(1, 2, 3))
    assert standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / 3**0.5)


def test_interval_of_a_difference_is_corrected_for_shared_training_rows() -> None:
    """By hand: differences 0.1, 0.2, 0.3; deviation 0.1; error 0.1 √(1/3 + 1/2); Student's t 4.302653."""
    comparison = compare_folds("roc_auc", [0.6, 0.8, 1.0], [0.5, 0.6, 0.7])
    assert comparison.difference.value == pytest.approx(0.2)
    assert comparison.difference.high - 0.2 == pytest.approx(4.302653 * 0.1 * (5 / 6) ** 0.5)
    assert 0.2 - comparison.difference.low == pytest.approx(4.302653 * 0.1 * (5 / 6) ** 0.5)
    assert (comparison.chosen.mean, comparison.default.mean) == pytest.approx((0.8, 0.6))


def test_repeats_narrow_the_interval_only_by_their_own_share() -> None:
    """By hand: deviation 0.0894427 of six differences, two repeats of three folds; Student's t 2.570582."""
    differences = [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
    comparison = compare_folds("roc_auc", differences, [0.0] * 6, repeats=2)
    half = 2.570582 * 0.0894427 * (1 / 6 + 1 / 2) ** 0.5
    assert comparison.difference.value == pytest.approx(0.2)
    assert comparison.difference.high - 0.2 == pytest.approx(half)
    assert 0.2 - comparison.difference.low == pytest.approx(half)


def test_every_repeat_has_other_folds_of_all_rows(tiny_spec: ModelSpec) -> None:
    rows = TrainingRows(np.zeros((18, 4), np.float32), LABELS, make_folds(TARGET, LABELS, 3, seed=1))
    repeated = repeat_folds(tiny_spec, rows, 3)
    assert repeated.folds[:3] == rows.folds
    assert [fold.validate.tolist() for fold in repeated.folds] == [
        fold.validate.tolist() for seed in (1, 2, 3) for fold in make_folds(TARGET, LABELS, 3, seed)
    ]
    assert len({tuple(fold.validate) for fold in repeated.folds}) == 9
    assert repeat_folds(tiny_spec, rows, 1).folds == rows.folds


def test_repeat_of_the_largest_seed_begins_at_0(tiny_spec: ModelSpec) -> None:
    split = tiny_spec.split.model_copy(update={"seed": LARGEST_SEED})
    rows = TrainingRows(np.zeros((18, 4), np.float32), LABELS, make_folds(TARGET, LABELS, 3, seed=1))
    repeated = repeat_folds(tiny_spec.model_copy(update={"split": split}), rows, 2)
    expected = make_folds(TARGET, LABELS, 3, seed=0)
    assert [fold.validate.tolist() for fold in repeated.folds[3:]] == [
        fold.validate.tolist() for fold in expected
    ]


def test_equal_metrics_have_a_difference_of_0() -> None:
    comparison = compare_folds("log_loss", [0.5, 0.6], [0.5, 0.6])
    assert comparison.difference == Interval(value=0, low=0, high=0)


# ---- folds by time and by groups


def test_folds_by_time_train_on_earlier_rows_only() -> None:
    rng = np.random.default_rng(0)
    times, labels = rng.permutation(600).astype(float), rng.integers(0, 2, 600)
    folds = make_folds(TARGET, labels, 5, seed=1, carried=Carried(times=times))
    assert [(len(fold.train), len(fold.validate)) for fold in folds] == [
        (100 * number, 100) for number in range(1, 6)
    ]
    for fold in folds:
        assert times[fold.train].max() < times[fold.validate].min()


def test_folds_by_time_keep_equal_times_together() -> None:
    times, labels = np.repeat(np.arange(7.0), 30), np.tile([0, 1], 105)
    folds = make_folds(TARGET, labels, 5, seed=1, carried=Carried(times=times))
    assert len(folds) == 5
    for fold in folds:
        assert set(times[fold.train]) & set(times[fold.validate]) == set()


def test_folds_by_time_are_fewer_until_all_have_every_label() -> None:
    times, labels = np.arange(120.0), np.repeat([0, 1], 60)
    with pytest.raises(DataError, match="too few times or groups for two folds"):
        make_folds(TARGET, labels, 5, seed=1, carried=Carried(times=times))
    labels[[10, 50]], labels[100] = 1, 0
    folds = make_folds(TARGET, labels, 5, seed=1, carried=Carried(times=times))
    assert 1 < len(folds) < 5
    for fold in folds:
        assert set(labels[fold.train]) == set(labels[fold.validate]) == {0, 1}


@pytest.mark.parametrize("seed", range(5))
def test_no_group_trains_and_validates_in_one_fold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, labels = rng.integers(0, 40, 600), rng.integers(0, 2, 600)
    folds = make_folds(TARGET, labels, 5, seed, Carried(groups=groups))
    assert sorted(np.concatenate([fold.validate for fold in folds]).tolist()) == list(range(600))
    assert len(folds) == 5
    for fold in folds:
        assert set(groups[fold.train]) & set(groups[fold.validate]) == set()


def test_repeated_folds_keep_groups_together_and_differ(tiny_spec: ModelSpec) -> None:
    groups, labels = np.arange(300) // 5, np.arange(300) % 2
    carried = Carried(groups=groups)
    folds = make_folds(TARGET, labels, 3, 1, carried)
    rows = repeat_folds(tiny_spec, TrainingRows(np.zeros((300, 4), np.float32), labels, folds, carried), 3)
    assert len({fold.validate.tobytes() for fold in rows.folds}) == 9
    for fold in rows.folds:
        assert set(groups[fold.train]) & set(groups[fold.validate]) == set()


def test_few_groups_make_fewer_folds() -> None:
    labels = np.arange(90) % 2
    assert len(make_folds(TARGET, labels, 5, 1, Carried(groups=np.arange(90) // 30))) == 3
    with pytest.raises(DataError, match="too few times or groups for two folds"):
        make_folds(TARGET, labels, 5, 1, Carried(groups=np.zeros(90, int)))


def test_the_rows_that_validate_are_judged_by_their_own_positions() -> None:
    times, labels = np.arange(60.0)[::-1], np.arange(60) % 2
    folds = make_folds(TARGET, labels, 2, seed=1, carried=Carried(times=times))
    rows = TrainingRows(np.zeros((60, 1), np.float32), labels, folds)
    assert rows.validated.tolist() == list(range(40))
    assert [(fold.train.tolist(), fold.validate.tolist()) for fold in rows.judged] == [
        (list(range(20)), list(range(20, 40))),
        (list(range(20, 40)), list(range(20))),
    ]


def test_random_folds_are_judged_as_they_are() -> None:
    folds = make_folds(TARGET, LABELS, 3, seed=1)
    rows = TrainingRows(np.zeros((18, 1), np.float32), LABELS, folds)
    for fold, judged in zip(folds, rows.judged, strict=True):
        assert fold.train.tolist() == judged.train.tolist()
        assert fold.validate.tolist() == judged.validate.tolist()
