"""The calibration of probabilities, as ONNX around a converted pipeline."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, compose, parser
from scipy.special import logit

from app.core.contract import TWO_LABELS
from app.core.model import LABELS, PROBABILITIES
from model_build.export import trees
from model_build.training.calibration import NEAREST, STEPS, Calibrator, Isotonic, Sigmoid, Temperature

RAW = "raw_"

# Some sums of trees leave the range of 0 to 1 by a rounding error, which is outside of every curve.
MODEL = """
<ir_version: {ir_version}, opset_import: ["" : {opset}, "ai.onnx.ml" : {ml_opset}]>
calibration (float[N, {count}] raw_probabilities) => (int64[N] labels, float[N, {count}] probabilities)
<float zero = {{0}}, float one = {{1}}, int64[1] last = {{1}}, {numbers}> {{
    given = Clip (raw_probabilities, zero, one)
    {nodes}
    total = ReduceSum (scores, last)
    probabilities = Div (scores, total)
    labels = ArgMax <axis = 1, keepdims = 0> (probabilities)
}}
"""
ODDS = """
    rest = Sub (one, given)
    inner = Clip (given, nearest, farthest)
    others = Clip (rest, nearest, farthest)
    log = Log (inner)
    log_others = Log (others)
    odds = Sub (log, log_others)
"""
ODDS_OF_TREES = "odds = Clip (raw_probabilities, nearest, farthest)"
SIGMOID = """
    scaled = Mul (odds, slopes)
    shifted = Add (scaled, offsets)
    scores = Sigmoid (shifted)
"""
ISOTONIC = """
    place = Mul (given, steps)
    floor = Floor (place)
    whole = Min (floor, last_step)
    along = Sub (place, whole)
    from_start = Add (whole, starts)
    start = Cast <to = 7> (from_start)
    end = Add (start, next)
    low = Gather (curves, start)
    high = Gather (curves, end)
    rise = Sub (high, low)
    risen = Mul (rise, along)
    scores = Add (low, risen)
"""
TEMPERATURE = "scores = Pow (given, exponent)"


def calibrate(model: ModelProto, calibrator: Calibrator, count: int) -> ModelProto:
    """Return the model with its probabilities [N, count] calibrated, and the likeliest labels."""
    opsets = {each.domain: each.version for each in model.opset_import}
    if isinstance(calibrator, Temperature) and count == TWO_LABELS:
        calibrator = calibrator.sigmoid
    in_odds = isinstance(calibrator, Sigmoid) and trees.answer_in_odds(model)
    numbers, nodes = _steps(calibrator, in_odds=in_odds)
    calibration = parser.parse_model(
        MODEL.format(
            ir_version=model.ir_version,
            opset=opsets[""],
            ml_opset=opsets[trees.DOMAIN],
            count=count,
            numbers=numbers,
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


def _steps(calibrator: Calibrator, *, in_odds: bool) -> tuple[str, str]:
    """Return the constants and the nodes, in ONNX's own notation, after probabilities or log-odds."""
    match calibrator:
        case Sigmoid():
            nearest, farthest = logit([NEAREST, 1 - NEAREST]) if in_odds else (NEAREST, 1 - NEAREST)
            ends = f"float nearest = {_braced([nearest])}, float farthest = {_braced([farthest])}"
            lines = f"{_row('slopes', calibrator.slopes)}, {_row('offsets', calibrator.offsets)}"
            return f"{ends}, {lines}", (ODDS_OF_TREES if in_odds else ODDS) + SIGMOID
        case Isotonic():
            curves = calibrator.curves
            starts = np.arange(len(curves)) * curves.shape[1]
            numbers = f"float steps = {{{STEPS}}}, float last_step = {{{STEPS - 1}}}, int64 next = {{1}}"
            return f"{numbers}, {_row('starts', starts)}, {_row('curves', curves.ravel())}", ISOTONIC
        case Temperature():
            return f"float exponent = {_braced([calibrator.exponent])}", TEMPERATURE
    raise TypeError(f"there is no ONNX for {calibrator}")


def _row(name: str, numbers: npt.NDArray[np.number]) -> str:
    return f"float[{len(numbers)}] {name} = {_braced(numbers)}"


def _braced(numbers: Sequence[float] | npt.NDArray[np.number]) -> str:
    return f"{{{', '.join(format(float(number), '.9g') for number in numbers)}}}"
