"""The rows of a source as text, in columns with normalized names, and what was set aside on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from app.core.column_names import ColumnNames
from app.core.datetime_feature import DatetimeFeature
from app.core.features import RangedFeature
from model_build.data.bundled import load_bundled
from model_build.data.file_sets import fetch_files
from model_build.data.named_table import NamedTable, combine_tables, name_columns
from model_build.data.row_files import compute_rows_checksum
from model_build.data.table_files import read_table_file
from model_build.data.tables import Columns, Lines, ReadOptions, number_rows, replace_commas, to_texts
from model_build.errors import DataError
from model_build.origin import Origin, SourceFile
from model_build.spec.model_spec import ModelSpec
from model_build.spec.source import Source
from model_build.text import pluralize


@dataclass(frozen=True)
class RawRows:
    """Rows as text, in columns with normalized names."""

    frame: pd.DataFrame
    """The index is the number of the row."""
    origin: Origin
    name: str
    """For errors: the path of the file, or the URI of several or of a query."""


def read_source(source: Source, spec: ModelSpec, directory: Path) -> RawRows:
    """Return the rows of a source.

    The first line of a file is a header if it has the target, or most of the columns that the spec names.
    Otherwise the file has the columns of data.columns. Equal columns of one name count once.

    Raises:
        SourceError: the source did not answer.
        DataError: a file is no table, has neither a header nor the columns of the spec, has two different
            columns of one name, or files have different columns.
    """
    reader = _Reader(spec)
    if source.query is not None:
        from model_build.data.database import query_database  # noqa: PLC0415 - SQLAlchemy is slow to import

        columns = query_database(source, directory, reader.date_format)
        tables = {"query": reader.name(columns, source.uri)}
        name, checksum = source.uri, compute_rows_checksum(tables["query"].frame)
    elif source.bundled:
        tables = {source.uri: reader.name(load_bundled(source.bundled), source.uri)}
        name, checksum = source.uri, compute_rows_checksum(tables[source.uri].frame)
    else:
        files = fetch_files(source, directory)
        options = ReadOptions(spec.data.delimiter, spec.data.encoding, source.sheet)
        tables = {file: reader.read(files.root / file, options) for file in files.names}
        name, checksum = files.title or source.uri, files.sha256
    parts = tuple(
        SourceFile(name=part, rows=len(table.frame), blank_rows=table.blank, ignored_columns=table.ignored)
        for part, table in tables.items()
    )
    origin = Origin(source="real", uri=source.uri, sha256=checksum, files=parts)
    return RawRows(combine_tables(tables, source.uri), origin, name)


class _Reader:
    """Reads files by the names and types of a spec."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._names = ColumnNames([*(feature.names for feature in spec.features), (spec.target.name,)])

    def read(self, path: Path, options: ReadOptions) -> NamedTable:
        table = read_table_file(path, self._names, options, self.date_format)
        return self.name(self._to_columns(table, path) if isinstance(table, Lines) else table, str(path))

    def name(self, columns: Columns, origin: str) -> NamedTable:
        return name_columns(columns, self._names, origin)

    def date_format(self, name: str) -> str | None:
        number = self._names.find(name)
        feature = None if number in {None, len(self._spec.features)} else self._spec.features[number or 0]
        return feature.format if isinstance(feature, DatetimeFeature) else None

    def _to_columns(self, lines: Lines, path: Path) -> Columns:
        header, frame = lines.first, lines.rows
        if not self._is_header(header):
            frame = number_rows(pd.concat([to_texts([[header]], len(header)), frame]))
            header = self._declared_columns(path, header)
        if lines.delimiter != ",":
            frame = replace_commas(frame, self._number_columns(header), lines.delimiter)
        return Columns(header, frame, lines.blank)

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Return whether a line has the target, or most columns of the spec."""
        target = len(self._spec.features)
        names = self._names
        return any(names.find(cell) == target for cell in cells) or 2 * names.count(cells) > target + 1

    def _declared_columns(self, path: Path, first: Sequence[str]) -> list[str]:
        """Return the columns of a file without a header; raise DataError if it has another number."""
        columns, target = self._spec.data.columns, self._spec.target.name
        if not columns:
            raise DataError(
                f"{path} has no column {target} in its first line; it has {', '.join(first)}. "
                "A file without a header line needs data.columns."
            )
        if len(columns) != len(first):
            raise DataError(
                f"{path} has no header line with {target!r}; it has {pluralize(len(first), 'column')}, "
                f"and data.columns names {len(columns)}"
            )
        return [*columns]

    def _number_columns(self, header: Sequence[str]) -> list[int]:
        features = enumerate(self._spec.features)
        numbers = {number for number, one in features if isinstance(one, RangedFeature)}
        return [column for column, name in enumerate(header) if self._names.find(name) in numbers]
