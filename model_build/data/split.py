"""The split into training rows and test rows."""

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
    """Row positions; every row is in exactly one of the two."""

    train: Positions
    test: Positions


def split_rows(labels: Positions, target: Target, config: Split) -> SplitRows:
    """Set a share of the rows aside for the test; a stratified split takes the same share of every label.

    Raises:
        DataError: there are too few rows, or a label has too few.
    """
    if config.stratify:
        _check_labels(labels, target)
    _check_sizes(len(labels), len(np.unique(labels)) if config.stratify else 1, config.test)
    train, test = train_test_split(
        np.arange(len(labels)),
        test_size=config.test,
        random_state=config.seed,
        stratify=labels if config.stratify else None,
    )
    return SplitRows(train, test)


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
