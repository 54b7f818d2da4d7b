"""Rows, or columns of cells → the float32 matrix that the model reads, with its computed columns."""

from collections.abc import Callable, Sequence
from itertools import chain, cycle
from operator import call
from typing import Any

import numpy as np
import numpy.typing as npt

from app.core.columns import Column, ColumnEncoder, Encoded
from app.core.derived import Derived, compute_columns
from app.core.features import Feature, coder
from app.core.values import Matrix, Row

Features = tuple[Feature, ...]
EncodeRows = Callable[[Sequence[Row]], Matrix]
EncodeColumns = Callable[[Sequence[Column | None]], Encoded]


class Encoder:
    """Turns validated rows into the codes of their values: the matrix, unless columns are computed."""

    def __init__(self, features: Sequence[Feature], dtype: type[np.floating[Any]] = np.float32) -> None:
        self._dtype = dtype
        self._code_of = [coder(feature) for feature in features]
        self._widths = frozenset([len(features)])

    def __call__(self, rows: Sequence[Row]) -> npt.NDArray[Any]:
        """Return [N, features] in the dtype. Every row must hold its values in the order of the features.

        Every step of the iteration is C; a comprehension takes half as long again.
        """
        width = len(self._code_of)
        if not self._widths.issuperset(map(len, rows)):  # otherwise the rows after it would be shifted
            raise ValueError(f"every row must have {width} values")
        values = chain.from_iterable([row.values() for row in rows])
        codes = map(call, cycle(self._code_of), values)
        return np.fromiter(codes, self._dtype, len(rows) * width).reshape(-1, width)


def row_encoder(features: Features, derived: tuple[Derived, ...]) -> EncodeRows:
    """Return what encodes valid rows: Encoder itself, if no column is computed."""
    compute = compute_columns(features, derived)
    if not compute.is_needed:
        return Encoder(features)
    encode = Encoder(features, np.float64)
    return lambda rows: compute(encode(rows))


def column_encoder(features: Features, derived: tuple[Derived, ...]) -> EncodeColumns:
    """Return what encodes columns of cells: ColumnEncoder itself, if no column is computed."""
    compute = compute_columns(features, derived)
    if not compute.is_needed:
        return ColumnEncoder(features)
    encode = ColumnEncoder(features, np.float64)

    def encode_columns(columns: Sequence[Column | None]) -> Encoded:
        encoded = encode(columns)
        return encoded._replace(codes=compute(encoded.codes))

    return encode_columns
