"""A table with a score and a label in each row, as the evaluation reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from app.core.column_names import normalize_column_name
from app.core.contract import TWO_LABELS, Positions, Target
from app.core.features import CategoryFeature, NumberFeature
from app.core.values import Matrix
from model_build.drafting.cells import MARKERS, Cells, count_cells
from model_build.drafting.table import Table
from model_build.drafting.target import POSITIVES
from model_build.errors import DataError
from model_build.evaluation.binning import MISSING, divide_into_levels
from model_build.evaluation.metrics import ScoredRows
from model_build.text import pluralize

MOST_GROUPS = 100
MOST_NUMBERS = 20
"""A column with more different numbers is divided into bands."""
BANDS = 4
OTHERS = "others"
"""The label of all rows that are not positive, if there are more than two labels."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """What to judge: columns by their names, and what counts as positive."""

    score: str
    label: str
    by: Sequence[str]
    positive: str | None = None
    threshold: float | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    """The group that the others are compared with, by column. Default: the largest."""


@dataclass(frozen=True)
class ScoredTable:
    """The rows that have a score and a label."""

    question: Question
    """With the names as the table has them."""
    scored: ScoredRows
    matrix: Matrix
    """The group of each row, [N, columns]."""
    columns: tuple[CategoryFeature, ...]
    references: Mapping[str, str]
    threshold: float
    """In the unit of the scores."""
    are_probabilities: bool
    left_out: int


def read_scored_rows(table: Table, question: Question) -> ScoredTable:
    """Return the rows of a table that can be judged.

    Raises:
        DataError: there is no such column, or it does not hold what is asked of it.
    """
    cells = _Columns(table)
    question = _spell(question, cells)
    scores, labels = cells.numbers(question.score), cells.texts(question.label)
    is_known = ~np.isnan(scores) & np.array([label is not None for label in labels])
    if not is_known.any():
        raise DataError(f"No row has both {question.score} and {question.label}.")
    rows = np.flatnonzero(is_known)
    scores, known = scores[rows], [str(labels[row]) for row in rows]
    positive = _choose_positive(question, known)
    threshold = _choose_threshold(question, scores)
    target, probabilities = _to_probabilities(question, known, positive, scores, threshold)
    truth = np.array([label == positive for label in known], dtype=np.intp)
    columns, codes = zip(*(_group(name, cells, rows) for name in question.by), strict=True)
    matrix = np.column_stack(codes).astype(np.float32)
    return ScoredTable(
        question=question,
        scored=ScoredRows(target, truth, np.column_stack([1 - probabilities, probabilities])),
        matrix=matrix,
        columns=columns,
        references={
            column.name: _reference(column, of_row, question)
            for column, of_row in zip(columns, codes, strict=True)
        },
        threshold=threshold,
        are_probabilities=_are_probabilities(scores),
        left_out=len(is_known) - len(rows),
    )


def _spell(question: Question, cells: "_Columns") -> Question:
    """Return the question with the names of the table; raise DataError if two of them are one column."""
    score, label, *by = map(cells.spell, (question.score, question.label, *question.by))
    names = [score, label, *by]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"{twice[0]} is named twice; score, label and groups must be different columns.")
    references = {cells.spell(name): group for name, group in question.references.items()}
    unknown = [name for name in references if name not in by]
    if unknown:
        raise DataError(f"{unknown[0]} has a reference group, but --by does not name it.")
    return replace(question, score=score, label=label, by=by, references=references)


class _Columns:
    """The columns of a table by their names, in whatever case."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._positions = {normalize_column_name(name): at for at, name in enumerate(table.names)}

    def spell(self, name: str) -> str:
        """Return the name as the table has it."""
        position = self._positions.get(normalize_column_name(name))
        if position is None:
            raise DataError(f"The table has no column {name}; it has {', '.join(self._table.names)}.")
        return self._table.names[position]

    def texts(self, name: str) -> list[str | None]:
        """Return the cells; None for an empty one and for a marker of a missing value."""
        position = self._positions[normalize_column_name(name)]
        stripped = (str(cell).strip() for cell in self._table.rows.iloc[:, position].tolist())
        return [None if not text or text in MARKERS else text for text in stripped]

    def numbers(self, name: str) -> Numbers:
        different = count_cells(text or "" for text in self.texts(name))
        if different.numbers is None:
            wrong = next(text for text in different.counts if count_cells([text]).numbers is None)
            raise DataError(f"{name} must hold numbers, not {wrong!r}.")
        return np.array([np.nan if text is None else float(text) for text in self.texts(name)])

    def count(self, name: str, rows: Positions) -> Cells:
        texts = self.texts(name)
        return count_cells(texts[row] or "" for row in rows)


