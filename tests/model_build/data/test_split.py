import numpy as np
import pytest

from app.core.contract import Target
from model_build.data.split import split_rows
from model_build.errors import DataError
from model_build.spec.sections import Split

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
