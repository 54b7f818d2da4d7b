"""The rows of a spec: read from the first source that answers, cleaned, and taken as requests are."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.core.chunks import run_at_once
from app.core.contract import Positions
from app.core.errors import Problem
from app.core.features import Feature, Row, Value
from app.core.validation import RowValidator
from model_build.artifacts import Cleaning, Origin, file_sha256
from model_build.data import sources
from model_build.data.synthetic_census import GENERATORS
from model_build.errors import DataError, SourceError
from model_build.spec.model_spec import ModelSpec, normalize_column_name
from model_build.spec.sections import Reference
from model_build.spec.source import Source, SourceMode
from model_build.text import EXAMPLES, pluralize

ROW = "#"


@dataclass(frozen=True)
class Dataset:
    """Rows that fit the spec, with their labels."""

    rows: Sequence[Row]
    labels: Positions
    """The position of each row's label in the target's labels."""


def fetch_rows(
    spec: ModelSpec, wanted: SourceMode, directory: Path, warn: Callable[[str], None]
) -> tuple[pd.DataFrame, Origin]:
    """Return the rows of `spec` as text: real ones, synthetic ones, or (auto) synthetic if there are no real.

    Raises:
        SourceError: no source answered, or there is no generator.
        DataError: the data are there but are no table.
    """
    if wanted == "synthetic":
        return _synthetic(spec)
    try:
        source, path = _first_that_answers(spec.data.sources, directory)
    except SourceError as error:
        if wanted == "real" or spec.data.synthetic is None:
            raise
        warn(f"No real data: {error}\nTHE MODEL WILL BE TRAINED ON SYNTHETIC DATA. Do not release it.")
        return _synthetic(spec)
    frame = _read_source(path, spec)
    _columns(frame, spec, str(path))
    return frame, Origin(source="real", uri=source.uri, sha256=file_sha256(path))


def fetch_reference(spec: ModelSpec, how: Reference, directory: Path) -> pd.DataFrame:
    """Return the clean rows that the data are compared with.

    Raises:
        SourceError: the reference could not be had.
        DataError: it is no table, or has no rows.
    """
    if how.source is None:
        raw, origin = _synthetic(spec)
        return clean(raw, spec, origin.uri)[0]
    path = sources.fetch_source(how.source, directory)
    raw = _read_source(path, spec)
    if raw.empty:
        raise DataError(f"{path} has no rows.")
    return clean(raw, spec, str(path))[0]


def _synthetic(spec: ModelSpec) -> tuple[pd.DataFrame, Origin]:
    how = spec.data.synthetic
    if how is None:
        raise SourceError(f"{spec.name} declares no synthetic generator (data.synthetic).")
    uri = f"synthetic:{how.generator}?rows={how.rows}&seed={how.seed}"
    frame = GENERATORS[how.generator](how.rows, how.seed)
    frame.index += 1
    return frame, Origin(source="synthetic", uri=uri, sha256=None)


def _first_that_answers(places: Sequence[Source], directory: Path) -> tuple[Source, Path]:
    failures: list[str] = []
    for source in places:
        try:
            return source, sources.fetch_source(source, directory)
        except SourceError as error:
            failures.append(str(error))
    raise SourceError("; ".join(failures))


def _read_source(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Return a CSV file as text, under the names of the spec; a header line is recognised by its names."""
    first, *others = lines = _lines(path)
    header = [normalize_column_name(cell) for cell in first]
    if normalize_column_name(spec.target.name) in header:
        return _numbered(others, header)
    if not spec.data.columns:
        raise DataError(
            f"{path} has no column {spec.target.name} in its first line; it has {', '.join(first)}. "
            "A file without a header line needs data.columns."
        )
    if len(spec.data.columns) != len(first):
        raise DataError(
            f"{path} has no header line with {spec.target.name!r}, "
            f"and {pluralize(len(first), 'column')} where data.columns names {len(spec.data.columns)}"
        )
    return _numbered(lines, [normalize_column_name(name) for name in spec.data.columns])


