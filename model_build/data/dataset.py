"""The rows of a spec: read from the first source that answers, cleaned, and validated like requests."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from app.core.column_names import normalize_column_name
from app.core.contract import Positions, Target
from app.core.errors import Problem
from app.core.features import Feature
from app.core.validation import LATER_ROWS
from app.core.values import Value
from model_build.artifacts import Cleaning, file_sha256
from model_build.data.carried import NOTHING, Carried, RowSections, carried_columns, read_carried
from model_build.data.packed_rows import FrameRows, PackedRows, validate_rows
from model_build.data.raw_rows import RawRows, read_source
from model_build.data.row_files import read_rows
from model_build.data.synthetic_census import GENERATORS
from model_build.data.synthetic_rows import draw_rows
from model_build.data.tables import number_rows
from model_build.errors import DataError, SourceError
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Reference
from model_build.spec.source import SourceMode
from model_build.text import EXAMPLES, format_value


@dataclass(frozen=True)
class Dataset:
    """Rows that the service would accept, with their labels."""

    rows: PackedRows
    labels: Positions
    """The position of each row's label in the target's labels."""
    carried: Carried = NOTHING

    def __add__(self, other: Self) -> Self:
        return replace(
            self,
            rows=self.rows + other.rows,
            labels=np.concatenate([self.labels, other.labels]),
            carried=self.carried + other.carried,
        )

    def take(self, positions: Positions) -> Self:
        return replace(
            self,
            rows=self.rows.take(positions),
            labels=self.labels[positions],
            carried=self.carried.take(positions),
        )


def fetch_rows(
    spec: ModelSpec, source_mode: SourceMode, directory: Path, warn: Callable[[str], None]
) -> tuple[pd.DataFrame, Origin]:
    """Return the rows of `spec` as text: real, synthetic, or (auto) synthetic if no source answers.

    Raises:
        SourceError: no source answered, or the spec declares no generator.
        DataError: the source has no table with the columns of the spec.
    """
    if source_mode == "synthetic":
        return _generate(spec)
    try:
        raw = _read_first(spec, directory)
    except SourceError as error:
        if source_mode == "real" or spec.data.synthetic is None:
            raise
        warn(f"No real data: {error}\nTHE MODEL WILL BE TRAINED ON SYNTHETIC DATA. Do not release it.")
        return _generate(spec)
    _match_columns(raw.frame, spec, raw.name)
    if spec.split.file is None:
        return raw.frame, raw.origin
    return _add_test_rows(raw, read_source(spec.split.file, spec, directory), spec)


def _add_test_rows(raw: RawRows, test: RawRows, spec: ModelSpec) -> tuple[pd.DataFrame, Origin]:
    """Return the rows of the source, and after them those of the test file."""
    _match_columns(test.frame, spec, test.name)
    frame = pd.concat([raw.frame, test.frame]).fillna("")
    first = len(raw.frame) + 1
    return number_rows(frame), raw.origin.model_copy(
        update={
            "test_from": first,
            "test_sha256": test.origin.sha256,
            "files": (*raw.origin.files, *test.origin.files),
        }
    )


def fetch_reference(spec: ModelSpec, config: Reference, directory: Path) -> pd.DataFrame:
    """Return the clean rows of the reference.

    Raises:
        SourceError: the source did not answer.
        DataError: the source has no table with the columns of the spec, or has no rows.
    """
    if config.source is None:
        raw, origin = _generate(spec)
        return clean(raw, _without_carried(spec), origin.uri)[0]
    spec = _without_carried(spec)
    reference = read_source(config.source, spec, directory)
    if reference.frame.empty:
        raise DataError(f"{reference.name} has no rows.")
    return clean(reference.frame, spec, reference.name)[0]


def _without_carried(spec: ModelSpec) -> ModelSpec:
    """Return the spec of rows that are neither split nor weighted."""
    split = spec.split.model_copy(update={"by": None, "groups": None})
    return spec.model_copy(update={"split": split, "weight": None})


def _generate(spec: ModelSpec) -> tuple[pd.DataFrame, Origin]:
    config = spec.data.synthetic
    if config is None:
        raise SourceError(f"{spec.name} declares no synthetic generator (data.synthetic).")
    uri = f"synthetic:{config.generator or spec.name}?rows={config.rows}&seed={config.seed}"
    if config.generator:
        frame = GENERATORS[config.generator](config.rows, config.seed)
    else:
        frame = draw_rows(spec, config).rename(columns=normalize_column_name)
    frame.index += 1
    return frame, Origin(source="synthetic", uri=uri, sha256=None)


def _read_first(spec: ModelSpec, directory: Path) -> RawRows:
    errors: list[str] = []
    for source in spec.data.sources:
        try:
            return read_source(source, spec, directory)
        except SourceError as error:
            errors.append(str(error))
    raise SourceError("; ".join(errors))


def clean(
    raw: pd.DataFrame, spec: ModelSpec, origin: str, test_from: int | None = None
) -> tuple[pd.DataFrame, Cleaning]:
    """Return the columns of the spec with values as in a request, and a record of the cleaning.

    Text is stripped, missing markers and empty text become None, labels are merged, and exact duplicates are
    dropped if the spec says so: rows with equal values, and equal text in all columns that the spec does not
    know, such as an id, and in the label before it is merged. A value that is not valid for its feature
    stays, for the checks to report. The index stays the number of the row in the file. From the row
    `test_from` on, they are of the test file: a row that equals one of the other file is no duplicate.
    """
    columns = _match_columns(raw, spec, origin)
    values = {
        feature.name: _parse_column(feature, raw[columns[feature.name]].astype(str))
        for feature in spec.features
    }
    texts = raw[columns[spec.target.name]].astype(str).str.strip()
    spelled = texts.map({text: spec.target.spell_label(text) for text in texts.unique()})
    labels = spelled.map({text: spec.target.read_label(text) for text in spelled.unique()})
    carried = {name: _strip(raw[columns[name]]) for name in carried_columns(spec)}
    frame = pd.DataFrame({**values, spec.target.name: labels, **carried}, copy=False)
    unknown = [column for column in raw.columns if column not in columns.values()]
    others = raw[unknown].astype(str).apply(lambda column: column.str.strip())
    lines = pd.concat([frame.assign(**{spec.target.name: spelled}), others], axis="columns")
    duplicated, overlap = _find_duplicates(lines, test_from)
    remaining = frame[~duplicated] if spec.data.drop_duplicates else frame
    remaining, replaced = _replace_values(remaining, spec.features)
    return remaining, Cleaning(
        rows_read=len(frame),
        rows=len(remaining),
        duplicates=int(duplicated.sum()),
        duplicate_rows=tuple(frame.index[duplicated][:EXAMPLES]),
        overlap=overlap,
        unknown_columns=tuple(sorted(set(unknown) - _id_columns(spec))),
        missing={feature.name: int(frame[feature.name].isna().sum()) for feature in spec.features},
        replaced=replaced,
        merged_labels=_count_merged(spelled, spec.target),
    )


def _count_merged(spelled: "pd.Series[str]", target: Target) -> dict[str, dict[str, int]]:
    """Return, for each label, how many rows have each of the labels of the file that it stands for."""
    counts = spelled.value_counts()
    return {
        label: {name: int(counts.get(name, 0)) for name in names} for label, names in target.merge.items()
    }


def _replace_values(frame: pd.DataFrame, features: Sequence[Feature]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return rows in which every value that a feature replaces is the other one, and how many there were."""
    columns, counts = {}, {}
    for feature in features:
        if not feature.may_replace:
            continue
        cells = frame[feature.name].to_numpy(object).tolist()
        stands = {cell: feature.replace(cell) for cell in set(cells)}
        replaced = {cell: stand.value for cell, stand in stands.items() if stand is not None}
        if replaced:
            counts[feature.name] = sum(cell in replaced for cell in cells)
            values = [replaced.get(cell, cell) for cell in cells]
            columns[feature.name] = pd.Series(values, frame.index, dtype=object)
    return frame.assign(**columns), counts


