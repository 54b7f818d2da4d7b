"""Steps of a pipeline that replace the codes of a column by what a table learnt for each code has."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.model_selection import StratifiedKFold

from app.core.contract import Positions
from app.core.features import Other
from app.core.values import Matrix
from model_build.training.target_order import count_labels, find_direction, find_ranks, score_codes

FOLDS = 5


class CodeTables(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base: `tables_` has the float32 table [codes] of each coded column; other columns stay as they are."""

    tables_: dict[int, Matrix]

    def transform(self, matrix: Matrix) -> Matrix:
        replaced = matrix.copy()
        for column, table in self.tables_.items():
            replaced[:, column] = table[matrix[:, column].astype(np.intp)]
        return replaced


class RareCategories(CodeTables):
    """Replaces the code of a category that has few rows by that of the category that stands for others."""

    def __init__(self, others: Mapping[int, tuple[int, int, Other]]) -> None:
        """Take of the column at each position how many codes it may have, and the code of `Other`."""
        self.others = others

    def fit(self, matrix: Matrix, labels: Any = None) -> Self:  # noqa: ARG002 - a Pipeline passes them
        self.n_features_in_ = matrix.shape[1]
        self.tables_ = {}
        for column, (count, code, other) in self.others.items():
            rows = np.bincount(matrix[:, column].astype(np.intp), minlength=count)
            codes = np.arange(count)
            is_rare = (rows < other.minimum_rows) & (codes < code)  # missing, the last code, is no category
            self.tables_[column] = np.where(is_rare, code, codes).astype(np.float32)
        return self

    def find_rare(self, column: int) -> list[int]:
        """Return the codes of a column that are replaced."""
        table = self.tables_[column]
        rare: list[int] = np.flatnonzero(table != np.arange(len(table))).tolist()
        return rare


class TargetOrder(CodeTables):
    """Replaces the code of a category by its rank among the categories of its column.

    The rank is that of the score of the category's label shares: their first principal component, weighted by
    rows (Coppersmith, Hong and Hosking, 1999). With two labels, this is the order of the positive rate. A
    category without a row has the mean shares. Missing is a category like any other.
    """

    def __init__(self, codes: Mapping[int, int]) -> None:
        """Take how many codes the column at each position may have; the other columns stay as they are."""
        self.codes = codes

    def fit(self, matrix: Matrix, labels: Positions) -> Self:
        """Find the ranks of each column, from the label position of each row."""
        self.n_features_in_ = matrix.shape[1]
        _, positions = np.unique(labels, return_inverse=True)
        self.tables_ = {
            column: find_ranks(count_labels(matrix[:, column], positions, count))
            for column, count in self.codes.items()
        }
        return self


class TargetScores(CodeTables):
    """Replaces the code of an open category by the score of its label shares, 0 for the mean.

    With two labels, the score is the difference between its smoothed positive rate and that of all rows.
    While a model is fitted, the score of a row comes from other rows (cross-fitting): that of a rare code
    would otherwise repeat the row's own label.
    """

    def __init__(self, codes: Mapping[int, int], seed: int) -> None:
        """Take how many codes the column at each position may have; the other columns stay as they are."""
        self.codes = codes
        self.seed = seed

    def fit(self, matrix: Matrix, labels: Positions) -> Self:
        self.n_features_in_ = matrix.shape[1]
        _, positions = np.unique(labels, return_inverse=True)
        self.directions_ = {}
        self.tables_ = {}
        for column, count in self.codes.items():
            counts = count_labels(matrix[:, column], positions, count)
            self.directions_[column] = find_direction(counts[counts.any(axis=1)])
            self.tables_[column] = score_codes(counts, self.directions_[column]).astype(np.float32)
        return self

    def fit_transform(self, matrix: Matrix, labels: Positions, **_unused: Any) -> Matrix:
        """Return the scores that a model is fitted to."""
        self.fit(matrix, labels)
        _, positions = np.unique(labels, return_inverse=True)
        scores = matrix.copy()
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        labels_count = int(positions.max()) + 1
        for others, rows in folds.split(positions[:, None], positions):
            for column, count in self.codes.items():
                counts = count_labels(matrix[others, column], positions[others], count, labels_count)
                table = score_codes(counts, self.directions_[column])
                scores[rows, column] = table[matrix[rows, column].astype(np.intp)]
        return scores


def split_steps(steps: Any) -> tuple[dict[int, Matrix], Any]:
    """Return a table for each coded column, which does what all first steps do, and the steps after them."""
    tables: dict[int, Matrix] = {}
    for position, step in enumerate(steps):
        if not isinstance(step, CodeTables):
            return tables, steps[position:]
        for column, table in step.tables_.items():
            codes = tables.get(column, np.arange(len(table), dtype=np.float32))
            tables[column] = table[codes.astype(np.intp)]
    raise ValueError("a pipeline ends with an estimator")
