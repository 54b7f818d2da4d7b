"""Calibration in ONNX, appended to a converted pipeline."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, compose, parser

from app.core.contract import TWO_LABELS
from app.core.model import LABELS, PROBABILITIES
from model_build.errors import ExportError
from model_build.export import linear, trees
from model_build.training.calibration import STEPS, Calibrator, Isotonic, Sigmoid, Temperature
from model_build.training.log_odds import SHRINKAGE

RAW = "raw_"
RAW_INPUT = "raw_input"
ELEMENT_TYPES = {TensorProto.FLOAT: "float", TensorProto.DOUBLE: "double"}
SMALLEST = 1e-300
"""A sum of shares that is rounded to 0 has no logarithm."""

# In double, because ONNX Runtime rounds Log, Sigmoid and Pow of float32 differently for one row and for many,
# and an answer must not depend on the rows beside it.
MODEL = """
<ir_version: {ir_version}, opset_import: ["" : {opset}, "ai.onnx.ml" : {ml_opset}]>
calibration ({type}[N, {count}] raw_input) => (int64[N] labels, float[N, {count}] probabilities)
<int64[1] last = {{1}}, {constants}> {{
    doubles = Cast <to = 11> (raw_input)
    {nodes}
    total = ReduceSum (scores, last)
    shares = Div (scores, total)
    probabilities = Cast <to = 1> (shares)
    labels = ArgMax <axis = 1, keepdims = 0> (probabilities)
}}
"""
# A rounding error can take a sum of trees out of the range of 0 to 1.
LOG_ODDS_OF_SHARES = """
    clipped = Clip (doubles, zero, one)
    complement = Sub (one, clipped)
    scaled_share = Mul (clipped, proportion)
    scaled_complement = Mul (complement, proportion)
    inner_share = Add (scaled_share, shrinkage)
    inner_complement = Add (scaled_complement, shrinkage)
    log_share = Log (inner_share)
    log_complement = Log (inner_complement)
    log_odds = Sub (log_share, log_complement)
"""
LOG_ODDS_OF_TWO_MARGINS = """
    margin = Gather <axis = 1> (doubles, last)
    log_odds = Mul (margin, signs)
"""
# A sum over the other labels, because 1 minus the share of a certain label would be 0.
LOG_ODDS_OF_MANY_MARGINS = """
    largest = ReduceMax <keepdims = 1> (doubles, last)
    distances = Sub (doubles, largest)
    exponentials = Exp (distances)
    sums = MatMul (exponentials, others)
    sums_above_0 = Max (sums, smallest)
    log_others = Log (sums_above_0)
    log_odds = Sub (distances, log_others)
"""
SIGMOID = """
    scaled = Mul (log_odds, slopes)
    shifted = Add (scaled, offsets)
    scores = Sigmoid (shifted)
"""
ISOTONIC = """
    chances = Sigmoid (log_odds)
    position = Mul (chances, steps)
    floor = Floor (position)
    step = Min (floor, last_step)
    fraction = Sub (position, step)
    step_of_curve = Add (step, starts)
    start = Cast <to = 7> (step_of_curve)
    end = Add (start, next)
    low = Gather (curves, start)
    high = Gather (curves, end)
    rise = Sub (high, low)
    partial_rise = Mul (rise, fraction)
    scores = Add (low, partial_rise)
"""
TEMPERATURE = """
    chances = Sigmoid (log_odds)
    scores = Pow (chances, exponent)
"""


def calibrate(model: ModelProto, calibrator: Calibrator, count: int, *, sums_log_odds: bool) -> ModelProto:
    """Return the model with calibrated probabilities [N, count], and with the labels likeliest by these.

    Raises:
        ExportError: the estimator sums log-odds, and its converted graph does not show them.
    """
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    if isinstance(calibrator, Temperature) and count == TWO_LABELS:
        calibrator = calibrator.sigmoid
    margins = _output_margins(model, count) if sums_log_odds else None
    log_odds_constants, log_odds = _log_odds(count, has_margins=margins is not None)
    constants, nodes = _constants_and_nodes(calibrator)
    calibration = parser.parse_model(
        MODEL.format(
            ir_version=model.ir_version,
            opset=opsets[""],
            ml_opset=opsets[trees.DOMAIN],
            type=ELEMENT_TYPES[model.graph.output[-1].type.tensor_type.elem_type],
            count=count,
            constants=f"{log_odds_constants}, {constants}",
            nodes=log_odds + nodes,
        )
    )
    raw = compose.add_prefix(model, RAW, rename_inputs=False)
    return compose.merge_models(
        raw,
        calibration,
        io_map=[(RAW + (margins or PROBABILITIES), RAW_INPUT)],
        outputs=[LABELS, PROBABILITIES],
        name=model.graph.name,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
    )


def _output_margins(model: ModelProto, count: int) -> str:
    margins = linear.output_margins(model, count) or trees.output_margins(model, count)
    if margins is None:
        raise ExportError("The converted model has no log-odds to calibrate.")
    return margins


def _log_odds(count: int, *, has_margins: bool) -> tuple[str, str]:
    """Return constants and nodes in ONNX's text format: from margins or shares [N, count] to log-odds."""
    if not has_margins:
        shrinkage, proportion = _braced([SHRINKAGE]), _braced([1 - 2 * SHRINKAGE])
        limits = "double zero = {0}, double one = {1}"
        return (
            f"{limits}, double shrinkage = {shrinkage}, double proportion = {proportion}",
            LOG_ODDS_OF_SHARES,
        )
    if count == TWO_LABELS:
        return f"double[2] signs = {_braced([-1, 1])}", LOG_ODDS_OF_TWO_MARGINS
    others = (1 - np.eye(count)).ravel()
    return (
        f"double[{count}, {count}] others = {_braced(others)}, double smallest = {_braced([SMALLEST])}",
        LOG_ODDS_OF_MANY_MARGINS,
    )


def _constants_and_nodes(calibrator: Calibrator) -> tuple[str, str]:
    """Return both in ONNX's text format: from log-odds to scores, which are normalized afterwards."""
    match calibrator:
        case Sigmoid():
            return f"{_row('slopes', calibrator.slopes)}, {_row('offsets', calibrator.offsets)}", SIGMOID
        case Isotonic():
            curves = calibrator.curves
            starts = np.arange(len(curves)) * curves.shape[1]
            steps = f"double steps = {{{STEPS}}}, double last_step = {{{STEPS - 1}}}, int64 next = {{1}}"
            return f"{steps}, {_row('starts', starts)}, {_row('curves', curves.ravel())}", ISOTONIC
        case Temperature():
            return f"double exponent = {_braced([calibrator.exponent])}", TEMPERATURE
    raise TypeError(f"there is no ONNX for {calibrator}")


def _row(name: str, numbers: npt.NDArray[np.number]) -> str:
    return f"double[{len(numbers)}] {name} = {_braced(numbers)}"


def _braced(numbers: Sequence[float] | npt.NDArray[np.number]) -> str:
    return f"{{{', '.join(format(float(number), '.17g') for number in numbers)}}}"