def _find_duplicates(lines: pd.DataFrame, test_from: int | None) -> tuple["pd.Series[bool]", int]:
    """Return which lines equal an earlier one of their file, and how many test rows equal another row."""
    if test_from is None:
        return lines.duplicated(), 0
    is_test = lines.index >= test_from
    duplicated = pd.concat([lines[~is_test].duplicated(), lines[is_test].duplicated()])
    return duplicated, int((lines.duplicated() & ~duplicated).sum())


def _strip(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return text without the space around it, and None for none."""
    texts = column.astype(str).str.strip().to_numpy(object).tolist()
    return pd.Series([text or None for text in texts], column.index, dtype=object)


def _id_columns(spec: ModelSpec) -> set[str]:
    """Return the spellings of the ids, which are not read."""
    return {normalize_column_name(name) for one in spec.ids for name in one.names}


def _match_columns(raw: pd.DataFrame, spec: ModelSpec, origin: str) -> dict[str, str]:
    """Return the column of each feature and of the target, under its name or an alias.

    Raises:
        DataError: a feature or the target has no column, or more than one.
    """
    names_of = {feature.name: feature.names for feature in spec.features}
    names_of |= {spec.target.name: (spec.target.name,), **carried_columns(spec)}
    matched: dict[str, str] = {}
    problems: list[str] = []
    present = raw.columns.tolist()  # pandas takes long to iterate over its own text
    for name, names in names_of.items():
        spellings = {normalize_column_name(alias) for alias in names}
        columns = [column for column in present if column in spellings]
        if len(columns) == 1:
            matched[name] = columns[0]
        else:
            problems.append(f"{'more than one' if columns else 'no'} column {' or '.join(names)}")
    if problems:
        raise DataError(f"{origin} has {', '.join(problems)}; it has {', '.join(raw.columns)}")
    return matched


def read_clean(path: Path, spec: ModelSpec) -> pd.DataFrame:
    """Return clean rows that `write_rows` wrote, with their values."""
    return _parse_columns(read_rows(path), spec.features)


def read_dataset(path: Path, spec: ModelSpec) -> Dataset:
    """Return clean rows that `write_rows` wrote, as the service would read them.

    The stages of a bake read the same two files again and again, so the last two are kept. Nobody may change
    the rows.

    Raises:
        DataError: as `build_dataset` does.
    """
    return _read_dataset(path, file_sha256(path), RowSections.of(spec))


@lru_cache(maxsize=2)
def _read_dataset(path: Path, _sha256: str, sections: RowSections) -> Dataset:
    return _build_dataset(_parse_columns(read_rows(path), sections.features), sections)


def _parse_columns(frame: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    for feature in features:
        frame[feature.name] = _parse_column(feature, frame[feature.name])
    return frame


def _parse_column(feature: Feature, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the values of a column of text, or of values already; each distinct text is parsed once."""
    cells = column.to_numpy(object).tolist()  # pandas takes ten times as long to iterate over its own text
    values = {cell: _parse_cell(feature, cell) for cell in set(cells) if isinstance(cell, str)}
    return pd.Series([values.get(cell, cell) for cell in cells], column.index, dtype=object)


def _parse_cell(feature: Feature, text: str) -> Value:
    """Return the value of a cell; `nan` and `inf` stay text, because a request can't hold them as numbers."""
    text = text.strip()
    value = feature.from_text(text) if text else None
    return text if isinstance(value, float) and not math.isfinite(value) else value


def build_dataset(frame: pd.DataFrame, spec: ModelSpec) -> Dataset:
    """Return clean rows as the service would read them.

    Raises:
        DataError: the service would refuse a value, a label is unknown, or a time, group or weight is
            missing.
    """
    return _build_dataset(frame, RowSections.of(spec))


def _build_dataset(frame: pd.DataFrame, sections: RowSections) -> Dataset:
    features, target = sections.features, sections.target
    if frame.empty:
        raise DataError("There are no rows.")
    try:
        rows = validate_rows(features, FrameRows(frame, [feature.name for feature in features]))
    except Problem as problem:
        raise DataError(_describe_first_error(frame, problem)) from problem
    carried = read_carried(frame, sections)
    return Dataset(rows, _label_positions(frame[target.name], target), carried)


def _describe_first_error(frame: pd.DataFrame, problem: Problem) -> str:
    first, *others = problem.errors
    position, name = first["loc"]
    value = f" is {_format_cell(frame[name].iloc[position])}; it" if name in frame else ""
    more = len(others) + problem.errors_omitted
    sentence = f"Row {frame.index[position]:,}: {name}{value} {first['msg'].replace('M', 'm', 1)}"
    least = "at least " if problem.detail.endswith(LATER_ROWS) else ""
    return sentence + (f" ({least}{more:,} more)" if more else "")


def _format_cell(value: Value) -> str:
    return "missing" if value is None else format_value(value)


def _label_positions(column: "pd.Series[str]", target: Target) -> Positions:
    position_of = {label: position for position, label in enumerate(target.labels)}
    labels = column.to_numpy(object).tolist()
    for row, label in zip(column.index, labels, strict=True):
        if label not in position_of:
            allowed = ", ".join(target.labels)
            raise DataError(f"Row {row:,}: {target.name} is {label!r}; it must be one of {allowed}.")
    return np.array([position_of[label] for label in labels], dtype=np.intp)
