"""The bound of a drafted gate, which the model of a bake must keep."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from model_build.drafting.trial import standard_error


@pytest.mark.parametrize(("rows", "rate", "shift"), [(300, 0.4, 1.2), (2000, 0.05, 1.0), (2000, 0.5, 2.0)])
def test_standard_error_is_that_of_test_rows(rows: int, rate: float, shift: float) -> None:
    rng = np.random.default_rng(0)
    labels = (np.arange(rows) < rate * rows).astype(np.intp)
    tested = labels[rng.permutation(rows)[: round(0.3 * rows)]]
    areas = [roc_auc_score(tested, rng.normal(shift * tested)) for _ in range(300)]
    expected = standard_error(float(np.mean(areas)), labels, 0.3)
    assert np.std(areas) == pytest.approx(expected, rel=0.25)


def test_few_rows_of_a_label_make_the_error_large() -> None:
    labels = np.array([0] * 990 + [1] * 10)
    assert standard_error(0.8, labels, 0.3) > 0.1


def test_one_rare_label_of_many_does_not_decide() -> None:
    labels = np.repeat(np.arange(4), [10, 300, 300, 300])
    rarest = standard_error(0.8, (labels > 0).astype(np.intp), 0.3)
    assert standard_error(0.8, labels, 0.3) < 0.6 * rarest
