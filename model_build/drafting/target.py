"""The target of a table: its column, its labels, and which of two is positive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.column_names import normalize_column_name
from app.core.contract import MOST_LABELS, TWO_LABELS
from model_build.drafting.cells import Cells
from model_build.errors import DataError
from model_build.spec.invalid_key import suggest
from model_build.text import pluralize

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
    """Rows without a label."""


def guess_target(columns: Mapping[str, Cells]) -> str:
    """Return the column that is most likely the target."""
    last_first = list(columns)[::-1]
    known = {normalize_column_name(name): name for name in last_first}
    names = [known[name] for name in NAMES if name in known]
    candidates = [*names, *last_first]
    return next((name for name in candidates if _problem(columns[name]) is None), candidates[0])


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
    labels = sorted(cells.counts)
    rarest = min(labels, key=cells.counts.__getitem__)
    total = cells.counts.total()
    if len(labels) > TWO_LABELS:
        return DraftTarget(name, tuple(labels), None, cells.counts[rarest] / total, cells.missing)
    positive = _choose_positive(labels, rarest) if positive is None else positive
    if positive not in labels:
        raise DataError(f"{name} has no label {positive}; it has {' and '.join(labels)}.")
    labels.sort(key=positive.__eq__)
    return DraftTarget(name, tuple(labels), positive, cells.counts[positive] / total, cells.missing)


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
    if rare:
        labels = f"{pluralize(len(rare), 'label')} ({', '.join(rare)})"
        return f"{labels} with fewer than {FEWEST_ROWS} rows. Merge labels, or remove their rows."
    return None


def _choose_positive(labels: Sequence[str], rarest: str) -> str:
    likely = [label for label in labels if label.lower() in POSITIVES]
    return likely[0] if len(likely) == 1 else rarest
