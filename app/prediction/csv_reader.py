"""CSV with a header line → the matrix that the model reads, and the true labels."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NoReturn

import numpy as np

from app.core.chunks import Work, rows_per_chunk
from app.core.columns import Column, Encoded
from app.core.contract import Contract, Positions
from app.core.csv_table import CsvRows, CsvTable, invalid_rows, open_body
from app.core.decimal_comma import replace_decimal_commas
from app.core.encoders import column_encoder
from app.core.errors import LISTED_ERRORS, Problem
from app.core.ids import LONGEST, Values, read_cell
from app.core.printable import list_some
from app.core.replacements import Replaced
from app.core.text_files import GZIP, TextFileError, transcode
from app.core.validation import RowValidator
from app.core.values import Matrix, Value
from app.prediction.csv_causes import add_causes
from app.prediction.csv_header import CsvHeader, HeaderReader
from app.prediction.csv_options import PLAIN, Options, decompress_body

LONGEST_KEPT = 1000  # characters of a cell


@dataclass(frozen=True)
class CsvData:
    """What a file holds, in the order of its rows."""

    matrix: Matrix
    """float32 [N, columns]; N is at least 1."""
    truth: Positions | None
    """The position of each row's true label; None without the target's column, or without `with_truth`."""
    ids: list[Values]
    """Of each row, if the contract has ids."""
    header: CsvHeader
    kept: list[list[str]]
    """The cells of each row that the answer repeats."""
    replaced: Replaced
    """How many cells were read as something else."""


class CsvReader:
    """Checks and encodes rows by column.

    Only those that are refused go to the validator, which describes what is wrong.
    """

    def __init__(
        self, contract: Contract, validator: RowValidator, max_rows: int, max_bytes: int = 10 * 2**20
    ) -> None:
        self._features = contract.features
        self._target = contract.target
        self._ids = contract.ids
        self._labels = {label: position for position, label in enumerate(contract.target.labels)}
        self._header = HeaderReader(contract)
        self._encode = column_encoder(contract.features, contract.derived)
        self._validator = validator
        self._max_rows = max_rows
        self._max_bytes = max_bytes

    def read_in_chunks(self, body: bytes, *, with_truth: bool, options: Options = PLAIN) -> Work[CsvData]:
        """Return the rows, and the labels if `with_truth`; otherwise the target's column is ignored.

        Raises:
            Problem: 400 for a body that is not CSV, or not in the encoding; 413 for one that is too large
                when decompressed; 422 for wrong columns, cells or labels, for no rows and for too many.
        """
        table = self._open(body, options.encoding)
        header = self._header.read(table.header, table.header_line, options)
        truth: list[int] | None = [] if with_truth and header.target is not None else None
        ids: list[Values] = []
        kept: list[list[str]] = []
        chunks = self._read_chunks(table, header, truth)
        matrices: list[Matrix] = []
        replaced: Replaced = Replaced()
        for rows in chunks:
            if rows.problem:
                raise rows.problem
            encoded = self._encode_rows(rows, header)
            if encoded.refused:
                yield from self._refuse(chain([rows], chunks), header, table.delimiter)
            matrices.append(encoded.codes)
            replaced.update(encoded.replaced)
            ids += self._read_ids(rows, header)
            if header.kept:
                kept += _keep(rows, header)
            yield
        if not matrices:
            yield from self._refuse((), header, table.delimiter)
        matrix = np.concatenate(matrices)
        true_labels = None if truth is None else np.array(truth)
        return CsvData(matrix, true_labels, ids, header, kept, replaced)

    def _open(self, body: bytes, encoding: str) -> CsvTable:
        if body.startswith(GZIP):
            body = decompress_body(body, self._max_bytes)
        try:
            body = transcode(body, encoding)
        except TextFileError as error:
            detail = f"The body is not CSV. {error} Save the table as CSV in UTF-8, and send that."
            raise Problem(400, "invalid-csv", detail) from error
        return open_body(body, self._header.names, self._max_rows)

    def _read_chunks(self, table: CsvTable, header: CsvHeader, truth: list[int] | None) -> Iterator[CsvRows]:
        """Yield the rows up to the first problem; extend `truth`, or ignore the labels if it is None."""
        count = rows_per_chunk(len(header.names)) // 2 or 1
        while (rows := table.read(count)).cells or rows.problem:
            if table.delimiter != ",":
                replace_decimal_commas(rows.cells, header.numbers, table.delimiter)
            for first, other, name in header.twins:
                _refuse_different(rows, first, other, name)
            if truth is not None and header.target is not None:
                truth += self._read_labels(rows, header.target)
            yield rows
            if rows.problem:
                return

    def _read_labels(self, rows: CsvRows, target: int) -> list[int]:
        positions = [
            self._labels.get(self._target.read_label(cells[target].strip()), -1) for cells in rows.cells
        ]
        if -1 in positions:
            unknown = positions.index(-1)
            message = f"Must be one of {list_some([*self._target.meanings])}."
            loc: list[str | int] = ["line", rows.lines[unknown], self._target.name]
            rows.cut(unknown, invalid_rows("literal_error", loc, message))
        return positions

    def _encode_rows(self, rows: CsvRows, header: CsvHeader) -> Encoded:
        columns: list[Column] = [*zip(*rows.cells, strict=True)]
        encoded = self._encode([None if column is None else columns[column] for column in header.features])
        for column in header.ids:
            if column is not None and max(map(len, columns[column])) > LONGEST:
                long = (row for row, cell in enumerate(columns[column]) if len(cell.strip()) > LONGEST)
                encoded = encoded._replace(refused=sorted({*encoded.refused, *long}))
        return encoded

    def _read_ids(self, rows: CsvRows, header: CsvHeader) -> list[Values]:
        if not self._ids:
            return []
        return [
            [None if column is None else read_cell(cells[column]) for column in header.ids]
            for cells in rows.cells
        ]

    def _refuse(self, chunks: Iterable[CsvRows], header: CsvHeader, delimiter: str) -> Work[NoReturn]:
        """Raise the Problem that lists the errors of the first refused rows, or says that there are no rows.

        The validator reads the last row of each chunk too: from a row after the last error that it lists, it
        knows that later rows were not checked.
        """
        suspects: list[list[str]] = []
        lines: list[int] = []
        problem = None
        count = 0
        for rows in chunks:
            refused = self._encode_rows(rows, header).refused if rows.cells else []
            last = len(rows.cells) - 1
            for position in sorted({*refused, last}) if rows.cells else ():
                suspects.append(rows.cells[position])
                lines.append(rows.lines[position])
            problem = rows.problem
            if count >= LISTED_ERRORS:  # in as many rows, so no error of these is listed
                break
            count += len(refused)
            yield
        values = (self._parse(cells, header) for cells in suspects)
        try:
            yield from self._validator.check_one_by_one(_then_raise(values, problem), lines)
        except Problem as described:
            add_causes(described, dict(zip(lines, suspects, strict=True)), header, delimiter)
            raise
        raise AssertionError("the validator accepts all rows that were refused by column")

    def _parse(self, cells: Sequence[str], header: CsvHeader) -> dict[str, Value]:
        columns = zip(header.keys, header.features, self._features, strict=True)
        values = {
            key: feature.from_text(cells[column]) for key, column, feature in columns if column is not None
        }
        ids = zip(self._ids, header.ids, strict=True)
        return values | {one.name: read_cell(cells[column]) for one, column in ids if column is not None}


def _keep(rows: CsvRows, header: CsvHeader) -> Iterator[list[str]]:
    """Yield the cells to repeat of each row; raise Problem 422 for one that is too long to repeat."""
    for cells, line in zip(rows.cells, rows.lines, strict=True):
        kept = [cells[column] for column in header.kept]
        if max(map(len, kept)) > LONGEST_KEPT:
            message = f"A cell that keep= names may have {LONGEST_KEPT} characters."
            raise invalid_rows("too_long", ["line", line], message)
        yield kept


def _refuse_different(rows: CsvRows, first: int, other: int, name: str) -> None:
    """Let the rows end where two columns differ that hold the same thing."""
    for position, cells in enumerate(rows.cells):
        if cells[first].strip() != cells[other].strip():
            message = f"The columns {first + 1} and {other + 1} are both {name}, and differ. Remove one."
            rows.cut(position, invalid_rows("extra_forbidden", ["line", rows.lines[position], name], message))
            return


def _then_raise(rows: Iterable[dict[str, Value]], problem: Problem | None) -> Iterator[dict[str, Value]]:
    yield from rows
    if problem:
        raise problem
