"""Which columns the model reads: the best of them, in an order found on the rows that train."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil, floor
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import mutual_info_classif
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from app.core.contract import Positions, sha256
from app.core.features import Feature
from app.core.values import Matrix
from model_build.spec.training import Selection, Training

MOST_COUNTS = 5
"""Numbers of columns that the cross-validation tries between the smallest and the largest."""
TREES = 100  # that measure the importance
DEPTH = 5  # of the tree with which columns are added one by one
SMALLEST_LEAF = 10  # rows
FOLDS = 3  # on which that tree is measured

Kept = tuple[str, int]
"""How columns are ranked, and how many of them are kept."""

_orders: dict[str, tuple[int, ...]] = {}
"""Known orders by the checksum of what decides them; a search asks for the same ones again and again."""


def count_limits(selection: Selection, training: Training, columns: Sequence[Feature]) -> tuple[int, int]:
    """Return the fewest and the most columns to keep, of those that are not dropped."""
    available = sum(column.name not in training.drop for column in columns)
    fewest = max(1, ceil(selection.minimum * available))
    return fewest, max(fewest, floor(selection.maximum * available))


def counts_to_try(fewest: int, most: int) -> list[int]:
    return sorted({round(count) for count in np.linspace(fewest, most, MOST_COUNTS)})


def to_kept(training: Training, columns: Sequence[Feature], parameters: Mapping[str, Any]) -> Kept | None:
    """Return what the spec or a candidate of the search keeps: by default the most columns."""
    selection = training.select
    if selection is None:
        return None
    if isinstance(selection, int):
        return "mutual_information", selection
    return selection.by, parameters.get("select") or count_limits(selection, training, columns)[1]


def select_columns(
    kept: Kept, columns: Sequence[Feature], matrix: Matrix, labels: Positions, seed: int
) -> list[int]:
    """Return the positions of the columns [N, columns] to keep, in ascending order."""
    by, count = kept
    key = sha256(b"".join([matrix.tobytes(), labels.tobytes(), f"{by} {seed}".encode()]))
    if len(_orders.get(key, ())) < count:
        filled = SimpleImputer(strategy="median", keep_empty_features=True).fit_transform(matrix)
        _orders[key] = tuple(RANKINGS[by](columns, filled, labels, seed, count))
    return sorted(_orders[key][:count])


def _by_information(
    columns: Sequence[Feature], matrix: Matrix, labels: Positions, seed: int, _: int
) -> Sequence[int]:
    is_coded = [column.is_categorical for column in columns]
    return _descending(mutual_info_classif(matrix, labels, discrete_features=is_coded, random_state=seed))


def _by_importance(
    _: Sequence[Feature], matrix: Matrix, labels: Positions, seed: int, __: int
) -> Sequence[int]:
    trees = ExtraTreesClassifier(TREES, min_samples_leaf=5, class_weight="balanced", random_state=seed)
    return _descending(trees.fit(matrix, labels).feature_importances_)


def _one_by_one(
    _: Sequence[Feature], matrix: Matrix, labels: Positions, seed: int, most: int
) -> Sequence[int]:
    """Add the column that helps a small tree most, until there are enough."""
    order: list[int] = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=SMALLEST_LEAF, random_state=seed)
    score = partial(cross_val_score, tree, y=labels, cv=folds, scoring="roc_auc_ovr")
    while len(order) < most:
        left = [column for column in range(matrix.shape[1]) if column not in order]
        order.append(max(left, key=lambda column: float(score(matrix[:, [*order, column]]).mean())))
    return order


def _descending(scores: Any) -> Sequence[int]:
    order: list[int] = np.argsort(scores, kind="stable")[::-1].tolist()
    return order


RANKINGS: dict[str, Callable[..., Sequence[int]]] = {
    "sequential": _one_by_one,
    "mutual_information": _by_information,
    "importance": _by_importance,
}
