"""CSV with a header line → the matrix that the model reads, and the true labels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

import numpy as np

from app.core.chunks import Work, rows_per_chunk
from app.core.contract import Contract, Positions
from app.core.encoders import column_encoder
from app.core.errors import LISTED_ERRORS, Problem
from app.core.features import Matrix, Value
from app.core.ids import LONGEST, Values, read_cell
from app.core.validation import RowValidator
from app.prediction.csv_header import CsvHeader, HeaderReader
from app.prediction.csv_table import CsvRows, CsvTable, invalid_rows


@dataclass(frozen=True)
class CsvData:
    """What a file holds, in the order of its rows."""

    matrix: Matrix
    """float32 [N, columns]; N is at least 1."""
    truth: Positions | None
    """The position of each row's true label; None without the target's column, or without `with_truth`."""
    ids: list[Values]
    """Of each row, if the contract has ids."""


class CsvReader:
    """Checks and encodes rows by column.

    Only those that are refused go to the validator, which describes what is wrong.
    """

    def __init__(self, contract: Contract, validator: RowValidator, max_rows: int) -> None:
        self._features = contract.features
        self._target = contract.target
        self._ids = contract.ids
        self._labels = {label: position for position, label in enumerate(contract.target.labels)}
        self._read_header = HeaderReader(contract).read
        self._encode = column_encoder(contract.features, contract.derived)
        self._validator = validator
        self._max_rows = max_rows
        self._rows_per_chunk = rows_per_chunk(len(contract.features)) // 2 or 1

    def read_in_chunks(self, body: bytes, *, with_truth: bool) -> Work[CsvData]:
        """Return the rows, and the labels if `with_truth`; otherwise the target's column is ignored.

        Raises:
            Problem: 400 for a body that is not CSV in UTF-8; 422 for wrong columns, cells or labels, for no
                rows and for too many.
        """
        table = CsvTable(body, self._max_rows)
        header = self._read_header(table.header)
        truth: list[int] | None = [] if with_truth and header.target is not None else None
        chunks = self._read_chunks(table, header, truth)
        matrices: list[Matrix] = []
        ids: list[Values] = []
        for rows in chunks:
            if rows.problem:
                raise rows.problem
            matrix, refused = self._encode_rows(rows, header)
            if refused:
                yield from self._refuse(chain([rows], chunks), header)
            matrices.append(matrix)
            ids += self._read_ids(rows, header)
            yield
        if not matrices:
            yield from self._refuse((), header)
        return CsvData(np.concatenate(matrices), None if truth is None else np.array(truth), ids)

    def _read_chunks(self, table: CsvTable, header: CsvHeader, truth: list[int] | None) -> Iterator[CsvRows]:
        """Yield the rows up to the first problem; extend `truth`, or ignore the labels if it is None."""
        while (rows := table.read(self._rows_per_chunk)).cells or rows.problem:
            if truth is not None and header.target is not None:
                truth += self._read_labels(rows, header.target)
            yield rows
            if rows.problem:
                return

    def _read_labels(self, rows: CsvRows, target: int) -> list[int]:
        positions = [self._labels.get(cells[target].strip(), -1) for cells in rows.cells]
        if -1 in positions:
            unknown = positions.index(-1)
            message = f"Must be one of {', '.join(self._target.labels)}."
            loc: list[str | int] = ["line", rows.lines[unknown], self._target.name]
            rows.cut(unknown, invalid_rows("literal_error", loc, message))
        return positions

    def _encode_rows(self, rows: CsvRows, header: CsvHeader) -> tuple[Matrix, list[int]]:
        columns = [*zip(*rows.cells, strict=True)]
        matrix, refused = self._encode([columns[column] for column in header.features])
        for column in header.ids:
            if column is not None and max(map(len, columns[column])) > LONGEST:
                long = (row for row, cell in enumerate(columns[column]) if len(cell.strip()) > LONGEST)
                refused = sorted({*refused, *long})
        return matrix, refused

    def _read_ids(self, rows: CsvRows, header: CsvHeader) -> list[Values]:
        if not self._ids:
            return []
        return [
            [None if column is None else read_cell(cells[column]) for column in header.ids]
            for cells in rows.cells
        ]

    def _refuse(self, chunks: Iterable[CsvRows], header: CsvHeader) -> Work[NoReturn]:
        """Raise the Problem that lists the errors of the first refused rows, or says that there are no rows.

        The validator reads the last row of each chunk too: from a row after the last error that it lists, it
        knows that later rows were not checked.
        """
        suspects: list[dict[str, Value]] = []
        lines: list[int] = []
        problem = None
        count = 0
        for rows in chunks:
            refused = self._encode_rows(rows, header)[1] if rows.cells else []
            last = len(rows.cells) - 1
            for position in sorted({*refused, last}) if rows.cells else ():
                suspects.append(self._parse(rows.cells[position], header))
                lines.append(rows.lines[position])
            problem = rows.problem
            if count >= LISTED_ERRORS:  # in as many rows, so no error of these is listed
                break
            count += len(refused)
            yield
        yield from self._validator.check_one_by_one(_then_raise(suspects, problem), lines)
        raise AssertionError("the validator accepts all rows that were refused by column")

    def _parse(self, cells: Sequence[str], header: CsvHeader) -> dict[str, Value]:
        columns = zip(header.features, self._features, strict=True)
        values = {header.names[column]: feature.from_text(cells[column]) for column, feature in columns}
        ids = (column for column in header.ids if column is not None)
        return values | {header.names[column]: read_cell(cells[column]) for column in ids}


def _then_raise(rows: Iterable[dict[str, Value]], problem: Problem | None) -> Iterator[dict[str, Value]]:
    yield from rows
    if problem:
        raise problem
