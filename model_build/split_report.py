"""split.json: how the rows were split."""

from app.core.contract import Sha256
from model_build.artifacts import Artifact
from model_build.spec.split import SplitKind


class SplitSide(Artifact):
    """The rows that train, or those that test."""

    rows: int
    labels: dict[str, int]
    """How many rows have each label."""
    first: str | None = None
    """The earliest time."""
    last: str | None = None
    groups: int | None = None

    def share(self, label: str) -> float:
        return self.labels.get(label, 0) / self.rows


class SplitReport(Artifact):
    kind: SplitKind
    column: str | None
    """Of the time or the group."""
    sentence: str
    train: SplitSide
    test: SplitSide
    overlap: int = 0
    """Rows of the test file that equal a training row."""
    test_sha256: Sha256 | None = None
    """Of the test file."""
