"""Features that alone nearly determine the target, as a feature does that is only known after the target."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from app.core.contract import TWO_LABELS, Positions
from app.core.features import Feature, RangedFeature
from model_build.artifacts import Violation
from model_build.spec.model_spec import ModelSpec
from model_build.threads import map_in_threads
from model_build.validation.float32 import read_numbers, to_float32

FOLDS = 2
LEAVES = 64  # enough to separate that many categories, whatever their order in the spec
LEAF_ROWS = 5


def find_leakage(spec: ModelSpec, typed: pd.DataFrame) -> list[Violation]:
    """Return a violation for every feature that alone ranks the target too well, or nearly so.

    A small tree on that feature is scored on rows that it was not fitted on. With more than two labels, the
    score is the mean over each label against all others. Labels with too few rows for a leaf in every fold
    are left out.
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

    def area(feature: Feature) -> float:
        return _area(_codes(feature, rows[feature.name]), truth, folds, spec.split.seed)

    names = [feature.name for feature in spec.features]
    areas = dict(zip(names, map_in_threads(area, spec.features), strict=True))
    least = min(spec.data_checks.suspect_leakage, spec.data_checks.maximum_leakage)
    return [_violation(spec, name, area) for name, area in areas.items() if area > least]


def _codes(feature: Feature, column: pd.Series) -> npt.NDArray[np.float64]:
    """Return the column as [N, 1]; a missing number is NaN, and a missing category -1.

    Numbers are replaced by the ranks that they have as float32: the model sees no smaller differences, and a
    tree depends on the order of the numbers only.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, np.float64)[:, None]
    numbers = read_numbers(feature, column) if isinstance(feature, RangedFeature) else column
    ranked = to_float32(numbers).rank(method="dense")
    return np.asarray(ranked, np.float64)[:, None]


def _area(
    codes: npt.NDArray[np.float64], truth: Positions, folds: list[tuple[Positions, Positions]], seed: int
) -> float:
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=LEAF_ROWS, random_state=seed)
    scores = np.empty((len(truth), truth.max() + 1))
    for train, validate in folds:
        scores[validate] = tree.fit(codes[train], truth[train]).predict_proba(codes[validate])
    ranking = scores[:, 1] if scores.shape[1] == TWO_LABELS else scores
    return float(roc_auc_score(truth, ranking, multi_class="ovr"))


def _violation(spec: ModelSpec, name: str, area: float) -> Violation:
    checks = spec.data_checks
    is_leak = area > checks.maximum_leakage and name not in checks.definitions
    ranks = f"{name}: this feature alone ranks {spec.target.name} with a ROC AUC of {area:.3f}"
    if name in checks.definitions:
        words = "; it is one of data_checks.definitions, by which the label is defined, and so no leak"
    elif is_leak:
        words = (
            f"; at most {checks.maximum_leakage:g} is allowed. Remove the feature, or raise "
            f"data_checks.maximum_leakage if its value is known before {spec.target.name}"
        )
    else:
        words = (
            f". Is its value known before {spec.target.name}? If so, raise data_checks.suspect_leakage; if "
            "the label is defined by it, name it in data_checks.definitions"
        )
    return Violation(
        check="leakage",
        severity=checks.leakage if is_leak else "warn",
        column=name,
        sentence=ranks + words,
        statistic=area,
    )
