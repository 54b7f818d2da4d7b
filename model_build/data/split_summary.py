"""What a split did, in numbers and in a sentence, for the report."""

import numpy as np
import pandas as pd

from app.core.contract import Positions, Target
from model_build.artifacts import Cleaning
from model_build.data.carried import column_of
from model_build.data.dataset import Dataset
from model_build.data.split import SplitRows
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from model_build.spec.split import Split
from model_build.split_report import SplitReport, SplitSide
from model_build.text import format_percent, pluralize


def summarize_split(
    spec: ModelSpec, split: SplitRows, frame: pd.DataFrame, data: Dataset, cleaning: Cleaning, origin: Origin
) -> SplitReport:
    """Return the report of a split of the clean rows in `frame`, which `data` has as well."""
    train, test = (_side(spec, positions, frame, data) for positions in (split.train, split.test))
    return SplitReport(
        kind=spec.split.kind,
        column=spec.split.by or spec.split.groups,
        sentence=_describe(spec.split, test, cleaning.overlap),
        train=train,
        test=test,
        overlap=cleaning.overlap,
        test_sha256=origin.test_sha256,
    )


def list_notes(report: SplitReport, target: Target) -> list[str]:
    """Return the lines for the terminal."""
    notes = [f"{pluralize(report.train.rows, 'row')} to train, {report.test.rows:,} to test"]
    if report.kind == "random":
        return notes
    notes.append(report.sentence)
    if target.positive is not None:
        sides = (("train", report.train), ("test", report.test))
        shares = ", ".join(f"{format_percent(side.share(target.positive))} to {name}" for name, side in sides)
        notes.append(f"share of {target.name} {target.positive}: {shares}")
    if report.overlap:
        rows = pluralize(report.overlap, "test row")
        notes.append(f"warning: {rows} equal a training row, so the metrics may be too good")
    return notes


def _side(spec: ModelSpec, positions: Positions, frame: pd.DataFrame, data: Dataset) -> SplitSide:
    counts = np.bincount(data.labels[positions], minlength=len(spec.target.labels)).tolist()
    times, groups = data.carried.times, data.carried.groups
    first = last = None
    if times is not None and spec.split.by:
        order = positions[np.argsort(times[positions], kind="stable")]
        cells = column_of(frame, spec.features, spec.split.by)
        first, last = (str(cells.iloc[position]) for position in (order[0], order[-1]))
    return SplitSide(
        rows=len(positions),
        labels=dict(zip(spec.target.labels, counts, strict=True)),
        first=first,
        last=last,
        groups=None if groups is None else len(np.unique(groups[positions])),
    )


def _describe(config: Split, test: SplitSide, overlap: int) -> str:
    match config.kind:
        case "time":
            return f"by the time {config.by}; from {test.first} on, rows test"
        case "groups":
            return f"by groups of {config.groups}, {test.groups:,} of which test"
        case "file":
            uri = config.file.uri if config.file else ""
            return f"the rows of {uri} test, {overlap:,} of which equal a training row"
    return f"{'with the same label shares' if config.stratify else 'at random'}, seed {config.seed}"
