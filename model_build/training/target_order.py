"""Categories in the order of their target rate, so that one split of a tree separates low rates from high."""

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from app.core.contract import Positions
from app.core.features import Matrix

SMOOTHING = 10
"""Rows with the mean shares of the labels that every category is given in addition to its own."""

Shares = npt.NDArray[np.float64]


class TargetOrder(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replaces the code of a category by its rank among the categories of its column.

    The rank is that of the score of the category's label shares: their first principal component, weighted by
    rows (Coppersmith, Hong and Hosking, 1999). With two labels, this is the order of the positive rate. A
    category without a row has the mean shares. Missing is a category like any other.
    """

    def __init__(self, codes: Mapping[int, int]) -> None:
        """Take how many codes the column at each position may have; the other columns stay as they are."""
        self.codes = codes

    def fit(self, matrix: Matrix, labels: Positions) -> Self:
        """Find the float32 ranks [codes] of each column, from the label position of each row."""
        self.n_features_in_ = matrix.shape[1]
        _, positions = np.unique(labels, return_inverse=True)
        self.ranks_ = {
            column: _ranks(_count_labels(matrix[:, column], positions, count))
            for column, count in self.codes.items()
        }
        return self

    def transform(self, matrix: Matrix) -> Matrix:
        ordered = matrix.copy()
        for column, ranks in self.ranks_.items():
            ordered[:, column] = ranks[matrix[:, column].astype(np.intp)]
        return ordered


def _count_labels(column: Matrix, labels: Positions, count: int) -> Shares:
    """Return how many rows [codes, labels] have each code and label."""
    counts = np.zeros((count, int(labels.max()) + 1))
    np.add.at(counts, (column.astype(np.intp), labels), 1)
    return counts


def _ranks(counts: Shares) -> Matrix:
    """Return the float32 rank [codes] of each code, 0 for the lowest score; equal scores keep their order."""
    rows, mean = counts.sum(axis=1, keepdims=True), counts.sum(axis=0) / counts.sum()
    deviations = (counts + SMOOTHING * mean) / (rows + SMOOTHING) - mean
    _, _, components = np.linalg.svd(np.sqrt(rows) * deviations, full_matrices=False)
    direction = components[0] if components[0][-1] >= 0 else -components[0]
    scores = (deviations @ direction).round(12)  # labels without a difference must not be told apart by noise
    ranks: Matrix = scores.argsort(kind="stable").argsort(kind="stable").astype(np.float32)
    return ranks
