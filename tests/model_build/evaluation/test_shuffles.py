import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from app.core.contract import Positions, Probabilities
from app.core.values import Matrix
from model_build.evaluation.shuffles import KnownRows, draw_shuffles

REPEATS = 3
RNG = np.random.default_rng(0)
MATRIX: Matrix = np.column_stack(
    [
        RNG.uniform(0, 20, 400),
        np.where(RNG.random(400) < 0.3, np.nan, RNG.integers(0, 3, 400)),
        RNG.integers(0, 2, 400),
        np.zeros(400),
    ]
).astype(np.float32)
TRUTH = (MATRIX[:, 0] + 5 * np.nan_to_num(MATRIX[:, 1]) + RNG.normal(0, 4, 400) > 14).astype(np.intp)


class Counting:
    """Counts the rows that a classifier predicts."""

    def __init__(self) -> None:
        self.rows = 0
        self.classifier = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(MATRIX, TRUTH)

    def fit(self, _: Matrix, __: Positions) -> "Counting":
        raise AssertionError

    def predict_proba(self, rows: Matrix) -> Probabilities:
        self.rows += len(rows)
        probabilities: Probabilities = self.classifier.predict_proba(rows)
        return probabilities


@pytest.fixture(scope="module")
def counting() -> Counting:
    return Counting()


def known_rows(counting: Counting) -> KnownRows:
    known = KnownRows(counting, MATRIX, counting.predict_proba(MATRIX))
    counting.rows = 0
    return known


def test_shuffled_rows_score_as_in_scikit_learn(counting: Counting) -> None:
    def roc_auc(classifier: Counting, rows: Matrix, truth: Positions) -> float:
        return float(roc_auc_score(truth, classifier.predict_proba(rows)[:, 1]))

    expected = permutation_importance(
        counting, MATRIX, TRUTH, scoring=roc_auc, n_repeats=REPEATS, random_state=7
    ).importances
    known, orders = known_rows(counting), draw_shuffles(len(MATRIX), REPEATS, seed=7)
    baseline = roc_auc_score(TRUTH, known.probabilities[:, 1])
    drops = [
        [
            baseline - roc_auc_score(TRUTH, probabilities[:, 1])
            for probabilities in known.predict_with(position, MATRIX[orders, position])
        ]
        for position in range(MATRIX.shape[1])
    ]
    assert drops == expected.tolist()
    assert expected[0].min() > 0.1


def test_only_distinct_rows_with_another_value_are_predicted(counting: Counting) -> None:
    known = known_rows(counting)
    values = np.stack([MATRIX[:, 2], 1 - MATRIX[:, 2], 1 - MATRIX[:, 2]])
    own, *others = known.predict_with(2, values)
    assert counting.rows == len(MATRIX)
    changed = MATRIX.copy()
    changed[:, 2] = 1 - changed[:, 2]
    assert np.array_equal(own, known.probabilities)
    for other in others:
        assert np.array_equal(other, counting.predict_proba(changed))


def test_missing_value_in_place_of_a_missing_value_is_no_change(counting: Counting) -> None:
    known = known_rows(counting)
    missing = np.full((1, len(MATRIX)), np.nan, np.float32)
    (probabilities,) = known.predict_with(1, missing)
    present = ~np.isnan(MATRIX[:, 1])
    assert counting.rows == present.sum()
    assert np.array_equal(probabilities[~present], known.probabilities[~present])


def test_equal_values_need_no_prediction(counting: Counting) -> None:
    known = known_rows(counting)
    (probabilities,) = known.predict_with(3, np.zeros((1, len(MATRIX)), np.float32))
    assert counting.rows == 0
    assert np.array_equal(probabilities, known.probabilities)
