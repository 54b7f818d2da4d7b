"""How the model behaves through the code that serves: shapes, invariance, directions, golden rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.core.contract import Positions
from app.core.features import BooleanFeature, CategoryFeature, Feature, Matrix, RangedFeature, Row, Value
from app.core.model import Model
from model_build.artifacts import GateResult
from model_build.spec.sections import Direction, Golden, Invariance, ModelChecks

SAMPLE = 500  # rows
STEPS = 21  # quantiles of a number, its lowest and highest value among them
LONGEST_LIST = 5
NOISE = 1e-5  # by which rounding in float32 may move a probability, on a steep curve most
LARGEST_SLIP = 1e-5  # of the sum of a row's probabilities from 1


def check_behaviour(model: Model, checks: ModelChecks, rows: Sequence[Row], seed: int) -> list[GateResult]:
    """Ask the model about the test rows, and about a sample of them with changed values."""
    probabilities = model.probabilities(model.encode(rows))
    shape = _shape(model, probabilities, len(rows))
    if not shape.passed:
        return [shape]
    sample = _sample(model, rows, seed)
    return [
        shape,
        _again(model, rows, probabilities),
        _one_by_one(sample, probabilities),
        _shuffled(model, rows, probabilities, seed),
        *(_invariance(check, sample) for check in checks.invariant),
        *(_direction(check, sample) for check in checks.directions),
        *(_golden(check, model) for check in checks.golden),
    ]


@dataclass(frozen=True)
class Sample:
    """Some of the test rows, for checks that ask about each of them many times."""

    model: Model
    all_rows: Sequence[Row]
    positions: Positions

    @cached_property
    def rows(self) -> list[Row]:
        return [self.all_rows[position] for position in self.positions]

    @cached_property
    def features(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.model.contract.features}

    @cached_property
    def judged(self) -> int:
        """The position of the positive label; of more than two labels, of the last."""
        target = self.model.contract.target
        return target.positive_index

    def sweep(self, name: str, values: Sequence[Value]) -> Matrix:
        """Return probabilities [N, values, labels]: each row with each of the values of a feature."""
        changed = [{**row, name: value} for row in self.rows for value in values]
        answers = self.model.probabilities(self.model.encode(changed))
        return answers.reshape(len(self.positions), len(values), -1)

    def values(self, name: str) -> list[Value]:
        """Return all values of a feature, or numbers in rising order; then None, if it may be missing."""
        feature = self.features[name]
        missing = [] if feature.missing is None else [None]
        match feature:
            case CategoryFeature():
                return [*feature.categories, *missing]
            case BooleanFeature():
                return [False, True, *missing]
            case RangedFeature():
                return [*self._numbers(feature), *missing]

    def _numbers(self, feature: RangedFeature) -> list[float]:
        """Return the ends of the feature's range, and quantiles of the values that the test rows have."""
        known = np.unique([row[feature.name] for row in self.all_rows if row[feature.name] is not None])
        quantiles = np.quantile(known, np.linspace(0, 1, STEPS), method="nearest") if known.size else known
        return sorted({float(feature.minimum), *quantiles.tolist(), float(feature.maximum)})

    def place(self, row: int | np.integer) -> str:
        """Say which of the test rows, counted from 1, a row of the sample is."""
        return _place(self.positions[row])


def _sample(model: Model, rows: Sequence[Row], seed: int) -> Sample:
    drawn = np.random.default_rng(seed).permutation(len(rows))[:SAMPLE]
    return Sample(model, rows, np.sort(drawn))


def _shape(model: Model, probabilities: Matrix, rows: int) -> GateResult:
    name, wanted = "probabilities", (rows, len(model.contract.target.labels))
    if probabilities.shape != wanted or probabilities.dtype != np.float32:
        found = f"{probabilities.dtype} {list(probabilities.shape)}"
        return _verdict(name, False, f"{name} are {found}, the service needs float32 {list(wanted)}")
    lowest, highest = probabilities.min(axis=1), probabilities.max(axis=1)
    off = np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1)
    sentence = (
        f"{name} of {rows:,} rows are {lowest.min():.4g} to {highest.max():.4g} and sum to 1 within "
        f"{off.max():.1e}, the service needs 0 to 1, and {LARGEST_SLIP:g}"
    )
    good = (lowest >= 0) & (highest <= 1) & (off <= LARGEST_SLIP)
    kept = bool(good.all())
    return _verdict(name, kept, sentence if kept else f"{sentence}: first broken in {_place(good.argmin())}")


def _again(model: Model, rows: Sequence[Row], probabilities: Matrix) -> GateResult:
    same = model.probabilities(model.encode(rows)).tobytes() == probabilities.tobytes()
    sentence = f"{len(rows):,} rows asked twice have {'the same' if same else 'other'} bytes"
    return _verdict("same bytes again", same, sentence)


