"""The scores of rows whose values of one feature are shuffled, from as few predictions as possible.

scikit-learn's permutation_importance predicts all rows again for each feature and repeat. With the same
shuffles, census needs 37 % of these predictions; a test compares the results.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.core.contract import Positions, Probabilities
from app.core.values import Matrix
from model_build.evaluation.binning import Numbers


def draw_shuffles(rows: int, repeats: int, seed: int) -> Positions:
    """Return orders of the rows [repeats, rows], which are those of scikit-learn's permutation_importance.

    It shuffles a shuffled column again for the next repeat, and all columns alike.
    """
    random = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    orders, order, shuffle = [], np.arange(rows), np.arange(rows)
    for _ in range(repeats):
        random.shuffle(shuffle)
        order = order[shuffle]
        orders.append(order)
    return np.array(orders)


@dataclass(frozen=True)
class KnownRows:
    """Rows [N, features] with the probabilities [N, labels] that a classifier gives them."""

    classifier: Any
    matrix: Matrix
    probabilities: Probabilities

    def predict_with(self, position: int, values: Numbers) -> Probabilities:
        """Return the probabilities [K, N, labels] of the rows with K other values [K, N] of a feature.

        Many rows get their own value again, or the same value as in another repeat. The classifier gets each
        distinct row once, next to rows that differ in this feature only, for which trees take like paths.
        """
        codes = values.view(np.uint32).astype(np.uint64)  # the bits, as NaN does not equal itself
        own = self.matrix[:, position].copy().view(np.uint32)
        is_changed = codes != own
        row = np.nonzero(is_changed)[1].astype(np.uint64)
        distinct, of_changed = np.unique(row << 32 | codes[is_changed], return_inverse=True)
        rows = self.matrix[(distinct >> 32).astype(np.intp)]
        rows[:, position] = distinct.astype(np.uint32).view(np.float32)
        probabilities = np.repeat(self.probabilities[None], len(values), axis=0)
        if len(rows):
            probabilities[is_changed] = self.classifier.predict_proba(rows)[of_changed]
        return probabilities
