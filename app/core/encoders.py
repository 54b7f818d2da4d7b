"""Rows, or columns of cells → the float32 matrix that the model reads, with its computed columns."""

from collections.abc import Callable, Sequence

import numpy as np

from app.core.columns import Column, ColumnEncoder
from app.core.derived import Derived, compute_columns
from app.core.features import Encoder, Feature, Matrix, Row

Features = tuple[Feature, ...]
EncodeRows = Callable[[Sequence[Row]], Matrix]
EncodeColumns = Callable[[Sequence[Column]], tuple[Matrix, list[int]]]


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

    def encode_columns(columns: Sequence[Column]) -> tuple[Matrix, list[int]]:
        codes, refused = encode(columns)
        return compute(codes), refused

    return encode_columns
