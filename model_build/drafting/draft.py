"""The command `init`: a table becomes a spec that bakes at once."""

import json
import re
import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from model_build import atomic
from model_build.console import Progress
from model_build.drafting import questions
from model_build.drafting.cells import Cells
from model_build.drafting.columns import DraftColumn, draft_column
from model_build.drafting.render import Draft, render_spec
from model_build.drafting.table import Location, Table, read_table
from model_build.drafting.trial import (
    MOST_ROWS,
    Trial,
    TrialRows,
    clean_sample,
    encode_rows,
    find_suspects,
    try_model,
)
from model_build.errors import DataError
from model_build.spec import model_spec
from model_build.spec.json_schema import make_modeline
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DataChecks
from model_build.text import pluralize

LEAK = 0.999
"""ROC AUC above which one feature alone gives the target away, and is left out."""
WEAK = 0.6
"""ROC AUC below which the features hardly tell the labels apart."""
SEED = 42
ESTIMATORS = ("hist_gradient_boosting", "logistic_regression")
"""The first is taken if both are equally good."""


def draft_spec(
    location: Location, out: Path, name: str, target: str | None, ask: questions.Ask, progress: Progress
) -> ModelSpec:
    """Write the spec of a table to `out`, and return it.

    Raises:
        DataError: the file is no table, or no column can be the target.
    """
    with progress.step("read") as notes:
        table = read_table(location)
        cells = table.count_cells()
        size = f"{pluralize(len(table.rows), 'row')}, {pluralize(len(table.names), 'column')}"
        notes.append(f"{location.source.uri}: {size}")
    for remark in table.remarks:
        progress.say(f"  {remark}")
    draft = _describe_table(table, cells, name, target, ask)
    _report_columns(draft, progress)
    sample = table.sample(MOST_ROWS, SEED, draft.target.name)
    if len(sample) < len(table.rows):
        progress.say(f"  tried on {pluralize(len(sample), 'row')}, with all rows of rare labels")
    with progress.step("leakage") as notes:
        spec = model_spec.parse(render_spec(draft).encode(), out)
        frame = clean_sample(spec, sample)
        draft = _judge_suspects(draft, find_suspects(spec, frame))
        notes.extend(draft.remarks or ["no suspects"])
    draft = _choose_estimator(draft, frame, out, progress)
    text = f"{make_modeline(out.parent)}\n{render_spec(draft)}".encode()
    spec = model_spec.parse(text, out)
    atomic.write(out, text)
    return spec


def _choose_estimator(draft: Draft, frame: pd.DataFrame, out: Path, progress: Progress) -> Draft:
    """Try each estimator, and return the draft with the best one and the bound that it keeps.

    If positives are rare, each is tried with and without weights, and the average precision decides: the ROC
    AUC hardly tells such models apart.
    """
    weights = (True, False) if draft.has_rare_positives else (False,)
    drafts = [
        replace(draft, estimator=name, is_weighted=weighted) for name in ESTIMATORS for weighted in weights
    ]
    trials: list[Trial] = []
    data: TrialRows | None = None
    for one in drafts:
        spec = model_spec.parse(render_spec(one).encode(), out)
        with progress.step("try") as notes:
            data = data or encode_rows(spec, frame)
            trials.append(try_model(spec, data))
            notes.append(_describe_trial(one, trials[-1], len(data.labels)))
    scores = [trial.average_precision if draft.has_rare_positives else trial.roc_auc for trial in trials]
    best = scores.index(max(scores))
    if trials[best].roc_auc < WEAK:
        progress.warn(
            f"  The features say little about {draft.target.name}. Is it the right target (--target)?"
        )
    return replace(drafts[best], minimum_roc_auc=trials[best].minimum_roc_auc)


def _describe_trial(draft: Draft, trial: Trial, rows: int) -> str:
    name = f"{draft.estimator}{' with weights' if draft.is_weighted else ''}"
    precision = f", average precision {trial.average_precision:.4f}" if draft.has_rare_positives else ""
    count = pluralize(rows, "row")
    return f"{name}: ROC AUC {trial.roc_auc:.4f}{precision}, by cross-validation of {count}"


def _describe_table(
    table: Table, cells: Mapping[str, Cells], name: str, target_name: str | None, ask: questions.Ask
) -> Draft:
    target = questions.choose_target(cells, target_name, ask)
    columns = [draft_column(name, column) for name, column in cells.items() if name != target.name]
    features = [column for column in columns if column.keys]
    if not features:
        raise DataError(f"No column of {table.source.uri} can be a feature.")
    protected = questions.choose_protected(features, cells, ask) if target.positive else {}
    return Draft(
        name=name,
        source=table.source,
        rows=len(table.rows),
        target=target,
        columns=columns,
        protected=protected,
        keeps_duplicates=table.share_of_duplicates() > DataChecks().maximum_dropped,
    )


def _report_columns(draft: Draft, progress: Progress) -> None:
    for guess in questions.describe_guesses(draft.target, draft.protected):
        progress.say(f"  {guess}")
    for column in draft.ids:
        progress.say(f"  id: {column.name}")
    for column in draft.left_out:
        progress.say(f"  left out: {column.name} {column.comment}")
    if draft.keeps_duplicates:
        progress.say("  many lines are equal; they are kept (data.drop_duplicates)")


def _judge_suspects(draft: Draft, suspects: Mapping[str, float]) -> Draft:
    """Leave out features that give the target away, and allow those that only may."""
    leaks = {name for name, area in suspects.items() if area > LEAK}
    if leaks >= {column.name for column in draft.features}:
        leaks = set()
    kept = {name: area for name, area in suspects.items() if name not in leaks}
    columns = [
        DraftColumn(column.name, "gives the target away") if column.name in leaks else column
        for column in draft.columns
    ]
    remarks = [f"TODO: {name} alone gives the target away, so it is no feature." for name in sorted(leaks)]
    remarks += [
        f"TODO: is {name} known before {draft.target.name}? It alone ranks it with a ROC AUC of {area:.3f}."
        for name, area in kept.items()
    ]
    maximum = 1.0 if any(area > DataChecks().maximum_leakage for area in kept.values()) else None
    protected = {name: group for name, group in draft.protected.items() if name not in leaks}
    return replace(draft, columns=columns, remarks=remarks, maximum_leakage=maximum, protected=protected)


def next_commands(spec: ModelSpec, out: Path) -> list[str]:
    """Return the commands that bake the spec, serve the model and ask it."""
    row = {feature.name: feature.example for feature in spec.features}
    body = shlex.quote(json.dumps(row, ensure_ascii=False))
    return [
        f"python -m model_build bake {shlex.quote(str(out))}",
        "./run.sh",
        f"curl -H 'Content-Type: application/json' -d {body} http://127.0.0.1:8001/predict",
    ]


def to_model_name(text: str) -> str:
    """Return a name of lower case, digits and hyphens: `Adult Data` becomes `adult-data`."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall("[a-z0-9]+", ascii_text)) or "model"
