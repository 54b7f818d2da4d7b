"""How the model behaves through the code that serves: shapes, invariance, directions, golden rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from app.core.contract import Positions
from app.core.datetime_feature import DatetimeFeature
from app.core.features import (
    LARGEST_NUMBER,
    BooleanFeature,
    CategoryFeature,
    Feature,
    OpenCategoryFeature,
    RangedFeature,
)
from app.core.model import Model
from app.core.values import Matrix, Row, Value
from model_build.data.packed_rows import PackedRows, encode_in_chunks
from model_build.gate_report import BoundResult, GateResult
from model_build.spec.sections import Direction, Golden, Invariance, ModelChecks
from model_build.text import format_value

SAMPLE = 500  # rows
STEPS = 21  # quantiles of a number, its lowest and highest value among them
NAMED = 5
"""The most values that a sentence names."""
NOISE = 1e-5
"""Change of a probability that rounding in float32 can cause, where a curve is steep."""
SUM_TOLERANCE = 1e-5
"""Allowed difference between 1 and the sum of a row's probabilities."""


def check_behaviour(model: Model, checks: ModelChecks, rows: Sequence[Row], seed: int) -> list[GateResult]:
    """Check the predictions for the test rows, and for a sample of them with changed values."""
    probabilities = model.probabilities(encode_in_chunks(model.encode, rows))
    shape = _check_shape(model, probabilities, len(rows))
    if not shape.passed:
        return [shape]
    sample = _sample(model, rows, seed)
    return [
        shape,
        _check_repetition(model, rows, probabilities),
        _check_single_rows(sample, probabilities),
        _check_order(model, rows, probabilities, seed),
        *(_check_invariance(check, sample) for check in checks.invariant),
        *(_check_direction(check, sample) for check in checks.directions),
        *(_check_golden_row(check, model) for check in checks.golden),
    ]


