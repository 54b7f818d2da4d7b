"""Converters of LightGBM, XGBoost and CatBoost, registered when a model of theirs is converted.

They are known to change some models; the parity gate compares every row of the test split.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, helper
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

from model_build.export.trees import round_thresholds_of_lightgbm

OPTIONS = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True]}


def register_converter(estimator: Any) -> None:
    """Make the converter of the estimator's library known to skl2onnx; do nothing for other estimators."""
    library = type(estimator).__module__.partition(".")[0]
    if library in CONVERTERS:
        update_registered_converter(
            type(estimator),
            f"{library}Classifier",
            calculate_linear_classifier_output_shapes,
            CONVERTERS[library](),
            parser=_declare_outputs,
            options=OPTIONS,
        )


def correct_thresholds(model: ModelProto, estimator: Any) -> None:
    """Split as LightGBM does, whose thresholds are doubles; those of the other libraries are float32."""
    if type(estimator).__module__.startswith("lightgbm."):
        trees = estimator.booster_.trees_to_dataframe().dropna(subset=["threshold"])
        by_tree = dict(list(trees.groupby("tree_index")["threshold"]))
        count = estimator.booster_.num_trees()
        exact = [np.array(by_tree.get(tree, []), dtype=np.float64) for tree in range(count)]
        round_thresholds_of_lightgbm(model, exact)


def _declare_outputs(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:  # noqa: ARG001
    """Declare labels and probabilities; skl2onnx does not take every class for a classifier."""
    operator = scope.declare_local_operator(f"{type(model).__module__.partition('.')[0]}Classifier", model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    operator.outputs.append(scope.declare_local_variable("probabilities", FloatTensorType()))
    return operator.outputs


def _lightgbm() -> Any:
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import (  # noqa: PLC0415 - is optional
        convert_lightgbm,
    )

    return convert_lightgbm


def _xgboost() -> Any:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import (  # noqa: PLC0415 - is optional
        convert_xgboost,
    )

    return convert_xgboost


def _catboost() -> Any:
    from catboost.utils import convert_to_onnx_object  # noqa: PLC0415 - is optional

    def convert_catboost(scope: Any, operator: Any, container: Any) -> None:  # noqa: ARG001 - skl2onnx's
        """Take the one node of CatBoost's own export, which is an ensemble of trees."""
        exported = convert_to_onnx_object(operator.raw_operator)
        [trees] = [node for node in exported.graph.node if node.op_type == "TreeEnsembleClassifier"]
        attributes = {attribute.name: _value(attribute) for attribute in trees.attribute}
        container.add_node(
            trees.op_type,
            [operator.inputs[0].full_name],
            [output.full_name for output in operator.outputs],
            op_domain="ai.onnx.ml",
            op_version=1,
            **attributes,
        )

    return convert_catboost


def _value(attribute: AttributeProto) -> Any:
    return helper.get_attribute_value(attribute)


CONVERTERS: dict[str, Callable[[], Any]] = {"lightgbm": _lightgbm, "xgboost": _xgboost, "catboost": _catboost}
