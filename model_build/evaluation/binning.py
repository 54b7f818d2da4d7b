"""The levels of a feature: its categories, false and true, or bands of a number; and missing values."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from app.core.contract import Positions
from app.core.features import Feature
from model_build.text import format_number

MISSING = "missing"

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Levels:
    """The levels of a feature in their order, missing last, and the position of the level of each row."""

    names: tuple[str, ...]
    of_row: Positions


def divide_into_levels(feature: Feature, column: Numbers, bands: int) -> Levels:
    """Divide rows by the encoded values [N] of a feature; a number has quantile bands as levels."""
    if feature.is_categorical:
        return Levels(level_names(feature), column.astype(np.intp))
    values, sizes = np.unique(column[~np.isnan(column)], return_counts=True)
    ends = _ends(values, sizes, bands)
    names = _band_names(values, ends)
    return Levels((*names, MISSING), np.searchsorted(ends, column))  # NaN comes after every end


def divide_at(column: Numbers, cuts: Sequence[float] | Literal["mean"]) -> Levels:
    """Divide rows by the values [N] of a number at ascending cuts, or at the mean of the values."""
    is_missing = np.isnan(column)
    if cuts == "mean":
        mean = float(column[~is_missing].mean(dtype=float)) if not is_missing.all() else 0.0
        ends, shown = [mean], [f"the mean {format_number(mean)}"]
    else:
        ends, shown = list(cuts), [f"{cut:,.15g}" for cut in cuts]
    inner = (f"{low} to below {high}" for low, high in pairwise(shown))
    names = (f"below {shown[0]}", *inner, f"{shown[-1]} or more", MISSING)
    of_row = np.searchsorted(np.array(ends, dtype=np.float32), column, side="right")
    return Levels(names, np.where(is_missing, len(ends) + 1, of_row))


def level_names(feature: Feature) -> tuple[str, ...]:
    """Return the levels in the order of their codes."""
    return feature.levels if feature.missing is None else (*feature.levels, MISSING)


def shortest_decimal(number: np.float32) -> float:
    """Return the shortest decimal that rounds to this float32: 2.51, not 2.50999999."""
    return float(str(number))


def format_float32(number: np.float32) -> str:
    return f"{shortest_decimal(number):,.15g}"


def _ends(values: Numbers, sizes: npt.NDArray[Any], bands: int) -> Numbers:
    """Return the largest value of each band, ascending.

    A value whose rows would fill a band, such as a capital gain of 0, is a band of its own. The runs of
    values between such bands share the other bands in proportion to their rows.
    """
    fills = sizes * bands >= sizes.sum()
    borders = np.flatnonzero(fills[1:] | fills[:-1]) + 1
    runs = np.split(np.arange(len(values)), borders) if len(values) else []
    rows_of_others = max(1, sizes[~fills].sum())
    ends: list[np.float32] = []
    for run in runs:
        count = max(1, round((bands - fills.sum()) * sizes[run].sum() / rows_of_others))
        upper = np.quantile(
            values[run], np.arange(1, count + 1) / count, weights=sizes[run], method="inverted_cdf"
        )
        ends.extend(upper)
    return np.unique(np.array(ends, dtype=np.float32))


def _band_names(values: Numbers, ends: Numbers) -> list[str]:
    """Name each band by its smallest and largest value, the outermost bands by their inner end."""
    inner = ends[:-1]
    lows = [*values[:1], *values[np.searchsorted(values, inner, side="right")]]
    names: list[str] = []
    for low, high in zip(lows, ends, strict=True):
        if low == high:
            names.append(format_float32(low))
        elif low == values[0]:
            names.append(f"up to {format_float32(high)}")
        elif high == values[-1]:
            names.append(f"above {format_float32(inner[-1])}")
        else:
            names.append(f"{format_float32(low)} to {format_float32(high)}")
    return names
