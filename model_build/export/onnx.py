"""Converts a fitted pipeline to ONNX that predicts as scikit-learn does."""

from typing import Any

from onnx import ModelProto, numpy_helper
from onnx.checker import check_model
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import FloatTensorType
from skl2onnx.common.utils import check_input_and_output_numbers
from sklearn.linear_model import LogisticRegression

from app.core.model import INPUT, LABELS, PROBABILITIES
from model_build.errors import ExportError
from model_build.export import linear, trees
from model_build.export.boosting import correct_thresholds, register_converter
from model_build.export.calibration import calibrate
from model_build.export.columns import read_columns, read_tables
from model_build.export.graph import label_by_position, raise_to_zero
from model_build.training.calibration import Calibrated
from model_build.training.classifier import Classifier
from model_build.training.code_tables import split_steps
from model_build.training.estimators import Clipper
from model_build.training.log_odds import sums_log_odds

LONGEST_REASON = 300  # characters
OPSETS = {"": 18, "ai.onnx.ml": 3}


def convert(model: Classifier | Calibrated, name: str, width: int) -> bytes:
    """Return ONNX: float32 [N, width] → label positions [N] and probabilities [N, labels].

    Raises:
        ExportError: there is no converter for a step of the model, or it fails.
    """
    classifier = model.classifier if isinstance(model, Calibrated) else model
    tables, _ = split_steps(classifier.pipeline_)
    converted = _convert_pipeline(classifier, name)
    estimator = classifier.pipeline_[-1]
    if type(estimator) is LogisticRegression:
        linear.compute_in_double(converted, estimator)
    else:
        trees.correct_trees(converted, estimator)
        correct_thresholds(converted, estimator)
    if isinstance(estimator.classes_[0], str):
        label_by_position(converted)
    if tables:
        read_tables(converted, classifier.columns_, width, tables)
    else:
        read_columns(converted, classifier.columns_, width)
    if isinstance(model, Classifier) and trees.sums_shares(estimator):
        raise_to_zero(converted)
    if isinstance(model, Calibrated):
        margins = sums_log_odds(estimator)
        converted = calibrate(converted, model.calibrator, len(model.classes_), sums_log_odds=margins)
    return serialize(converted)


def _convert_pipeline(classifier: Classifier, name: str) -> ModelProto:
    steps = classifier.pipeline_
    register_converter(steps[-1])
    try:
        converted: ModelProto = to_onnx(
            split_steps(steps)[1],
            name=name,
            initial_types=[(INPUT, FloatTensorType([None, len(classifier.columns_)]))],
            final_types=[(LABELS, None), (PROBABILITIES, None)],
            options={"zipmap": False},
            target_opset=OPSETS,
        )
    except Exception as error:  # converters raise all kinds of errors
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        raise ExportError(
            f"{type(steps[-1]).__name__} can't be converted to ONNX, so it can't be served: {reason}"
        ) from error
    return converted


def serialize(model: ModelProto) -> bytes:
    """Check the model, and return the same bytes for the same graph."""
    opsets = sorted(model.opset_import, key=lambda opset: str(opset.domain))  # from a set, in any order
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _clipped_type(operator: Any) -> None:
    check_input_and_output_numbers(operator, input_count_range=1, output_count_range=1)
    operator.outputs[0].type = FloatTensorType(operator.inputs[0].type.shape)


def _clip(scope: Any, operator: Any, container: Any) -> None:
    """Convert a Clipper to Max and Min, which keep NaN and, unlike Clip, take a bound for each column."""
    clipper: Clipper = operator.raw_operator
    raised = scope.get_unique_variable_name("raised")
    steps = [
        ("Max", clipper.low_, operator.inputs[0].full_name, raised),
        ("Min", clipper.high_, raised, operator.outputs[0].full_name),
    ]
    for op_type, bounds, source, result in steps:
        name = scope.get_unique_variable_name("bounds")
        container.add_initializer(name, None, None, numpy_helper.from_array(bounds[None, :], name))
        container.add_node(op_type, [source, name], [result], op_version=13)


update_registered_converter(Clipper, "Clipper", _clipped_type, _clip)
