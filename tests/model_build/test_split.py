import numpy as np
import pytest

from model_build.errors import DataError
from model_build.spec import Split
from model_build.split import split

LABELS = np.repeat([0, 1, 2], [600, 300, 100])


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize("test", [0.1, 0.25, 0.3])
def test_every_row_trains_or_tests_and_the_share_is_kept(test: float, stratify: bool) -> None:
    parts = split(LABELS, Split(test=test, stratify=stratify, seed=1))
    assert sorted([*parts.train, *parts.test]) == list(range(1000))
    assert len(parts.test) == 1000 * test


def test_a_stratified_test_has_the_share_of_every_label() -> None:
    parts = split(LABELS, Split(test=0.3, seed=1))
    assert np.bincount(LABELS[parts.test]).tolist() == [180, 90, 30]
    assert np.bincount(LABELS[parts.train]).tolist() == [420, 210, 70]


def test_rows_are_shuffled() -> None:
    parts = split(LABELS, Split(test=0.3, seed=1))
    assert parts.train.tolist() != sorted(parts.train)
    assert parts.test.tolist() != sorted(parts.test)


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    one, same, other = (split(LABELS, Split(test=0.3, seed=seed)).test.tolist() for seed in (1, 1, 2))
    assert one == same
    assert set(one) != set(other)


@pytest.mark.parametrize(
    ("labels", "stratify", "problem"),
    [
        ([0, 0, 0, 1], True, "The least populated classes in y have only 1 member"),
        ([0, 1], True, "The least populated classes in y have only 1 member"),
        (
            [0],
            False,
            "With n_samples=1, test_size=0.3 and train_size=None, the resulting train set will be empty",
        ),
    ],
)
def test_too_few_rows_are_a_data_error(labels: list[int], stratify: bool, problem: str) -> None:
    with pytest.raises(DataError) as caught:
        split(np.array(labels), Split(test=0.3, stratify=stratify, seed=1))
    assert str(caught.value).startswith(f"The rows can't be split into train and test: {problem}")
