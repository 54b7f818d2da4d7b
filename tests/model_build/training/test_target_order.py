import numpy as np
import pytest

from app.core.values import Matrix
from model_build.training.code_tables import TargetOrder
from model_build.training.target_order import SMOOTHING


def ranks(counts: list[list[int]]) -> list[float]:
    """Return the rank of each code, of which so many rows have each label."""
    rows = [(code, label) for code, row in enumerate(counts) for label, n in enumerate(row) for _ in range(n)]
    codes, labels = np.array(rows).T
    order = TargetOrder({0: len(counts)}).fit(codes[:, None].astype(np.float32), labels)
    known: Matrix = np.arange(len(counts), dtype=np.float32)[:, None]
    answer: list[float] = order.transform(known)[:, 0].tolist()
    return answer


def test_two_labels_order_the_categories_by_the_rate_of_the_second() -> None:
    assert ranks([[50, 50], [90, 10], [20, 80], [70, 30]]) == [2, 0, 3, 1]


def test_few_rows_do_not_make_an_extreme_rate() -> None:
    assert ranks([[200, 100], [100, 200], [0, 1]]) == [0, 2, 1]
    assert SMOOTHING == 10


def test_category_without_a_row_has_the_mean_rate() -> None:
    assert ranks([[30, 70], [0, 0], [70, 30]]) == [2, 1, 0]


def test_equal_rates_keep_the_order_of_their_codes() -> None:
    assert ranks([[10, 10], [90, 10], [10, 10], [10, 10]]) == [1, 0, 2, 3]
    assert ranks([[10, 10], [20, 20], [30, 30]]) == [0, 1, 2]


def test_three_labels_order_the_categories_along_their_widest_difference() -> None:
    """The third label hardly differs, so its rates, which would give another order, do not decide."""
    assert ranks([[45, 45, 11], [10, 80, 10], [80, 10, 10], [30, 60, 11]]) == [1, 3, 0, 2]


def test_only_the_named_columns_change_and_the_input_stays() -> None:
    matrix: Matrix = np.array([[0, 0, np.nan], [1, 1, 7], [0, 0, 7], [1, 1, 8]], dtype=np.float32)
    before = matrix.copy()
    order = TargetOrder({1: 3}).fit(matrix, np.array([1, 0, 1, 0]))
    transformed = order.transform(matrix)
    np.testing.assert_array_equal(matrix, before)
    np.testing.assert_array_equal(transformed[:, [0, 2]], matrix[:, [0, 2]])
    assert transformed[:, 1].tolist() == [2, 0, 2, 0]
    assert transformed.dtype == np.float32


@pytest.mark.parametrize("labels", [[0, 2], [3, 5]])
def test_labels_may_leave_positions_out(labels: list[int]) -> None:
    matrix: Matrix = np.array([[0], [1]] * 10, dtype=np.float32)
    assert TargetOrder({0: 2}).fit(matrix, np.array(labels * 10)).tables_[0].tolist() == [0, 1]
