"""The constant answers of the floors: what our service answered to so many rows."""

import os
from pathlib import Path


def by_rows() -> dict[int, bytes]:
    """Read the directory in the variable ANSWERS, whose files are named by the number of rows."""
    return {int(path.name): path.read_bytes() for path in Path(os.environ["ANSWERS"]).iterdir()}
