"""Corrections to the trees that skl2onnx writes: its rounding to float32 can change the prediction."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from app.core.contract import TWO_LABELS
from model_build.export.graph import output_only

DOMAIN = "ai.onnx.ml"
ENSEMBLE = "TreeEnsembleClassifier"
LOG_ODDS = (b"LOGISTIC", b"SOFTMAX")
"""Transformations of the sums of trees that sum log-odds."""
DOUBLES_SINCE = 3  # the first version of DOMAIN whose trees may hold tensors of doubles


def correct_trees(model: ModelProto, estimator: BaseEstimator) -> None:
    """Change the converted `estimator` so that it splits rows and breaks ties as scikit-learn does."""
    match estimator:
        case HistGradientBoostingClassifier():
            trees = [tree for iteration in estimator._predictors for tree in iteration]
            _round_thresholds_down(_ensemble(model), [tree.nodes["num_threshold"] for tree in trees])
        case DecisionTreeClassifier():
            _sum_in_double(model, [estimator.tree_.value])
        case RandomForestClassifier() | ExtraTreesClassifier():
            count = len(estimator.estimators_)
            _sum_in_double(model, [tree.tree_.value / count for tree in estimator.estimators_])


def sums_shares(estimator: BaseEstimator) -> bool:
    """Return whether the probabilities are sums of the shares of trees."""
    return isinstance(estimator, RandomForestClassifier | ExtraTreesClassifier)


def read_columns(node: NodeProto, columns: Sequence[int]) -> None:
    """Let trees that read a column by its position in `columns` read it from the whole matrix."""
    positions = [columns[position] for position in _integers(node, "nodes_featureids")]
    node.attribute.remove(_attribute(node, "nodes_featureids"))
    node.attribute.append(helper.make_attribute("nodes_featureids", positions))


def output_margins(model: ModelProto, count: int) -> str | None:
    """Let trees that sum log-odds output only these sums [N, count], and return their name.

    In float32, a probability near 0 is computed as 1 minus one near 1, which is too coarse for its log-odds.
    """
    node = next((node for node in model.graph.node if node.op_type == ENSEMBLE), None)
    if node is None or _attribute(node, "post_transform").s not in LOG_ODDS:
        return None
    _attribute(node, "post_transform").s = b"NONE"
    margins: str = node.output[1]
    output_only(model, margins, TensorProto.FLOAT, count)
    return margins


def round_thresholds_of_lightgbm(model: ModelProto, exact: Sequence[npt.NDArray[np.float64]]) -> None:
    """Round the thresholds down where the converter rounded them up; `exact` has those of each tree.

    Nodes are in another order than in LightGBM, so a threshold is known by the float32 that is nearest to it.
    """
    node = _ensemble(model)
    values = np.array(_attribute(node, "nodes_values").floats, np.float32)
    trees = np.array(_integers(node, "nodes_treeids"))
    for tree, thresholds in enumerate(exact):
        with np.errstate(over="ignore"):  # of one that splits off missing values
            nearest = thresholds.astype(np.float32)
        raised = np.isin(values, nearest[nearest > thresholds]) & (trees == tree)
        values[raised] = np.nextafter(values[raised], np.float32(-np.inf))
    _set_values(node, values)


def _set_values(node: NodeProto, values: npt.NDArray[np.float32]) -> None:
    node.attribute.remove(_attribute(node, "nodes_values"))
    node.attribute.append(helper.make_attribute("nodes_values", values.tolist()))


def _round_thresholds_down(node: NodeProto, thresholds: Sequence[Any]) -> None:
    """Round each threshold down to float32: a value above the exact threshold must stay above it."""
    trees, positions = _integers(node, "nodes_treeids"), _integers(node, "nodes_nodeids")
    exact = np.array([thresholds[tree][position] for tree, position in zip(trees, positions, strict=True)])
    with np.errstate(over="ignore"):  # a threshold that splits off missing values is near infinity
        nearest = exact.astype(np.float32)
    lower = np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    _set_values(node, lower)


def _sum_in_double(model: ModelProto, shares: Sequence[Any]) -> None:
    """Write the exact share of each label in each leaf, and sum in double; `shares` are [node, 0, label].

    The shares are simple fractions. Their sum often equals the threshold or another label's sum exactly, and
    rounding to float32 would decide the label.
    """
    node = _ensemble(model)
    trees, positions = _integers(node, "class_treeids"), _integers(node, "class_nodeids")
    # With two labels, ONNX holds the shares of the second only, and calls it 0.
    labels = np.array(_integers(node, "class_ids")) + (shares[0].shape[2] == TWO_LABELS)
    leaves = zip(trees, positions, labels, strict=True)
    exact = np.array([shares[tree][position, 0, label] for tree, position, label in leaves])
    node.attribute.remove(_attribute(node, "class_weights"))
    node.attribute.append(helper.make_attribute("class_weights_as_tensor", numpy_helper.from_array(exact)))

    position = list(model.graph.node).index(node)
    cast = helper.make_node("Cast", [node.input[0]], ["doubles"], to=TensorProto.DOUBLE)
    node.input[0] = "doubles"
    model.graph.node.insert(position, cast)
    for opset in model.opset_import:
        if opset.domain == DOMAIN:
            opset.version = max(opset.version, DOUBLES_SINCE)


def _ensemble(model: ModelProto) -> NodeProto:
    nodes: Sequence[NodeProto] = model.graph.node
    return next(node for node in nodes if node.op_type == ENSEMBLE)


def _attribute(node: NodeProto, name: str) -> AttributeProto:
    attributes: Sequence[AttributeProto] = node.attribute
    return next(attribute for attribute in attributes if attribute.name == name)


def _integers(node: NodeProto, name: str) -> list[int]:
    return list(_attribute(node, name).ints)
