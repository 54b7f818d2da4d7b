"""Prediction: what the model says of rows."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

from app.core.contract import Target
from app.core.values import Matrix


class Prediction(NamedTuple):
    """Lists and not arrays, because most requests have one row, for which NumPy takes longer than Python."""

    positions: list[int]
    """Of each row's label [N]."""
    probabilities: list[list[float]]
    """Exact float32 numbers [N, labels]."""
    timestamp: str

    @classmethod
    def decide(cls, target: Target, probabilities: Matrix) -> Self:
        """Return the prediction for probabilities [N, labels] that were computed just now."""
        numbers = probabilities.tolist()
        return cls(target.decide_rows(numbers), numbers, datetime.now(UTC).isoformat())

    def rows(self, start: int, end: int) -> Self:
        """Return the prediction for the rows from `start` to `end`."""
        return self.__class__(self.positions[start:end], self.probabilities[start:end], self.timestamp)