def _numbered(lines: Sequence[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    """Return text whose index is the number of the row in the file, from 1 on."""
    return pd.DataFrame(lines, index=range(1, len(lines) + 1), columns=columns, dtype=str)


def _lines(path: Path) -> list[list[str]]:
    """Return the cells of every line that is not blank; pandas would fill up a line that is cut short."""
    lines = {number: line for number, line in _numbered_lines(path) if any(line)}
    if not lines:
        raise DataError(f"{path} is empty")
    width = len(next(iter(lines.values())))
    for number, line in lines.items():
        if len(line) != width:
            cells = pluralize(len(line), "cell")
            raise DataError(f"{path} is not a CSV file: line {number:,} has {cells}, not {width}")
    return list(lines.values())


def _numbered_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of every line, with its number; a quoted cell may go on in the lines after it."""
    number = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            for line in reader:
                yield number, line
                number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: line {number:,}: {error}") from error
    except (ValueError, OSError) as error:  # a UnicodeDecodeError is a ValueError
        raise DataError(f"{path} is not a CSV file: {error}") from error


def clean(raw: pd.DataFrame, spec: ModelSpec, origin: str) -> tuple[pd.DataFrame, Cleaning]:
    """Return the columns of the spec, with values as a request holds them, and what was done.

    Text is stripped, markers and empty text become None, exact duplicates go if the spec says so. A value
    that does not fit its feature stays as it is, for the checks to find. The index stays: the number of the
    row in the file.
    """
    columns = _columns(raw, spec, origin)
    frame = pd.DataFrame({name: raw[column].astype(str).str.strip() for name, column in columns.items()})
    for feature in spec.features:
        frame[feature.name] = _values(feature, frame[feature.name])
    repeated = frame.duplicated()
    kept = frame[~repeated] if spec.data.drop_duplicates else frame
    return kept, Cleaning(
        rows_read=len(frame),
        rows=len(kept),
        duplicates=int(repeated.sum()),
        duplicate_rows=tuple(frame.index[repeated][:EXAMPLES]),
        unknown_columns=tuple(sorted(set(raw.columns) - set(columns.values()))),
        missing={feature.name: int(frame[feature.name].isna().sum()) for feature in spec.features},
    )


def _columns(raw: pd.DataFrame, spec: ModelSpec, origin: str) -> dict[str, str]:
    """Return under which column, its name or an alias, each feature and the target are found.

    Raises:
        DataError: some of them are absent, or there twice.
    """
    wanted = {feature.name: feature.names for feature in spec.features} | {
        spec.target.name: (spec.target.name,)
    }
    found: dict[str, str] = {}
    problems: list[str] = []
    for name, names in wanted.items():
        columns = [each for each in raw.columns if each in {normalize_column_name(alias) for alias in names}]
        if len(columns) == 1:
            found[name] = columns[0]
        else:
            problems.append(f"{'more than one' if columns else 'no'} column {' or '.join(names)}")
    if problems:
        raise DataError(f"{origin} has {', '.join(problems)}; it has {', '.join(raw.columns)}")
    return found


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write rows as CSV, with their numbers in the file as the first column."""
    frame.to_csv(path, index_label=ROW)


def read(path: Path) -> pd.DataFrame:
    """Return what `write` wrote, as text; a missing value is empty."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)
    return frame.set_index(frame.pop(ROW).astype(int))


def read_clean(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Return clean rows that `write` wrote, with their values."""
    frame = read(path)
    for feature in spec.features:
        frame[feature.name] = _values(feature, frame[feature.name])
    return frame


def _values(feature: Feature, column: "pd.Series[str]") -> "pd.Series[Any]":
    """Return the values of a column of text; each text is read once, however many rows have it."""
    values = {text: _value(feature, text) for text in column.unique()}
    return pd.Series([values[text] for text in column], column.index, dtype=object)


def _value(feature: Feature, text: str) -> Value:
    """Return the value of a cell; `nan` and `inf` stay text, because they are no numbers to a request."""
    value = feature.from_text(text) if text else None
    return text if isinstance(value, float) and not math.isfinite(value) else value


def build_dataset(frame: pd.DataFrame, spec: ModelSpec) -> Dataset:
    """Return clean rows as the service would take them.

    Raises:
        DataError: a value that the service would refuse, or an unknown label.
    """
    if frame.empty:
        raise DataError("There are no rows.")
    names = [feature.name for feature in spec.features]
    try:
        rows = run_at_once(RowValidator(spec.features).check_in_chunks(frame[names].to_dict("records")))
    except Problem as problem:
        raise DataError(f"There is {_misfit(frame, problem)}") from problem
    return Dataset(rows, _labels(spec, frame))


def _misfit(frame: pd.DataFrame, problem: Problem) -> str:
    first, *others = problem.errors
    position, name = first["loc"]
    value = _shown(frame[name].iloc[position]) if name in frame else "a value"
    more = len(others) + problem.errors_omitted
    sentence = f"{name} {value} in row {frame.index[position]:,}; it {first['msg'].replace('M', 'm', 1)}"
    return sentence + (f" ({more:,} more)" if more else "")


def _shown(value: Value) -> str:
    return f"{value:.15g}" if isinstance(value, float) else repr(value)


def _labels(spec: ModelSpec, frame: pd.DataFrame) -> Positions:
    labels = spec.target.labels
    found = frame[spec.target.name]
    unknown = sorted(set(found) - set(labels))
    if unknown:
        raise DataError(f"There is {spec.target.name} {unknown[0]!r}; allowed are {', '.join(labels)}.")
    return np.array([labels.index(label) for label in found], dtype=np.intp)
