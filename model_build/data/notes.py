"""What was read and set aside, in lines for the terminal."""

from collections.abc import Iterator

from model_build.artifacts import Cleaning
from model_build.origin import Origin
from model_build.text import pluralize


def describe_origin(origin: Origin, rows: int) -> Iterator[str]:
    files = f" of {len(origin.files)} files" if len(origin.files) > 1 else ""
    yield f"{origin.source}: {origin.uri}, {pluralize(rows, 'row')}{files}"
    if origin.blank_rows:
        yield f"blank rows, which do not count: {origin.blank_rows:,}"
    if origin.ignored_columns:
        yield f"ignored, because empty or repeated: {', '.join(origin.ignored_columns)}"


def describe_cleaning(cleaning: Cleaning, *, drops_duplicates: bool) -> Iterator[str]:
    for label, counts in cleaning.merged_labels.items():
        yield f"label {label}: {', '.join(f'{name} {count:,}' for name, count in counts.items())}"
    missing = ", ".join(f"{name} {count:,}" for name, count in cleaning.missing.items() if count)
    yield f"missing values: {missing or 'none'}"
    if drops_duplicates:
        rows = pluralize(cleaning.rows_read, "row")
        yield f"exact duplicates dropped: {cleaning.duplicates:,} of {rows}"
