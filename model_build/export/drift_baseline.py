"""Distributions of the training rows and their scores, with which later requests are compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.core.contract import Target
from app.core.features import Feature, OpenCategoryFeature
from app.core.values import Matrix

BINS = 10
SCORE_EDGES = np.linspace(0, 1, 21)


def compute_drift_baseline(
    features: Sequence[Feature], target: Target, matrix: Matrix, probabilities: npt.NDArray[Any]
) -> dict[str, Any]:
    """Return the content of reference.json, from the encoded training rows and their probabilities.

    Numbers are counted between their deciles (the outermost bins are open), categories by level. Of open
    categories only the missing ones are counted.
    """
    columns = zip(features, matrix.T, strict=True)
    scores = zip(target.labels, probabilities.T, strict=True)
    return {
        "rows": len(matrix),
        "features": {feature.name: _histogram(feature, column) for feature, column in columns},
        "scores": {label: _counts(column, SCORE_EDGES) for label, column in scores},
    }


def _histogram(feature: Feature, column: npt.NDArray[np.float32]) -> dict[str, Any]:
    if feature.is_categorical:
        *counts, missing = np.bincount(column.astype(int), minlength=len(feature.levels) + 1).tolist()
        return {"counts": dict(zip(feature.levels, counts, strict=True)), "missing": missing}
    if isinstance(feature, OpenCategoryFeature):
        return {"missing": int((column == feature.buckets).sum())}
    present = column[~np.isnan(column)]
    # Edges are values that occur: a rounding error of an edge between two values could move many rows.
    edges = np.unique(np.quantile(present, np.linspace(0, 1, BINS + 1), method="nearest"))
    return _counts(present, edges) | {"missing": len(column) - len(present)}


def _counts(values: npt.NDArray[Any], edges: npt.NDArray[np.floating[Any]]) -> dict[str, Any]:
    inner = edges[1:-1]
    counts = np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}
