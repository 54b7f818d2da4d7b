"""Label shares of categories as one number, so that categories can be ordered by it."""

import numpy as np
import numpy.typing as npt

from app.core.contract import Positions
from app.core.values import Matrix

SMOOTHING = 10
"""Rows with the mean shares of the labels that every category is given in addition to its own."""

Shares = npt.NDArray[np.float64]


def count_labels(column: Matrix, positions: Positions, count: int, labels: int | None = None) -> Shares:
    """Return how many rows [codes, labels] have each code and label."""
    counts = np.zeros((count, int(positions.max()) + 1 if labels is None else labels))
    np.add.at(counts, (column.astype(np.intp), positions), 1)
    return counts


def find_ranks(counts: Shares) -> Matrix:
    """Return the float32 rank [codes] of each code, 0 for the lowest score; equal scores keep their order."""
    # Labels without a difference must not be told apart by noise.
    scores = score_codes(counts, find_direction(counts)).round(12)
    ranks: Matrix = scores.argsort(kind="stable").argsort(kind="stable").astype(np.float32)
    return ranks


def find_direction(counts: Shares) -> Shares:
    """Return the direction [labels] in which the shares differ most; the last label counts upward."""
    rows = counts.sum(axis=1, keepdims=True)
    _, _, components = np.linalg.svd(np.sqrt(rows) * _deviate(counts), full_matrices=False)
    direction: Shares = components[0] if components[0][-1] >= 0 else -components[0]
    return direction


def score_codes(counts: Shares, direction: Shares) -> Shares:
    """Return the score [codes] of each code; 0 for one without a row."""
    scores: Shares = _deviate(counts) @ direction
    return scores


def _deviate(counts: Shares) -> Shares:
    """Return how far the smoothed shares [codes, labels] of each code are from those of all rows."""
    mean = counts.sum(axis=0) / counts.sum()
    rows = counts.sum(axis=1, keepdims=True)
    deviations: Shares = (counts + SMOOTHING * mean) / (rows + SMOOTHING) - mean
    return deviations
