"""Whether one feature alone gives the target away, as one does that is known only after it."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from app.core.contract import TWO_LABELS, Positions
from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec

FOLDS = 2
LEAVES = 64  # tell that many categories apart, in whatever order the spec names them
LEAF_ROWS = 5


def find_leakage(spec: ModelSpec, typed: pd.DataFrame) -> list[Violation]:
    """Return the features that rank the target too well on their own.

    Each is scored by a small tree on rows that it was not fitted on: of more than two labels, by the mean of
    each against all others. A label with too few rows to fill a leaf in every fold is left aside.
    """
    target = typed[spec.target.name]
    counts = target.value_counts()
    labels = [label for label in spec.target.labels if counts[label] >= FOLDS * LEAF_ROWS]
    rows = typed[target.isin(labels)]
    if len(labels) < TWO_LABELS:
        return []
    truth = rows[spec.target.name].cat.set_categories(labels).cat.codes.to_numpy(np.intp)
    halves = StratifiedKFold(FOLDS, shuffle=True, random_state=spec.split.seed)
    folds = list(halves.split(truth[:, None], truth))
    areas = {
        feature.name: _area(_codes(rows[feature.name]), truth, folds, spec.split.seed)
        for feature in spec.features
    }
    most = spec.data_checks.maximum_leakage
    return [_finding(spec, name, area) for name, area in areas.items() if area > most]


def _codes(column: pd.Series) -> npt.NDArray[np.float64]:
    """Return the column as [N, 1]; a missing number is NaN, and a missing category -1.

    Numbers are ranked, which is all the same to a tree: it reads float32, and some are too large for that.
    """
    ranked = (
        column.cat.codes if isinstance(column.dtype, pd.CategoricalDtype) else column.rank(method="dense")
    )
    return np.asarray(ranked, np.float64)[:, None]


def _area(
    codes: npt.NDArray[np.float64], truth: Positions, folds: list[tuple[Positions, Positions]], seed: int
) -> float:
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=seed)
    scores = cross_val_predict(tree, codes, truth, cv=folds, method="predict_proba")
    asked = scores[:, 1] if scores.shape[1] == TWO_LABELS else scores
    return float(roc_auc_score(truth, asked, multi_class="ovr"))


def _finding(spec: ModelSpec, name: str, area: float) -> Violation:
    return Violation(
        check="leakage",
        severity=spec.data_checks.leakage,
        column=name,
        sentence=(
            f"{name}: alone it ranks {spec.target.name} with a ROC AUC of {area:.3f}; "
            f"at most {spec.data_checks.maximum_leakage:g} is allowed: leave it out of the features, "
            f"or raise data_checks.maximum_leakage if it is known before {spec.target.name} is"
        ),
        statistic=area,
    )
