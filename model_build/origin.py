"""source.json: where the rows come from, and what was set aside while they were read."""

from app.core.contract import DataSource, Sha256
from model_build.artifacts import Artifact


class SourceFile(Artifact):
    """A file of the source, or the result of its query, and what was set aside while it was read."""

    name: str
    rows: int
    blank_rows: int
    """Rows with nothing in any cell; they do not count."""
    ignored_columns: tuple[str, ...]
    """Columns without a name and a value, and columns equal to another one of their name."""


class Origin(Artifact):
    """source.json: where the rows come from."""

    source: DataSource
    uri: str
    sha256: Sha256 | None
    """Of the file; of several, of what `sha256sum` prints for them; of a query or a bundled table, rows."""
    files: tuple[SourceFile, ...] = ()
    """None if the rows are synthetic. Rows are numbered through all files, in this order."""
    test_from: int | None = None
    """The number of the first row of the test file, if the spec names one."""
    test_sha256: Sha256 | None = None

    @property
    def blank_rows(self) -> int:
        return sum(file.blank_rows for file in self.files)

    @property
    def ignored_columns(self) -> tuple[str, ...]:
        """The columns that were ignored in any file."""
        return tuple(dict.fromkeys(column for file in self.files for column in file.ignored_columns))
