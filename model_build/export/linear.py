"""Logistic regression in ONNX, in double: its float32 sums differ between one row and many.

ONNX Runtime has another code for one row than for many, with another order of the terms. An answer must not
depend on the rows beside it.
"""

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from app.core.contract import TWO_LABELS
from model_build.export.graph import output_only

LINEAR = "LinearClassifier"
MARGINS = "log_odds"


def compute_in_double(model: ModelProto, estimator: LogisticRegression) -> None:
    """Replace the node of the converted estimator by nodes that compute its probabilities in double."""
    nodes = model.graph.node
    linear = next(node for node in nodes if node.op_type == LINEAR)
    labels, probabilities = linear.output
    position = list(nodes).index(linear)
    nodes.remove(linear)
    for node in reversed(_nodes(linear.input[0], labels, probabilities)):
        nodes.insert(position, node)
    coefficients, intercepts = estimator.coef_.astype(np.float64), estimator.intercept_.astype(np.float64)
    if len(estimator.classes_) == TWO_LABELS:  # scikit-learn has those of the second label only
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.append(0.0, intercepts)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.ascontiguousarray(coefficients.T), "coefficients"),
            numpy_helper.from_array(intercepts, "intercepts"),
        ]
    )


def output_margins(model: ModelProto, count: int) -> str | None:
    """Let a model that computes in double output its logarithms of shares [N, count]; return their name."""
    if not any(MARGINS in node.output for node in model.graph.node):
        return None
    output_only(model, MARGINS, TensorProto.DOUBLE, count)
    return MARGINS


def _nodes(columns: str, labels: str, probabilities: str) -> list[NodeProto]:
    return [
        helper.make_node("Cast", [columns], ["double_columns"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["double_columns", "coefficients"], ["products"]),
        helper.make_node("Add", ["products", "intercepts"], [MARGINS]),
        helper.make_node("Softmax", [MARGINS], ["double_shares"], axis=1),
        helper.make_node("Cast", ["double_shares"], [probabilities], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["double_shares"], [labels], axis=1, keepdims=0),
    ]
