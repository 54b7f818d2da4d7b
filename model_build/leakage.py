"""Whether one feature alone gives the target away, as one does that is known only after it."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from app.contract import BINARY, Positions
from model_build.documents import Finding
from model_build.spec import ModelSpec

FOLDS = 2
LEAVES = 64  # tell that many categories apart, in whatever order the spec names them
LEAF_ROWS = 5


def leaks(spec: ModelSpec, typed: pd.DataFrame) -> list[Finding]:
    """Return the features that rank the target, or one label against all others, too well on their own.

    Each is scored by a small tree on rows that it was not fitted on. A label with fewer rows than folds
    is left aside.
    """
    target = typed[spec.target.name]
    counts = target.value_counts()
    labels = [label for label in spec.target.labels if counts[label] >= FOLDS]
    rows = typed[target.isin(labels)]
    if len(labels) < BINARY:
        return []
    truth = rows[spec.target.name].cat.set_categories(labels).cat.codes.to_numpy(np.intp)
    halves = StratifiedKFold(FOLDS, shuffle=True, random_state=spec.split.seed)
    folds = list(halves.split(truth[:, None], truth))
    found = []
    for feature in spec.features:
        areas = _areas(_codes(rows[feature.name]), truth, folds, spec.split.seed)
        if areas.max() > spec.data_checks.maximum_leakage:
            label = labels[areas.argmax()] if len(labels) > BINARY else None
            found.append(_finding(spec, feature.name, label, float(areas.max())))
    return found


def _codes(column: pd.Series) -> npt.NDArray[np.float64]:
    """Return the column as [N, 1]; a missing number is NaN, and a missing category -1.

    Numbers are ranked, which is all the same to a tree: it reads float32, and some are too large for that.
    """
    ranked = (
        column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column.rank(method="dense")
    )
    return np.asarray(ranked, np.float64)[:, None]


def _areas(
    codes: npt.NDArray[np.float64], truth: Positions, folds: list[tuple[Positions, Positions]], seed: int
) -> npt.NDArray[np.float64]:
    """Return the ROC AUC of every label against the others; of two labels, only that of the second."""
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=seed)
    scores = cross_val_predict(tree, codes, truth, cv=folds, method="predict_proba")
    width = scores.shape[1]
    asked = slice(int(width == BINARY), width)
    return np.atleast_1d(roc_auc_score(np.eye(width)[truth][:, asked], scores[:, asked], average=None))


def _finding(spec: ModelSpec, name: str, label: str | None, area: float) -> Finding:
    what = f"label {label!r} of {spec.target.name}" if label else spec.target.name
    most = spec.data_checks.maximum_leakage
    return Finding(
        check="leakage",
        then=spec.data_checks.leakage,
        column=name,
        sentence=f"{name}: alone it ranks {what} with a ROC AUC of {area:.3f}; at most {most:g} is allowed",
        statistic=area,
    )
