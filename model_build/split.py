"""Which rows train and which test."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from app.contract import Positions
from model_build.errors import DataError
from model_build.spec import Split


@dataclass(frozen=True)
class Parts:
    """Row positions; together they are all rows, each once."""

    train: Positions
    test: Positions


def split(labels: Positions, how: Split) -> Parts:
    """Set a share of the rows aside for the test, with the same share of every label when stratified."""
    try:
        train, test = train_test_split(
            np.arange(len(labels)),
            test_size=how.test,
            random_state=how.seed,
            stratify=labels if how.stratify else None,
        )
    except ValueError as error:
        raise DataError(f"The rows can't be split into train and test: {error}") from error
    return Parts(train, test)
