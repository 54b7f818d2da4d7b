import numpy as np
import pytest

from app.core.contract import Target
from model_build.data.carried import Carried
from model_build.data.split import split_rows
from model_build.errors import DataError
from model_build.spec.source import Source
from model_build.spec.split import Split

TARGET = Target(name="paid", labels=("no", "late", "yes"))
LABELS = np.repeat([0, 1, 2], [600, 300, 100])


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("test", [0.1, 0.25, 0.3])
def test_every_row_is_in_one_part_and_the_test_has_its_share(test: float, stratify: bool) -> None:
    parts = split_rows(LABELS, TARGET, Split(test=test, stratify=stratify, seed=1))
    assert sorted([*parts.train, *parts.test]) == list(range(1000))
    assert len(parts.test) == 1000 * test


def test_stratified_test_has_the_share_of_every_label() -> None:
    parts = split_rows(LABELS, TARGET, Split(test=0.3, seed=1))
    assert np.bincount(LABELS[parts.test]).tolist() == [180, 90, 30]
    assert np.bincount(LABELS[parts.train]).tolist() == [420, 210, 70]


def test_rows_are_shuffled() -> None:
    parts = split_rows(LABELS, TARGET, Split(test=0.3, seed=1))
    assert parts.train.tolist() != sorted(parts.train)
    assert parts.test.tolist() != sorted(parts.test)


def test_split_depends_on_the_seed() -> None:
    first, repeated, another = (
        split_rows(LABELS, TARGET, Split(test=0.3, seed=seed)).test.tolist() for seed in (1, 1, 2)
    )
    assert first == repeated
    assert set(first) != set(another)


@pytest.mark.parametrize(
    ("labels", "test", "stratify", "sentence"),
    [
        (
            [0, 0, 0, 1],
            0.3,
            True,
            "Only 1 row has paid late; the split needs one to train and one to test.",
        ),
        (
            [0, 2, 2],
            0.3,
            True,
            "Only 1 row has paid no; the split needs one to train and one to test.",
        ),
        (
            [0, 0, 1, 1, 2, 2],
            0.3,
            True,
            "6 rows can't be split: split.test 0.3 leaves 4 to train and 2 to test; "
            "each part needs at least 3, one for every label.",
        ),
        (
            [0, 0, 2, 2],
            0.7,
            True,
            "4 rows can't be split: split.test 0.7 leaves 1 to train and 3 to test; "
            "each part needs at least 2, one for every label.",
        ),
        (
            [0],
            0.3,
            False,
            "1 row can't be split: split.test 0.3 leaves 0 to train and 1 to test; "
            "each part needs at least 1.",
        ),
    ],
)
def test_too_few_rows_are_a_data_error(labels: list[int], test: float, stratify: bool, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        split_rows(np.array(labels), TARGET, Split(test=test, stratify=stratify, seed=1))
    assert str(caught.value) == sentence


@pytest.mark.parametrize("test", [0.01, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("rows", range(1, 12))
def test_rows_are_split_or_refused(rows: int, stratify: bool, test: float) -> None:
    labels = np.arange(rows) % 3
    try:
        parts = split_rows(labels, TARGET, Split(test=test, stratify=stratify, seed=1))
    except DataError:
        return
    assert sorted([*parts.train, *parts.test]) == list(range(rows))


# ---- by time


@pytest.mark.parametrize("test", [0.1, 0.25, 0.5])
def test_the_last_rows_test_whatever_their_order_in_the_file(test: float) -> None:
    times = np.random.default_rng(2).permutation(1000).astype(float)
    parts = split_rows(LABELS, TARGET, Split(test=test, by="day", seed=1), Carried(times=times))
    assert sorted([*parts.train, *parts.test]) == list(range(1000))
    assert times[parts.train].max() < times[parts.test].min()
    assert len(parts.test) == 1000 * test
    assert (np.diff(times[parts.train]) > 0).all()


def test_rows_of_one_time_are_on_one_side_and_the_share_is_the_nearest() -> None:
    times = np.repeat([1.0, 2.0, 3.0], [500, 380, 120])
    parts = split_rows(LABELS, TARGET, Split(test=0.3, by="day", seed=1), Carried(times=times))
    assert (set(times[parts.train]), set(times[parts.test])) == ({1.0, 2.0}, {3.0})
    parts = split_rows(LABELS, TARGET, Split(test=0.4, by="day", seed=1), Carried(times=times))
    assert (set(times[parts.train]), set(times[parts.test])) == ({1.0}, {2.0, 3.0})


def test_rows_of_one_time_alone_can_not_be_split() -> None:
    with pytest.raises(DataError, match="All rows have the same time, so no later ones can test the model"):
        split_rows(LABELS, TARGET, Split(test=0.3, by="day", seed=1), Carried(times=np.ones(1000)))


# ---- by groups


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("test", [0.1, 0.25, 0.3, 0.7])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_group_is_on_both_sides_and_the_test_has_about_its_share(
    test: float, stratify: bool, seed: int
) -> None:
    groups = np.random.default_rng(3).integers(0, 200, 1000)
    config = Split(test=test, groups="customer", stratify=stratify, seed=seed)
    parts = split_rows(LABELS, TARGET, config, Carried(groups=groups))
    assert sorted([*parts.train, *parts.test]) == list(range(1000))
    assert set(groups[parts.train]) & set(groups[parts.test]) == set()
    assert len(parts.test) / 1000 == pytest.approx(test, abs=0.03)
    if stratify:
        assert np.bincount(LABELS[parts.test]) / len(parts.test) == pytest.approx([0.6, 0.3, 0.1], abs=0.05)


def test_a_split_by_groups_depends_on_the_seed() -> None:
    carried = Carried(groups=np.arange(1000) // 5)
    first, repeated, another = (
        split_rows(LABELS, TARGET, Split(test=0.3, groups="c", seed=seed), carried).test.tolist()
        for seed in (1, 1, 2)
    )
    assert first == repeated
    assert set(first) != set(another)


def test_two_groups_can_be_split_and_one_can_not() -> None:
    groups = np.arange(1000) % 2
    parts = split_rows(LABELS, TARGET, Split(test=0.1, groups="c", seed=1), Carried(groups=groups))
    assert (len(set(groups[parts.train])), len(set(groups[parts.test]))) == (1, 1)
    with pytest.raises(DataError, match="All rows are of one group, so no other one can test the model"):
        split_rows(LABELS, TARGET, Split(test=0.1, groups="c", seed=1), Carried(groups=groups * 0))


# ---- a file


def test_the_rows_of_a_file_test() -> None:
    is_test = np.arange(1000) >= 900
    parts = split_rows(LABELS, TARGET, Split(file=Source(uri="test.csv"), seed=1), is_test=is_test)
    assert (parts.train.tolist(), parts.test.tolist()) == (list(range(900)), list(range(900, 1000)))