def _one_by_one(sample: Sample, probabilities: Matrix) -> GateResult:
    ask, encode = sample.model.probabilities, sample.model.encode
    single = np.concatenate([ask(encode([row])) for row in sample.rows])
    return _same("batch of one", "asked one by one", sample, single, probabilities[sample.positions])


def _shuffled(model: Model, rows: Sequence[Row], probabilities: Matrix, seed: int) -> GateResult:
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = np.empty_like(probabilities)
    shuffled[order] = model.probabilities(model.encode([rows[position] for position in order]))
    everything = Sample(model, rows, np.arange(len(rows)))
    return _same("row order", "asked in another order", everything, shuffled, probabilities)


def _same(name: str, how: str, sample: Sample, found: Matrix, expected: Matrix) -> GateResult:
    """Compare the answers to the same rows, asked in two ways."""
    decide = sample.model.contract.target.decide
    labels = int((decide(found) != decide(expected)).sum())
    moved = np.abs(found - expected).max(axis=1)
    sentence = (
        f"{len(found):,} rows {how} have {labels:,} other labels, and probabilities that differ by at most "
        f"{moved.max():.1e}; the service needs 0 and {NOISE:g}"
    )
    kept = not labels and bool(moved.max() <= NOISE)
    return _verdict(name, kept, sentence if kept else f"{sentence}: worst is {sample.place(moved.argmax())}")


def _invariance(check: Invariance, sample: Sample) -> GateResult:
    name, values = check.feature, sample.values(check.feature)
    before = sample.model.probabilities(sample.model.encode(sample.rows))
    moved = np.abs(sample.sweep(name, values) - before[:, None, :]).max(axis=2)
    row, value = np.unravel_index(moved.argmax(), moved.shape)
    example = f"{sample.place(row)}, from {_shown(sample.rows[row][name])} to {_shown(values[value])}"
    sentence = f"{name} changed to each of {len(values)} values moves the score of {len(moved)} rows"
    return _bounded(f"{name} invariant", sentence, float(moved.max()), check.tolerance, example)


def _direction(check: Direction, sample: Sample) -> GateResult:
    name = check.feature
    values = [value for value in check.values or sample.values(name) if value is not None]
    scores = sample.sweep(name, values)[:, :, sample.judged]
    towards = scores if check.score == "rises" else -scores
    against = np.maximum.accumulate(towards, axis=1) - towards
    row, higher = np.unravel_index(against.argmax(), against.shape)
    lower = towards[row, : higher + 1].argmax()
    example = f"{sample.place(row)}, from {_shown(values[lower])} to {_shown(values[higher])}"
    raised = f"{name} raised through {_listed(values)}"
    if (scores == scores[:, :1]).all():
        sentence = f"{raised} moves no score of {len(scores)} rows, so the check says nothing"
        return _verdict(f"{name} {check.score}", True, sentence, judged=False)
    moves = "lowers" if check.score == "rises" else "raises"
    sentence = f"{raised} {moves} the score of {len(scores)} rows"
    return _bounded(f"{name} {check.score}", sentence, float(against.max()), check.tolerance, example)


def _bounded(name: str, sentence: str, largest: float, tolerance: float, example: str) -> GateResult:
    kept = largest <= tolerance + NOISE
    sentence += f" by at most {largest:.4f}, the check wants at most {tolerance:g}"
    missed = f": {largest - tolerance:.3g} too much in {example}"
    return _verdict(name, kept, sentence if kept else sentence + missed)


def _golden(check: Golden, model: Model) -> GateResult:
    target = model.contract.target
    probabilities = model.probabilities(model.encode([check.validated(model.contract.features)]))
    label = target.labels[target.decide(probabilities)[0]]
    probability = float(probabilities[0, target.labels.index(check.label)])
    kept = label == check.label and probability >= check.minimum_probability
    sentence = (
        f"{check.title}: the answer is {label}, with {probability:.4f} for {check.label}; "
        f"the check wants {check.label} with at least {check.minimum_probability:g}"
    )
    shortfall = check.minimum_probability - probability
    missed = f": {shortfall:.3g} too low" if shortfall > 0 else ""
    return _verdict(check.title, kept, sentence + missed)


def _verdict(name: str, kept: bool, sentence: str, *, judged: bool = True) -> GateResult:
    return GateResult(kind="behaviour", name=name, passed=kept, judged=judged, sentence=sentence)


def _place(position: int | np.integer) -> str:
    return f"test row {position + 1:,}"


def _listed(values: Sequence[Value]) -> str:
    if len(values) > LONGEST_LIST:
        return f"{len(values)} values from {_shown(values[0])} to {_shown(values[-1])}"
    return ", ".join(map(_shown, values))


def _shown(value: Value) -> str:
    return f"{value:,.15g}" if isinstance(value, float) else str(value)
