"""Calibration in ONNX, appended to a converted pipeline."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, compose, parser
from scipy.special import logit

from app.core.contract import TWO_LABELS
from app.core.model import LABELS, PROBABILITIES
from model_build.export import trees
from model_build.training.calibration import MARGIN, STEPS, Calibrator, Isotonic, Sigmoid, Temperature

RAW = "raw_"

# In double, because ONNX Runtime rounds Log, Sigmoid and Pow of float32 differently for one row and for many,
# and an answer must not depend on the rows beside it. A rounding error can take a sum of trees out of the
# range of 0 to 1, in which the curves lie.
MODEL = """
<ir_version: {ir_version}, opset_import: ["" : {opset}, "ai.onnx.ml" : {ml_opset}]>
calibration (float[N, {count}] raw_probabilities) => (int64[N] labels, float[N, {count}] probabilities)
<double zero = {{0}}, double one = {{1}}, int64[1] last = {{1}}, {constants}> {{
    raw = Cast <to = 11> (raw_probabilities)
    clipped = Clip (raw, zero, one)
    {nodes}
    total = ReduceSum (scores, last)
    shares = Div (scores, total)
    probabilities = Cast <to = 1> (shares)
    labels = ArgMax <axis = 1, keepdims = 0> (probabilities)
}}
"""
LOG_ODDS = """
    complement = Sub (one, clipped)
    inner = Clip (clipped, lowest, highest)
    inner_complement = Clip (complement, lowest, highest)
    log = Log (inner)
    log_complement = Log (inner_complement)
    log_odds = Sub (log, log_complement)
"""
TREES_LOG_ODDS = "log_odds = Clip (raw, lowest, highest)"
SIGMOID = """
    scaled = Mul (log_odds, slopes)
    shifted = Add (scaled, offsets)
    scores = Sigmoid (shifted)
"""
ISOTONIC = """
    position = Mul (clipped, steps)
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
TEMPERATURE = "scores = Pow (clipped, exponent)"


def calibrate(model: ModelProto, calibrator: Calibrator, count: int) -> ModelProto:
    """Return the model with calibrated probabilities [N, count], and with the labels likeliest by these."""
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    if isinstance(calibrator, Temperature) and count == TWO_LABELS:
        calibrator = calibrator.sigmoid
    has_log_odds = isinstance(calibrator, Sigmoid) and trees.output_log_odds(model)
    constants, nodes = _constants_and_nodes(calibrator, has_log_odds=has_log_odds)
    calibration = parser.parse_model(
        MODEL.format(
            ir_version=model.ir_version,
            opset=opsets[""],
            ml_opset=opsets[trees.DOMAIN],
            count=count,
            constants=constants,
            nodes=nodes,
        )
    )
    raw = compose.add_prefix(model, RAW, rename_inputs=False)
    return compose.merge_models(
        raw,
        calibration,
        io_map=[(RAW + PROBABILITIES, RAW + PROBABILITIES)],
        outputs=[LABELS, PROBABILITIES],
        name=model.graph.name,
        producer_name=model.producer_name,
        producer_version=model.producer_version,
    )


def _constants_and_nodes(calibrator: Calibrator, *, has_log_odds: bool) -> tuple[str, str]:
    """Return both in ONNX's text format, for a model that outputs probabilities or log-odds."""
    match calibrator:
        case Sigmoid():
            lowest, highest = logit([MARGIN, 1 - MARGIN]) if has_log_odds else (MARGIN, 1 - MARGIN)
            ends = f"double lowest = {_braced([lowest])}, double highest = {_braced([highest])}"
            lines = f"{_row('slopes', calibrator.slopes)}, {_row('offsets', calibrator.offsets)}"
            return f"{ends}, {lines}", (TREES_LOG_ODDS if has_log_odds else LOG_ODDS) + SIGMOID
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
