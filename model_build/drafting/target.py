"""The target of a table: its column, its labels, and which of two is positive."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.core.column_names import normalize_column_name
from app.core.contract import MOST_LABELS, TWO_LABELS
from model_build.drafting.cells import Cells
from model_build.errors import DataError
from model_build.spec.invalid_key import suggest
from model_build.text import join_first, pluralize

NAMES = (
    "target",
    "label",
    "class",
    "outcome",
    "y",
    "response",
    "churn",
    "churned",
    "default",
    "survived",
    "fraud",
)
"""Usual names of a target, the likeliest first; without one of them, it is the last column."""
POSITIVES = frozenset(
    {"yes", "true", "1", "1.0", "y", "t", "positive", "pos", "fraud", "bad", "malignant", "m"}
)
MOST_NUMBERS = 20
"""A column with more different numbers is measured, not a label."""
OTHER = "other"
"""What rare labels become."""
NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
FEWEST_ROWS = 10
"""Of a label: fewer can't be split into training and test rows and folds."""


@dataclass(frozen=True)
class DraftTarget:
    """What is predicted."""

    name: str
    labels: tuple[str, ...]
    positive: str | None
    """None for more than two labels."""
    share: float
    """Of the positive label, or of the rarest of more than two."""
    missing: int
    """Rows without a label, or with one that has too few rows and can't be merged."""
    merge: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Labels with too few rows, by the label that they become."""


def guess_target(columns: Mapping[str, Cells]) -> str:
    """Return the column that is most likely the target."""
    last_first = list(columns)[::-1]
    known = {normalize_column_name(name): name for name in last_first}
    names = [known[name] for name in NAMES if name in known]
    candidates = [*names, *last_first]
    possible = [name for name in candidates if _problem(columns[name]) is None]
    whole = [name for name in possible if min(columns[name].counts.values()) >= FEWEST_ROWS]
    return next(iter([*whole, *possible, *candidates]))


def find_target(columns: Mapping[str, Cells], name: str) -> str:
    """Return the column of that name, in whatever case; raise DataError if there is none."""
    for column in columns:
        if normalize_column_name(column) == normalize_column_name(name):
            return column
    raise DataError(f"The table has no column {name}{suggest(name, columns)}; it has {', '.join(columns)}.")


def draft_target(name: str, cells: Cells, positive: str | None = None) -> DraftTarget:
    """Return the target; raise DataError if a column can't be one, or has no such positive label."""
    if problem := _problem(cells):
        raise DataError(f"{name} can't be the target: {problem}")
    merge = _merge_rare(cells.counts)
    counts = {label: count for label, count in cells.counts.items() if count >= FEWEST_ROWS}
    for label, rare in merge.items():
        counts[label] = counts.get(label, 0) + sum(cells.counts[one] for one in rare)
    labels = sorted(counts)
    rarest = min(labels, key=counts.__getitem__)
    total = sum(counts.values())
    missing = cells.rows - total
    if len(labels) > TWO_LABELS:
        return DraftTarget(name, tuple(labels), None, counts[rarest] / total, missing, merge)
    positive = _choose_positive(labels, rarest) if positive is None else positive
    if positive not in labels:
        raise DataError(f"{name} has no label {positive}; it has {' and '.join(labels)}.")
    labels.sort(key=positive.__eq__)
    return DraftTarget(name, tuple(labels), positive, counts[positive] / total, missing, merge)


def _merge_rare(counts: Counter[str]) -> dict[str, list[str]]:
    """Return the labels with too few rows by the nearest number, or by `other` if they are texts."""
    rare = sorted(label for label, count in counts.items() if count < FEWEST_ROWS)
    frequent = [label for label in counts if label not in rare]
    merge: dict[str, list[str]] = {}
    if all(map(NUMBER.fullmatch, counts)):
        for label in rare:
            nearest = min(frequent, key=lambda other: abs(float(other) - float(label)))
            merge.setdefault(nearest, []).append(label)
    elif sum(counts[label] for label in rare) >= FEWEST_ROWS and OTHER not in counts:
        merge[OTHER] = rare
    return merge


def _problem(cells: Cells) -> str | None:
    """Return why the column can't be a target."""
    different = len(cells.counts)
    if different < TWO_LABELS:
        return "it has fewer than two labels."
    if cells.numbers and different > MOST_NUMBERS:
        return f"it has {different:,} different numbers, and this product classifies. Make classes of them."
    if different > MOST_LABELS:
        return f"it has {different:,} labels; at most {MOST_LABELS} are possible."
    rare = [label for label, count in cells.counts.items() if count < FEWEST_ROWS]
    if different - len(rare) < TWO_LABELS:
        labels = f"{pluralize(len(rare), 'label')} ({join_first(rare, len(rare))})"
        return f"{labels} of {different:,} with fewer than {FEWEST_ROWS} rows."
    return None


def _choose_positive(labels: Sequence[str], rarest: str) -> str:
    likely = [label for label in labels if label.lower() in POSITIVES]
    return likely[0] if len(likely) == 1 else rarest
