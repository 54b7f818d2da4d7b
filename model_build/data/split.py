"""The split into training rows and test rows."""

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, train_test_split

from app.core.contract import Positions, Target
from model_build.data.carried import NOTHING, Carried, Numbers
from model_build.errors import DataError
from model_build.spec.split import Split
from model_build.text import pluralize

Mask = npt.NDArray[np.bool_]
FINEST = 20
"""Groups are dealt into at most so many equal parts, of which some test."""
FEWEST = 2  # times or groups


@dataclass(frozen=True)
class SplitRows:
    """Row positions; every row is in exactly one of the two."""

    train: Positions
    test: Positions


def split_rows(
    labels: Positions, target: Target, config: Split, carried: Carried = NOTHING, is_test: Mask | None = None
) -> SplitRows:
    """Set rows aside for the test: a share of them, or those of a file of their own, which `is_test` marks.

    Raises:
        DataError: there are too few rows, times or groups, or a label has too few rows.
    """
    if is_test is not None:
        return SplitRows(np.flatnonzero(~is_test), np.flatnonzero(is_test))
    share = config.test or 0.0
    if carried.times is not None:
        return _split_by_time(carried.times, share)
    if carried.groups is not None:
        return _split_by_group(labels, carried.groups, config)
    if config.stratify:
        _check_labels(labels, target)
    _check_sizes(len(labels), len(np.unique(labels)) if config.stratify else 1, share)
    train, test = train_test_split(
        np.arange(len(labels)),
        test_size=share,
        random_state=config.seed,
        stratify=labels if config.stratify else None,
    )
    return SplitRows(train, test)


def _split_by_time(times: Numbers, share: float) -> SplitRows:
    """Let the last rows test; rows of the same time stay together, so the share is the nearest possible."""
    distinct, counts = np.unique(times, return_counts=True)
    if len(distinct) < FEWEST:
        raise DataError("All rows have the same time, so no later ones can test the model.")
    later = len(times) - np.cumsum(counts)[:-1]
    first = distinct[1 + int(np.abs(later - share * len(times)).argmin())]
    order = np.argsort(times, kind="stable")
    return SplitRows(order[times[order] < first], order[times[order] >= first])


def _split_by_group(labels: Positions, groups: Positions, config: Split) -> SplitRows:
    """Let whole groups test, whose rows are about the share, and have about the same shares of the labels."""
    count = len(np.unique(groups))
    if count < FEWEST:
        raise DataError("All rows are of one group, so no other one can test the model.")
    share = Fraction(config.test or 0.0).limit_denominator(min(FINEST, count))
    share = min(max(share, Fraction(1, min(FINEST, count))), 1 - Fraction(1, min(FINEST, count)))
    kind = StratifiedGroupKFold if config.stratify else GroupKFold
    splitter = kind(share.denominator, shuffle=True, random_state=config.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label may have fewer rows than there are parts
        try:
            parts = [rows for _, rows in splitter.split(labels, labels, groups)]
        except ValueError as error:
            raise DataError(f"The rows can't be split by groups: {error}") from error
    test = np.sort(np.concatenate(parts[: share.numerator]))
    return SplitRows(np.setdiff1d(np.arange(len(labels)), test), test)


def _check_labels(labels: Positions, target: Target) -> None:
    for label, rows in zip(
        target.labels, np.bincount(labels), strict=False
    ):  # the last labels may have no rows
        if rows == 1:
            raise DataError(
                f"Only 1 row has {target.name} {label}; the split needs one to train and one to test."
            )


def _check_sizes(rows: int, minimum: int, share: float) -> None:
    test = math.ceil(share * rows)
    train = rows - test
    if min(train, test) < minimum:
        reason = ", one for every label" if minimum > 1 else ""
        raise DataError(
            f"{pluralize(rows, 'row')} can't be split: split.test {share:g} leaves {train} to train "
            f"and {test} to test; each part needs at least {minimum}{reason}."
        )
