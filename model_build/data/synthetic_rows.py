"""Rows drawn as a spec declares: a distribution for each feature, and labels by the odds that follow."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import log_softmax, logsumexp, softmax
from scipy.stats import truncnorm

from app.core.derived import Derived, compute_columns
from app.core.features import Feature, IntegerFeature, RangedFeature
from app.core.values import number_to_text
from model_build.spec.model_spec import ModelSpec
from model_build.spec.synthetic import COMPUTED, Center, Draw, LabelDraw, Synthetic

Numbers = npt.NDArray[np.float64]
STEPS = 100
"""In which the shares of the labels are met."""


def draw_rows(spec: ModelSpec, config: Synthetic) -> pd.DataFrame:
    """Return rows as text, in the columns of the features and the target; equal arguments give equal rows."""
    rng = np.random.default_rng(config.seed)
    codes = np.empty((config.rows, 0))
    for position, feature in enumerate(spec.features):
        drawn = _draw(feature, config.draws[feature.name], spec.features[:position], codes, rng)
        codes = np.column_stack([codes, drawn])
    texts = {
        feature.name: _write(feature, column, config.draws[feature.name], rng)
        for feature, column in zip(spec.features, codes.T, strict=True)
    }
    labels = _draw_labels(spec, config.labels or LabelDraw(shares={}), codes, rng)
    return pd.DataFrame({**texts, spec.target.name: labels}, dtype=str)


def _draw(
    feature: Feature, draw: Draw, before: Sequence[Feature], codes: Numbers, rng: np.random.Generator
) -> Numbers:
    """Return a value, or the code of a level, for every row of `codes`."""
    rows = len(codes)
    if draw.shares is not None:
        shares = np.array([draw.shares.get(level, 0) for level in feature.levels])
        return np.asarray(rng.choice(len(shares), rows, p=shares / shares.sum()), float)
    assert isinstance(feature, RangedFeature)  # noqa: S101 - the spec was checked
    if draw.uniform is not None:
        values = rng.uniform(*draw.uniform, rows)
    else:
        values = _draw_around(feature, draw, _center(draw.center, before, codes), rng)
    return np.round(values) if isinstance(feature, IntegerFeature) else _shorten(values)


def _draw_around(feature: RangedFeature, draw: Draw, mean: Numbers, rng: np.random.Generator) -> Numbers:
    if draw.normal is not None:
        deviation = draw.normal[1]
        low, high = (feature.minimum - mean) / deviation, (feature.maximum - mean) / deviation
        return np.asarray(truncnorm.rvs(low, high, mean, deviation, random_state=rng))
    deviation = draw.lognormal[1] if draw.lognormal else 1.0
    return np.clip(rng.lognormal(mean, deviation), feature.minimum, feature.maximum)


def _center(center: Center | None, before: Sequence[Feature], codes: Numbers) -> Numbers:
    """Return the mean for every row of `codes`, which may be an expression over its columns."""
    if isinstance(center, str):
        return _evaluate(center, tuple(before), (), codes)
    return np.full(len(codes), float(center or 0))


def _evaluate(
    expression: str, features: tuple[Feature, ...], derived: tuple[Derived, ...], codes: Numbers
) -> Numbers:
    """Return what an expression computes for every row; 0 where it is missing."""
    named = Derived(name=COMPUTED, expression=expression)
    column = compute_columns(features, (*derived, named))(codes)[:, -1]
    numbers: Numbers = np.nan_to_num(column.astype(float))
    return numbers


def _shorten(values: Numbers) -> Numbers:
    """Return numbers with six significant digits, as a file would have them."""
    return np.array([float(f"{value:.6g}") for value in values])


def _write(feature: Feature, column: Numbers, draw: Draw, rng: np.random.Generator) -> list[str]:
    """Return the cells of a column, some of them missing."""
    markers = feature.missing.markers if feature.missing else ()
    texts = [
        feature.levels[int(code)] if feature.levels else str(number_to_text(float(code))) for code in column
    ]
    is_missing = rng.random(len(column)) < draw.missing
    gap = markers[0] if markers else ""
    return [gap if missing else text for text, missing in zip(texts, is_missing, strict=True)]


def _draw_labels(spec: ModelSpec, labels: LabelDraw, codes: Numbers, rng: np.random.Generator) -> list[str]:
    names = spec.target.labels
    odds = np.zeros((len(codes), len(names)))
    for label, expression in labels.effects.items():
        odds[:, names.index(label)] = _evaluate(expression, spec.features, spec.derived, codes)
    shares = np.array([labels.shares.get(name, 0) for name in names])
    chances = _meet_shares(odds, shares / shares.sum())
    chosen = (chances.cumsum(axis=1) < rng.random((len(codes), 1))).sum(axis=1)
    return [names[min(position, len(names) - 1)] for position in chosen]


def _meet_shares(odds: Numbers, shares: Numbers) -> Numbers:
    """Return the chances [rows, labels] that follow from the odds, with constants that meet the shares."""
    has_rows = shares > 0
    with np.errstate(divide="ignore"):
        goal = constants = np.log(shares)
    for _ in range(STEPS):
        # The means are those of logarithms of chances, which may be too small for a number of their own.
        means = logsumexp(log_softmax(odds + constants, axis=1)[:, has_rows], axis=0) - np.log(len(odds))
        constants = constants.copy()
        constants[has_rows] += goal[has_rows] - means
    return np.asarray(softmax(odds + constants, axis=1))
