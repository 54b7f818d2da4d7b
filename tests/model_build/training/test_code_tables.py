"""Steps that look up codes: rare categories, and the scores of open ones."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from app.core.features import Other
from model_build.training.code_tables import RareCategories, TargetOrder, TargetScores, split_steps

RNG = np.random.default_rng(5)


def column(codes: list[int]) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return np.array(codes, np.float32)[:, None]


def test_rare_categories_are_read_as_other_and_missing_is_none() -> None:
    step = RareCategories({0: (5, 3, Other(minimum_rows=2))}).fit(column([0, 0, 1, 2, 2, 4]))
    assert step.find_rare(0) == [1]
    assert step.transform(column([0, 1, 2, 3, 4])).ravel().tolist() == [0, 3, 2, 3, 4]


def test_a_model_is_not_fitted_to_scores_of_its_own_rows() -> None:
    """Every code has one row, so whatever a score says of a label is of that row."""
    codes, labels = column(list(range(400))), RNG.integers(0, 2, 400)
    step = TargetScores({0: 400}, seed=1)
    assert step.fit_transform(codes, labels).ravel().tolist() == [0] * 400
    assert ((step.transform(codes).ravel() > 0) == labels).all()


def test_the_score_is_the_smoothed_distance_from_the_mean_and_0_without_rows() -> None:
    labels = np.array([1] * 30 + [0] * 10 + [1] * 10 + [0] * 30)
    step = TargetScores({0: 3}, seed=1).fit(column([0] * 40 + [1] * 40), labels)
    first, second, unseen = step.transform(column([0, 1, 2])).ravel()
    assert first == pytest.approx(-second)
    assert first > 0.2
    assert unseen == 0


def test_several_steps_are_one_table() -> None:
    codes, labels = column([0, 0, 1, 2, 2, 2]), np.array([1, 1, 0, 0, 0, 1])
    gather = RareCategories({0: (4, 3, Other(minimum_rows=2))}).fit(codes)
    order = TargetOrder({0: 4}).fit(gather.transform(codes), labels)
    tables, rest = split_steps([gather, order, LogisticRegression()])
    every = column([0, 1, 2, 3])
    assert tables[0].tolist() == order.transform(gather.transform(every)).ravel().tolist()
    assert [type(step) for step in rest] == [LogisticRegression]
