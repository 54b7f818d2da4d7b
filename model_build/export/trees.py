"""Corrections to the trees that skl2onnx writes: it rounds to float32 in a way that can change the answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from app.core.contract import TWO_LABELS

DOMAIN = "ai.onnx.ml"
ENSEMBLE = "TreeEnsembleClassifier"
DOUBLES_SINCE = 3  # the version of DOMAIN from which on a tree may hold tensors of doubles


def correct_trees(model: ModelProto, estimator: BaseEstimator) -> None:
    """Change the converted `estimator` so that it branches, and meets ties, as scikit-learn does."""
    match estimator:
        case HistGradientBoostingClassifier():
            trees = [tree for iteration in estimator._predictors for tree in iteration]
            _round_thresholds_down(_ensemble(model), [tree.nodes["num_threshold"] for tree in trees])
        case DecisionTreeClassifier():
            _add_up_in_double(model, [estimator.tree_.value])
        case RandomForestClassifier():
            count = len(estimator.estimators_)
            _add_up_in_double(model, [tree.tree_.value / count for tree in estimator.estimators_])


def read_columns(node: NodeProto, columns: Sequence[int]) -> None:
    """Let trees that know a column by its position in `columns` find it in the whole matrix."""
    whole = [columns[position] for position in _integers(node, "nodes_featureids")]
    node.attribute.remove(_attribute(node, "nodes_featureids"))
    node.attribute.append(helper.make_attribute("nodes_featureids", whole))


def answer_in_odds(model: ModelProto) -> bool:
    """Have trees that add up log-odds answer with these, and return whether the model has such trees.

    A probability near 0 is, in float32, what is left of 1: too coarse to find the log-odds again.
    """
    node = next((each for each in model.graph.node if each.op_type == ENSEMBLE), None)
    if node is None or _attribute(node, "post_transform").s != b"LOGISTIC":
        return False
    if min(_attribute(node, "class_weights").floats) >= 0:  # which onnxruntime takes for probabilities
        return False
    _attribute(node, "post_transform").s = b"NONE"
    return True


def _round_thresholds_down(node: NodeProto, thresholds: Sequence[Any]) -> None:
    """Put the next lower float32 in place of the nearest: a value above the double must stay above it."""
    trees, positions = _integers(node, "nodes_treeids"), _integers(node, "nodes_nodeids")
    exact = np.array([thresholds[tree][position] for tree, position in zip(trees, positions, strict=True)])
    with np.errstate(over="ignore"):  # a split of the missing from the rest is near infinity
        nearest = exact.astype(np.float32)
    lower = np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    node.attribute.remove(_attribute(node, "nodes_values"))
    node.attribute.append(helper.make_attribute("nodes_values", lower.tolist()))


def _add_up_in_double(model: ModelProto, shares: Sequence[Any]) -> None:
    """Put in each leaf's own share, of [node, 0, label] in each tree, and add them up in double.

    They are plain fractions and often meet the threshold, or each other, exactly: a sum of rounded ones falls
    to either side, and the label with it.
    """
    node = _ensemble(model)
    trees, positions = _integers(node, "class_treeids"), _integers(node, "class_nodeids")
    # Of two labels, ONNX holds the shares of the second only, and calls it 0.
    labels = np.array(_integers(node, "class_ids")) + (shares[0].shape[2] == TWO_LABELS)
    leaves = zip(trees, positions, labels, strict=True)
    exact = np.array([shares[tree][position, 0, label] for tree, position, label in leaves])
    node.attribute.remove(_attribute(node, "class_weights"))
    node.attribute.append(helper.make_attribute("class_weights_as_tensor", numpy_helper.from_array(exact)))

    position = list(model.graph.node).index(node)
    cast = helper.make_node("Cast", [node.input[0]], ["doubles"], to=TensorProto.DOUBLE)
    node.input[0] = "doubles"
    model.graph.node.insert(position, cast)
    for each in model.opset_import:
        if each.domain == DOMAIN:
            each.version = max(each.version, DOUBLES_SINCE)


def _ensemble(model: ModelProto) -> NodeProto:
    nodes: Sequence[NodeProto] = model.graph.node
    return next(each for each in nodes if each.op_type == ENSEMBLE)


def _attribute(node: NodeProto, name: str) -> AttributeProto:
    attributes: Sequence[AttributeProto] = node.attribute
    return next(each for each in attributes if each.name == name)


def _integers(node: NodeProto, name: str) -> list[int]:
    return list(_attribute(node, name).ints)
