"""The rows of a spec: read from the first source that answers, cleaned, and checked as requests are."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from app.contract import DataSource, Positions
from app.errors import Problem
from app.features import Row, Value
from app.parts import at_once
from app.schemas import RowValidator
from model_build.errors import DataError, SourceError
from model_build.sources import Source, fetch, sha256_of
from model_build.spec import ModelSpec, column_name
from model_build.synthetic import GENERATORS

Wanted = Literal["auto", "real", "synthetic"]


@dataclass(frozen=True)
class Dataset:
    """Clean rows with their labels, and where they came from."""

    source: DataSource
    uri: str
    sha256: str | None
    rows: Sequence[Row]
    labels: Positions
    """The position of each row's label in the target's labels."""
    notes: Sequence[str] = field(default=())
    """What cleaning found and dropped, in sentences."""


def load(spec: ModelSpec, wanted: Wanted, directory: Path, warn: Callable[[str], None]) -> Dataset:
    """Return the rows of `spec`: real ones, synthetic ones, or (auto) synthetic ones if there are no real.

    Raises:
        SourceError: no source answered, or there is no generator.
        DataError: the data are there but are not what the spec says.
    """
    if wanted == "synthetic":
        return _synthetic(spec)
    try:
        return _real(spec, directory)
    except SourceError as error:
        if wanted == "real" or spec.data.synthetic is None:
            raise
        warn(f"No real data: {error}\nTHE MODEL WILL BE TRAINED ON SYNTHETIC DATA. Do not release it.")
        return _synthetic(spec)


def _real(spec: ModelSpec, directory: Path) -> Dataset:
    source, path = _first_that_answers(spec.data.sources, directory)
    frame, notes = clean(_read(path, spec), spec, str(path))
    return _dataset(spec, frame, notes, ("real", source.uri, sha256_of(path)))


def _synthetic(spec: ModelSpec) -> Dataset:
    how = spec.data.synthetic
    if how is None:
        raise SourceError(f"{spec.name} declares no synthetic generator (data.synthetic).")
    uri = f"synthetic:{how.generator}?rows={how.rows}&seed={how.seed}"
    frame, notes = clean(GENERATORS[how.generator](how.rows, how.seed), spec, uri)
    return _dataset(spec, frame, notes, ("synthetic", uri, None))


def _first_that_answers(sources: Sequence[Source], directory: Path) -> tuple[Source, Path]:
    failures: list[str] = []
    for source in sources:
        try:
            return source, fetch(source, directory)
        except SourceError as error:
            failures.append(str(error))
    raise SourceError("; ".join(failures))


def _read(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Return a CSV file as text, under the names of the spec; a header line is recognised by its names."""
    first, *others = lines = _lines(path)
    header = [column_name(cell) for cell in first]
    if column_name(spec.target.name) in header:
        return pd.DataFrame(others, columns=header, dtype=str)
    if len(spec.data.columns) != len(first):
        raise DataError(
            f"{path} has no header line with {spec.target.name!r}, "
            f"and {len(first)} columns where data.columns names {len(spec.data.columns)}"
        )
    return pd.DataFrame(lines, columns=[column_name(name) for name in spec.data.columns], dtype=str)


def _lines(path: Path) -> list[list[str]]:
    """Return the cells of every line that is not blank; pandas would fill up a line that is cut short."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            numbered = [(reader.line_num, line) for line in reader if any(line)]
    except (csv.Error, ValueError, OSError) as error:  # a UnicodeDecodeError is a ValueError
        raise DataError(f"{path} is not a CSV file: {error}") from error
    if not numbered:
        raise DataError(f"{path} is empty")
    width = len(numbered[0][1])
    for number, line in numbered:
        if len(line) != width:
            raise DataError(f"{path} is not a CSV file: line {number:,} has {len(line)} cells, not {width}")
    return [line for _, line in numbered]


def clean(raw: pd.DataFrame, spec: ModelSpec, origin: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns of the spec, with values as a request holds them, and notes on what was done.

    Text is stripped, markers become None, exact duplicates go if the spec says so.
    """
    frame = _columns(raw, spec, origin)
    unused = sorted(set(raw.columns) - {column_name(name) for f in spec.features for name in f.names})
    unused = [name for name in unused if name != column_name(spec.target.name)]
    notes = [f"columns not in the spec, left out: {', '.join(unused)}"] if unused else []
    for feature in spec.features:
        values = [feature.from_text(text) for text in frame[feature.name]]
        frame[feature.name] = pd.Series(values, frame.index, dtype=object)
    missing = {feature.name: int(frame[feature.name].isna().sum()) for feature in spec.features}
    notes += [f"missing values: {', '.join(f'{k} {n:,}' for k, n in missing.items() if n) or 'none'}"]
    if spec.data.drop_duplicates:
        distinct = frame.drop_duplicates()  # the index stays: the number of the row in the file
        notes += [f"exact duplicates dropped: {len(frame) - len(distinct):,} of {len(frame):,} rows"]
        frame = distinct
    return frame, notes


def _columns(raw: pd.DataFrame, spec: ModelSpec, origin: str) -> pd.DataFrame:
    """Find every column of the spec under its name or an alias."""
    wanted = {feature.name: feature.names for feature in spec.features} | {
        spec.target.name: (spec.target.name,)
    }
    found: dict[str, pd.Series[Any]] = {}
    for name, names in wanted.items():
        columns = [each for each in raw.columns if each in {column_name(alias) for alias in names}]
        if len(columns) != 1:
            problem = "has no column" if not columns else "has more than one column"
            raise DataError(f"{origin} {problem} {' or '.join(names)}; it has {', '.join(raw.columns)}")
        found[name] = raw[columns[0]].astype(str).str.strip()
    return pd.DataFrame(found)


def _dataset(
    spec: ModelSpec, frame: pd.DataFrame, notes: Sequence[str], origin: tuple[DataSource, str, str | None]
) -> Dataset:
    source, uri, sha256 = origin
    if frame.empty:
        raise DataError(f"{uri} has no rows")
    names = [feature.name for feature in spec.features]
    try:
        rows = at_once(RowValidator(spec.features).check_in_parts(frame[names].to_dict("records")))
    except Problem as problem:
        raise DataError(f"{uri} has {_misfit(frame, problem)}") from problem
    return Dataset(source, uri, sha256, rows, _labels(spec, frame, uri), notes)


def _misfit(frame: pd.DataFrame, problem: Problem) -> str:
    first, *others = problem.errors
    position, name = first["loc"]
    value = _shown(frame[name].iloc[position]) if name in frame else "a value"
    more = len(others) + problem.errors_omitted
    sentence = f"{name} {value} in row {frame.index[position] + 1:,}; it {first['msg'].replace('M', 'm', 1)}"
    return sentence + (f" ({more:,} more)" if more else "")


def _shown(value: Value) -> str:
    return f"{value:.15g}" if isinstance(value, float) else repr(value)


def _labels(spec: ModelSpec, frame: pd.DataFrame, uri: str) -> Positions:
    labels = spec.target.labels
    found = frame[spec.target.name]
    unknown = sorted(set(found) - set(labels))
    if unknown:
        raise DataError(f"{uri} has {spec.target.name} {unknown[0]!r}; allowed are {', '.join(labels)}")
    return np.array([labels.index(label) for label in found], dtype=np.intp)
