"""Rows as packed columns; a dictionary, which takes ten times the memory, is made when a row is read."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.core.chunks import run_at_once
from app.core.contract import Positions
from app.core.encoders import EncodeRows
from app.core.errors import Problem
from app.core.features import Feature
from app.core.validation import RowValidator
from app.core.values import Matrix, Row, Value

ROWS_PER_CHUNK = 20_000
"""So many rows are dictionaries at the same time."""
MISSING = type(None)


@dataclass(frozen=True)
class _Column:
    """The cells of a chunk, each of which comes back with its value and type."""

    values: npt.NDArray[Any]
    """One for each cell, or the distinct ones. Among numbers, NaN is None: no valid value is NaN."""
    codes: npt.NDArray[np.int32] | None = None
    """The position of each cell in the distinct values."""

    @classmethod
    def pack(cls, cells: list[Value]) -> Self:
        types = {*map(type, cells)}
        if float in types and types <= {float, MISSING}:
            return cls(np.array(cells, np.float64))
        if types == {int}:
            with suppress(OverflowError):
                return cls(np.array(cells, np.int64))
        if len(types - {MISSING}) == 1:
            code_of = {cell: code for code, cell in enumerate(dict.fromkeys(cells))}
            codes = np.fromiter(map(code_of.__getitem__, cells), np.int32, len(cells))
            return cls(np.array([*code_of], object), codes)
        return cls(np.array(cells, object))

    def cells(self, part: slice) -> list[Value]:
        values = self.values[part] if self.codes is None else self.values[self.codes[part]]
        cells: list[Value] = values.tolist()
        if values.dtype == np.float64 and np.isnan(values).any():
            return [None if cell != cell else cell for cell in cells]  # noqa: PLR0124 - NaN
        return cells


@dataclass(frozen=True)
class _Chunk:
    names: tuple[str, ...]
    rows: int
    columns: tuple[_Column, ...]

    @classmethod
    def pack(cls, rows: Sequence[Row]) -> Self:
        names = tuple(rows[0])
        cells = zip(*(row.values() for row in rows), strict=True)
        return cls(names, len(rows), tuple(_Column.pack([*column]) for column in cells))

    def unpack(self, part: slice) -> list[Row]:
        if not self.columns:
            return [{} for _ in range(self.rows)[part]]
        columns = (column.cells(part) for column in self.columns)
        return [dict(zip(self.names, cells, strict=True)) for cells in zip(*columns, strict=True)]


class PackedRows(Sequence[Row]):
    """Valid rows with the same names in the same order. A row is a new dictionary whenever it is read."""

    def __init__(self, chunks: Sequence[_Chunk]) -> None:
        self._chunks = chunks
        self._ends = [*accumulate(chunk.rows for chunk in chunks)]

    @classmethod
    def pack(cls, rows: Iterable[Row]) -> Self:
        """Return the rows packed, chunk by chunk; rows that are packed stay as they are."""
        if isinstance(rows, cls):
            return rows
        return cls([_Chunk.pack(chunk) for chunk in _in_chunks(rows)])

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Row]:
        for chunk in self._chunks:
            yield from chunk.unpack(slice(None))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            rows = self._read(start, stop) if step > 0 else [*self]
            return rows[::step] if step > 0 else rows[index]
        position = range(len(self))[index]
        return self._read(position, position + 1)[0]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != len(self):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(row == one for row, one in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Self) -> Self:
        return type(self)([*self._chunks, *other._chunks])

    def take(self, positions: Positions) -> Self:
        """Return the rows at the positions, in that order."""
        if not len(positions):
            return type(self)([])
        columns = [self._take_cells(number, positions) for number in range(len(self._chunks[0].names))]
        names, count = self._chunks[0].names, len(positions)
        starts = range(0, count, ROWS_PER_CHUNK)
        packed = [tuple(column[number] for column in columns) for number in range(len(starts))]
        sizes = (min(ROWS_PER_CHUNK, count - start) for start in starts)
        return type(self)([_Chunk(names, size, part) for size, part in zip(sizes, packed, strict=True)])

    def _take_cells(self, number: int, positions: Positions) -> list[_Column]:
        every = chain.from_iterable(chunk.columns[number].cells(slice(None)) for chunk in self._chunks)
        taken = np.fromiter(every, object, len(self))[positions]
        starts = range(0, len(taken), ROWS_PER_CHUNK)
        return [_Column.pack(taken[start : start + ROWS_PER_CHUNK].tolist()) for start in starts]

    def _read(self, start: int, stop: int) -> list[Row]:
        rows: list[Row] = []
        number = bisect_right(self._ends, start)
        while start < stop:
            first = self._ends[number] - self._chunks[number].rows
            rows += self._chunks[number].unpack(slice(start - first, stop - first))
            start, number = self._ends[number], number + 1
        return rows


@dataclass(frozen=True)
class FrameRows(Iterable[Row]):
    """The rows of a table as a request holds them; its cells are Python's own values already."""

    frame: pd.DataFrame
    names: Sequence[str]

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self.frame), ROWS_PER_CHUNK):
            part = self.frame.iloc[start : start + ROWS_PER_CHUNK]
            columns = (part[name].to_numpy(object).tolist() for name in self.names)
            yield from (dict(zip(self.names, cells, strict=True)) for cells in zip(*columns, strict=True))


def validate_rows(features: Sequence[Feature], rows: Iterable[Row]) -> PackedRows:
    """Return rows, which can be read twice, as the service would read them.

    Raises:
        Problem: as `RowValidator.check_in_chunks` does.
    """
    validator = RowValidator(features)
    try:
        chunks = (run_at_once(validator.check_in_chunks(chunk)) for chunk in _in_chunks(rows))
        packed = PackedRows([_Chunk.pack(chunk) for chunk in chunks])
    except Problem:  # its numbers are those of the chunk
        return PackedRows.pack(run_at_once(validator.check_in_chunks(rows)))
    return packed if packed else PackedRows.pack(run_at_once(validator.check_in_chunks(())))


def encode_in_chunks(encode: EncodeRows, rows: Sequence[Row]) -> Matrix:
    """Return the matrix of `encode`, which sees some rows at a time."""
    first = encode(rows[:ROWS_PER_CHUNK])
    if len(rows) <= len(first):
        return first
    matrix = np.empty((len(rows), first.shape[1]), first.dtype)
    matrix[: len(first)] = first
    for start in range(len(first), len(rows), ROWS_PER_CHUNK):
        matrix[start : start + ROWS_PER_CHUNK] = encode(rows[start : start + ROWS_PER_CHUNK])
    return matrix


def _in_chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while chunk := [*islice(rest, ROWS_PER_CHUNK)]:
        yield chunk