@dataclass(frozen=True)
class Sample:
    """Some of the test rows, for checks that change each of them many times."""

    model: Model
    all_rows: Sequence[Row]
    positions: Positions

    @cached_property
    def rows(self) -> list[Row]:
        return [self.all_rows[position] for position in self.positions]

    @cached_property
    def features(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.model.contract.features}

    def sweep(self, name: str, values: Sequence[Value]) -> Matrix:
        """Return probabilities [N, values, labels]: of each row with each of the values of a feature."""
        changed = [{**row, name: value} for row in self.rows for value in values]
        probabilities = self.model.probabilities(self.model.encode(changed))
        return probabilities.reshape(len(self.positions), len(values), -1)

    def values(self, name: str) -> list[Value]:
        """Return all values of a feature, or numbers in rising order; then None, if it may be missing."""
        feature = self.features[name]
        missing = [] if feature.missing is None else [None]
        match feature:
            case CategoryFeature():
                return [*feature.levels, *missing]
            case OpenCategoryFeature():
                return [*self._texts(feature), *missing]
            case BooleanFeature():
                return [False, True, *missing]
            case RangedFeature():
                return [*self._numbers(feature), *missing]
            case DatetimeFeature():
                return [*self._dates(feature), *missing]

    def _known(self, name: str) -> set[Any]:
        """Return the different values in the test rows, without the missing one."""
        return {row[name] for row in self.all_rows} - {None}

    def _numbers(self, feature: RangedFeature) -> list[float]:
        """Return the ends of the feature's range, if it has one, and quantiles of values in the test rows."""
        known = np.unique([*self._known(feature.name)])
        quantiles = np.quantile(known, np.linspace(0, 1, STEPS), method="nearest") if known.size else known
        ends = [end for end in (feature.minimum, feature.maximum) if abs(end) < LARGEST_NUMBER]
        return sorted({*map(float, ends), *quantiles.tolist()})

    def _texts(self, feature: OpenCategoryFeature) -> list[Value]:
        """Return some values of the test rows, and one that hardly any row has."""
        known = sorted(self._known(feature.name), key=str)
        return [*known[:: max(1, len(known) // STEPS)], f"not {feature.example}"]

    def _dates(self, feature: DatetimeFeature) -> list[Value]:
        """Return quantiles of the dates in the test rows."""
        ordered = sorted(map(str, self._known(feature.name)), key=feature.encode)
        steps = np.linspace(0, len(ordered) - 1, STEPS).astype(int) if ordered else ()
        return [ordered[position] for position in sorted({*steps})]

    def describe_row(self, row: int | np.integer) -> str:
        """Return the number of the test row, counted from 1, that a row of the sample is."""
        return _describe_row(self.positions[row])


def _sample(model: Model, rows: Sequence[Row], seed: int) -> Sample:
    drawn = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    return Sample(model, rows, np.sort(drawn))


def _check_shape(model: Model, probabilities: Matrix, rows: int) -> GateResult:
    name, shape = "probabilities", (rows, len(model.contract.target.labels))
    if probabilities.shape != shape or probabilities.dtype != np.float32:
        actual = f"{probabilities.dtype} {list(probabilities.shape)}"
        return _result(name, False, f"probabilities are {actual}; the service needs float32 {list(shape)}")
    lowest, highest = probabilities.min(axis=1), probabilities.max(axis=1)
    error = np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1)
    sentence = (
        f"probabilities of {rows:,} rows are from {lowest.min():.4g} to {highest.max():.4g} (allowed: "
        f"0 to 1), and their sums differ from 1 by up to {error.max():.1e} (allowed: {SUM_TOLERANCE:g})"
    )
    is_valid = (lowest >= 0) & (highest <= 1) & (error <= SUM_TOLERANCE)
    passed = bool(is_valid.all())
    first = f"; the first row that fails is {_describe_row(is_valid.argmin())}"
    return _result(name, passed, sentence if passed else sentence + first)


def _check_repetition(model: Model, rows: Sequence[Row], probabilities: Matrix) -> GateResult:
    again = model.probabilities(encode_in_chunks(model.encode, rows))
    passed = again.tobytes() == probabilities.tobytes()
    sentence = f"{len(rows):,} rows predicted twice have {'the same' if passed else 'different'} bytes"
    return _result("same bytes again", passed, sentence)


def _check_single_rows(sample: Sample, probabilities: Matrix) -> GateResult:
    model = sample.model
    single = np.concatenate([model.probabilities(model.encode([row])) for row in sample.rows])
    return _compare("batch of one", "one by one", sample, single, probabilities[sample.positions])


def _check_order(model: Model, rows: Sequence[Row], probabilities: Matrix, seed: int) -> GateResult:
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = np.empty_like(probabilities)
    shuffled[order] = model.probabilities(encode_in_chunks(model.encode, PackedRows.pack(rows).take(order)))
    all_rows = Sample(model, rows, np.arange(len(rows)))
    return _compare("row order", "in another order", all_rows, shuffled, probabilities)


def _compare(name: str, manner: str, sample: Sample, actual: Matrix, expected: Matrix) -> GateResult:
    """Compare the predictions for the same rows in another manner."""
    decide = sample.model.contract.target.decide
    labels = int((decide(actual) != decide(expected)).sum())
    moved = np.abs(actual - expected).max(axis=1)
    sentence = (
        f"predicted {manner}, {labels:,} of {len(actual):,} labels differ (allowed: 0), "
        f"and probabilities differ by up to {moved.max():.1e} (allowed: {NOISE:g})"
    )
    passed = not labels and bool(moved.max() <= NOISE)
    worst = f"; the worst is {sample.describe_row(moved.argmax())}"
    return _result(name, passed, sentence if passed else sentence + worst)


def _check_invariance(check: Invariance, sample: Sample) -> GateResult:
    name, values = check.feature, sample.values(check.feature)
    before = sample.model.probabilities(sample.model.encode(sample.rows))
    moved = np.abs(sample.sweep(name, values) - before[:, None, :]).max(axis=2)
    row, value = np.unravel_index(moved.argmax(), moved.shape)
    change = f"{_format(sample.rows[row][name])} to {_format(values[value])}"
    sentence = f"{name} changed to each of {len(values)} values moves the score of {len(moved)} rows"
    example = f"{sample.describe_row(row)} from {change}"
    return _check_bound(f"{name} invariant", sentence, float(moved.max()), check.tolerance, example)


def _check_direction(check: Direction, sample: Sample) -> GateResult:
    name = check.feature
    values = [value for value in check.values or sample.values(name) if value is not None]
    scores = sample.sweep(name, values)[:, :, sample.model.contract.target.positive_index]
    rising = scores if check.score == "rises" else -scores
    against = np.maximum.accumulate(rising, axis=1) - rising
    row, higher = np.unravel_index(against.argmax(), against.shape)
    lower = rising[row, : higher + 1].argmax()
    raised = f"{name} raised through {_format_all(values)}"
    if (scores == scores[:, :1]).all():
        sentence = f"{raised} moves the score of none of {len(scores)} rows, so there was nothing to judge"
        return _result(f"{name} {check.score}", True, sentence, judged=False)
    sentence = f"{raised} {'lowers' if check.score == 'rises' else 'raises'} the score of {len(scores)} rows"
    example = f"{sample.describe_row(row)} from {_format(values[lower])} to {_format(values[higher])}"
    return _check_bound(f"{name} {check.score}", sentence, float(against.max()), check.tolerance, example)


def _check_bound(name: str, sentence: str, largest: float, tolerance: float, example: str) -> GateResult:
    moved = max(0, largest - NOISE)
    bound = BoundResult(key="tolerance", bound=tolerance, value=moved, end=moved)
    passed = moved <= tolerance
    sentence += f" by up to {largest:.4f}; the limit is {tolerance:g}"
    excess = f", exceeded by {largest - tolerance:.3g} in {example}"
    return _result(name, passed, sentence if passed else sentence + excess, bounds=(bound,))


def _check_golden_row(check: Golden, model: Model) -> GateResult:
    target = model.contract.target
    probabilities = model.probabilities(model.encode([check.validated(model.contract.features)]))
    label = target.labels[target.decide(probabilities)[0]]
    probability = float(probabilities[0, target.labels.index(check.label)])
    shortfall = check.minimum_probability - probability
    sentence = (
        f"{check.title}: predicted {label}, expected {check.label}; the probability of "
        f"{check.label} is {probability:.4f} and must be at least {check.minimum_probability:g}"
    )
    sentence += f" but is {shortfall:.3g} too low" if shortfall > 0 else ""
    bound = BoundResult(
        key="minimum_probability", bound=check.minimum_probability, value=probability, end=probability
    )
    passed = label == check.label and shortfall <= 0
    return _result(check.title, passed, sentence, bounds=(bound,))


def _result(
    name: str,
    passed: bool,
    sentence: str,
    *,
    judged: bool = True,
    bounds: tuple[BoundResult, ...] = (),
) -> GateResult:
    return GateResult(
        kind="behaviour", name=name, passed=passed, judged=judged, sentence=sentence, bounds=bounds
    )


def _describe_row(position: int | np.integer) -> str:
    return f"test row {position + 1:,}"


def _format(value: Value) -> str:
    return "missing" if value is None else format_value(value)


def _format_all(values: Sequence[Value]) -> str:
    if len(values) > NAMED:
        return f"{len(values)} values from {_format(values[0])} to {_format(values[-1])}"
    return ", ".join(map(_format, values))
