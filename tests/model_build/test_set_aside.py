"""Whatever a bake drops, merges or ignores, the terminal and the card say so."""

import re
from io import StringIO

import pytest
from rich.console import Console

from model_build.console import Progress
from tests.model_build.conftest import load_spec
from tests.support.bakes import bake
from tests.support.tiny import TINY, loans

GATHERING = TINY.replace("categories: [A, B, C]", "categories: [A, B, C, D], other: {minimum_rows: 20}")
SPEC = f"""{GATHERING.replace("maximum: 20,", "maximum: 19, outside: clip,")}
data_checks: {{ranges: warn, maximum_duplicates: 0.5}}
training: {{clip: {{years: {{high: 0.9}}}}, drop: [secured], resample: over, folds: 2}}
evaluation: {{resamples: 100}}
"""


def dirty_loans() -> str:
    """Return 400 loans with blank lines, an unknown column, duplicates, an invalid value and near numbers."""
    head, *lines = loans().splitlines()
    lines[3] = re.sub(r"^\d+", "99", lines[3])
    lines[4] = "5, 2, D, true, yes"
    lines[5] = "5, 1.0000000001, A, true, yes"
    lines[6] = "5, 1, A, true, yes"
    lines = [f"{line}, shop {number}, " for number, line in enumerate(lines)]
    lines[10:10] = ["", ", , , , , , ", lines[0], lines[0]]
    return "\n".join([f"{head}, shop, ", *lines]) + "\n"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the terminal shows, and the card."""
    directory = tmp_path_factory.mktemp("dirty")
    (directory / "loans.csv").write_text(dirty_loans())
    printed = StringIO()
    progress = Progress(Console(file=printed, width=1000))
    spec = load_spec(directory, SPEC)
    bake(spec, "real", directory / "model", directory, progress, directory / "build")
    return {"terminal": printed.getvalue(), "card": (directory / "model/card.md").read_text()}


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("terminal", "blank rows, which do not count: "),
        ("card", " not counted; "),
        ("terminal", "ignored, because empty or repeated: "),
        ("card", "**Ignored columns:** "),
        ("terminal", "exact duplicates dropped: 2 of 402 rows"),
        ("card", "2 exact duplicates dropped; 1 left out by the data checks"),
        ("terminal", "warning: years: 1 value is above 30 (row 4: 99)"),
        ("terminal", "float32, in which the model computes, merges neighbouring values of rate"),
        ("card", "merges neighbouring values of rate"),
        ("terminal", "1 column is not in the spec and is ignored: shop"),
        ("terminal", "outside 0 to 19, and read as the nearer end (outside: clip)"),
        ("card", "outside 0 to 19, and read as the nearer end (outside: clip)"),
        ("terminal", "rare categories of grade that are read as one: 1"),
        ("card", "In `grade`, 1 rare category is read as one, “(other)”: D."),
        ("terminal", "training.resample: "),
        ("card", "**Resampled:** "),
        ("terminal", "training.clip: values moved to a quantile: years "),
        ("card", "**Clipped:** values moved to a quantile: `years` "),
        ("card", "**Features read:** 3 of 4"),
        ("card", "left out. Every metric"),
    ],
)
def test_what_is_set_aside_is_said(reports: dict[str, str], where: str, sentence: str) -> None:
    assert sentence in reports[where]