def _choose_positive(question: Question, labels: Sequence[str]) -> str:
    """Return the positive label: the one that is asked for, or the one of two that usually is."""
    different = sorted(set(labels))
    listed = ", ".join(different[:MOST_NUMBERS])
    if question.positive is not None:
        if question.positive not in different:
            raise DataError(f"{question.label} has no label {question.positive}; it has {listed}.")
        if len(different) == 1:
            raise DataError(f"Every row has {question.label} {listed}, so there is nothing to tell apart.")
        return question.positive
    if len(different) != TWO_LABELS:
        count = pluralize(len(different), "label")
        raise DataError(f"{question.label} has {count} ({listed}); --positive says which one is scored.")
    likely = [label for label in different if label.lower() in POSITIVES]
    if len(likely) != 1:
        raise DataError(f"{question.label} has the labels {listed}; --positive says which one is scored.")
    return likely[0]


def _are_probabilities(scores: Numbers) -> bool:
    return bool(scores.min() >= 0 and scores.max() <= 1)


def _choose_threshold(question: Question, scores: Numbers) -> float:
    if question.threshold is not None:
        return question.threshold
    if _are_probabilities(scores):
        return 0.5
    raise DataError(
        f"{question.score} is from {scores.min():g} to {scores.max():g}, so it is no probability; "
        "--threshold says from which score on a row counts as positive."
    )


def _to_probabilities(
    question: Question, labels: Sequence[str], positive: str, scores: Numbers, threshold: float
) -> tuple[Target, Numbers]:
    """Return the target, and scores from 0 to 1; other scores keep their order, and 0.5 is the threshold."""
    others = sorted(set(labels) - {positive})
    negative = others[0] if len(others) == 1 else OTHERS if positive != OTHERS else f"not {positive}"
    target = Target(name=question.label, labels=(negative, positive), positive=positive)
    if _are_probabilities(scores) and 0 < threshold < 1:
        return target.model_copy(update={"threshold": threshold}), scores
    return target, _rank_around(scores, threshold)


def _rank_around(scores: Numbers, threshold: float) -> Numbers:
    """Return numbers in the order of the scores: from the threshold on above 0.5, and below it below 0.5."""
    distinct, ranks = np.unique(scores, return_inverse=True)
    below = int(np.searchsorted(distinct, threshold))
    halves = np.concatenate(
        [
            (np.arange(below) + 0.5) / max(below, 1) / 2,
            0.5 + (np.arange(len(distinct) - below) + 0.5) / max(len(distinct) - below, 1) / 2,
        ]
    )
    return np.asarray(halves[ranks])


def _group(name: str, cells: _Columns, rows: Positions) -> tuple[CategoryFeature, Positions]:
    """Return a column as a category, with the code of each row; many numbers become bands."""
    counted = cells.count(name, rows)
    texts = [cells.texts(name)[row] for row in rows]
    if counted.numbers and len(counted.counts) > MOST_NUMBERS:
        return _band(name, np.array([np.nan if text is None else float(text) for text in texts]))
    if len(counted.counts) > MOST_GROUPS:
        raise DataError(
            f"{name} has {len(counted.counts):,} different texts; at most {MOST_GROUPS} are groups."
        )
    levels = sorted(counted.counts, key=float if counted.numbers else str)
    codes = {text: code for code, text in enumerate(levels)}
    return _category(name, levels), np.array([codes.get(text or "", len(levels)) for text in texts])


def _band(name: str, numbers: Numbers) -> tuple[CategoryFeature, Positions]:
    feature = NumberFeature.model_validate(
        {"type": "number", "name": name, "title": name, "minimum": -1.0, "maximum": 1.0, "example": 0.0}
    )
    levels = divide_into_levels(feature, numbers.astype(np.float32), BANDS)
    return _category(name, levels.names[:-1]), levels.of_row


def _category(name: str, levels: Sequence[str]) -> CategoryFeature:
    """Return a category whose last code is that of missing values."""
    if len(levels) < TWO_LABELS:
        raise DataError(f"{name} has fewer than two groups.")
    return CategoryFeature.model_validate(
        {
            "type": "category",
            "name": name,
            "title": name,
            "categories": tuple(levels),
            "example": levels[0],
            "missing": {},
        }
    )


def _reference(column: CategoryFeature, codes: Positions, question: Question) -> str:
    """Return the group that is asked for, or the largest."""
    names = [*column.levels, MISSING]
    present = [names[code] for code in np.unique(codes)]
    reference = question.references.get(column.name)
    if reference is None:
        return names[int(np.bincount(codes).argmax())]
    if reference not in present:
        raise DataError(f"{column.name} has no group {reference}; it has {', '.join(present)}.")
    return reference
