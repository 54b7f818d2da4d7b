"""Which rows train and which test."""

import math
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from app.core.contract import Positions, Target
from model_build.errors import DataError
from model_build.spec.sections import Split
from model_build.text import pluralize


@dataclass(frozen=True)
class SplitRows:
    """Row positions; together they are all rows, each once."""

    train: Positions
    test: Positions


def split_rows(labels: Positions, target: Target, how: Split) -> SplitRows:
    """Set a share of the rows aside for the test, with the same share of every label when stratified.

    Raises:
        DataError: a label, or the whole, has too few rows for that.
    """
    if how.stratify:
        _check_labels(labels, target)
    _check_sizes(len(labels), len(np.unique(labels)) if how.stratify else 1, how.test)
    train, test = train_test_split(
        np.arange(len(labels)),
        test_size=how.test,
        random_state=how.seed,
        stratify=labels if how.stratify else None,
    )
    return SplitRows(train, test)


def _check_labels(labels: Positions, target: Target) -> None:
    for label, rows in zip(target.labels, np.bincount(labels), strict=False):  # the last may have no rows
        if rows == 1:
            raise DataError(
                f"There is only 1 row with {target.name} {label}; "
                "the split needs one to train and one to test."
            )


def _check_sizes(rows: int, least: int, share: float) -> None:
    test = math.ceil(share * rows)
    train = rows - test
    if min(train, test) < least:
        why = ", one of every label" if least > 1 else ""
        raise DataError(
            f"{pluralize(rows, 'row')} can't be split: split.test {share:g} sets {test} aside to test and "
            f"leaves {train} to train; at least {least} must be in each{why}."
        )
