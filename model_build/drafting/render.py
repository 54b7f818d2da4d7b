"""A draft as the text of a spec, with comments about what a person should look at."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_build.drafting.columns import DraftColumn
from model_build.drafting.target import DraftTarget
from model_build.spec.source import Source
from model_build.text import format_percent, pluralize

PLAIN = re.compile(r"[A-Za-z][\w./+()-]*( [\w./+()-]+)*")
NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Words that some reader of YAML takes for something else than text."""
RARE_POSITIVES = 0.05
"""Share of positives below which weights are tried, and the average precision decides."""


@dataclass(frozen=True)
class Draft:
    """What a spec is written from."""

    name: str
    source: Source
    rows: int
    target: DraftTarget
    columns: Sequence[DraftColumn]
    protected: Mapping[str, str] = field(default_factory=dict)
    """Protected features with their reference groups."""
    keeps_duplicates: bool = False
    maximum_leakage: float | None = None
    """None for the default."""
    estimator: str = "hist_gradient_boosting"
    is_weighted: bool = False
    """Whether rare positives get the weight of the others."""
    minimum_roc_auc: float | None = None
    """None without a gate."""
    remarks: Sequence[str] = ()
    """What the person who reads the spec should know."""

    @property
    def features(self) -> Sequence[DraftColumn]:
        return [column for column in self.columns if column.keys]

    @property
    def ids(self) -> Sequence[DraftColumn]:
        return [column for column in self.columns if column.is_id]

    @property
    def left_out(self) -> Sequence[DraftColumn]:
        return [column for column in self.columns if not column.keys and not column.is_id]

    @property
    def has_rare_positives(self) -> bool:
        return self.target.positive is not None and self.target.share < RARE_POSITIVES


def render_spec(draft: Draft) -> str:
    """Return the whole spec."""
    sections = [
        _head(draft),
        *_features(draft),
        *_ids(draft),
        _target(draft.target),
        *_data_checks(draft),
        "split: {test: 0.3, seed: 42}",
        _estimator(draft),
        *_evaluation(draft),
        *_gates(draft),
    ]
    return "\n\n".join(sections) + "\n"


def to_title(name: str) -> str:
    """Return a name for people: `hours_per_week` becomes `Hours per week`."""
    words = re.sub(r"[_.-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).split()
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]]) if words else name


def _head(draft: Draft) -> str:
    size = f"{pluralize(draft.rows, 'row')}, {pluralize(len(draft.columns) + 1, 'column')}"
    remarks = "".join(f"# {_on_one_line(remark)}\n" for remark in draft.remarks)
    return f"""\
# Drafted from {_on_one_line(draft.source.uri)}: {size}. Look at every TODO.
{remarks}name: {draft.name}
title: {_inline(to_title(draft.name))}
version: 0.1.0
description: {_inline(f"Predicts {to_title(draft.target.name)}.")} # TODO: who asks this, and for what?

data:
  sources: [{_inline(draft.source.model_dump(exclude_none=True))}]{_duplicates(draft)}
  licence: unknown # TODO"""


def _duplicates(draft: Draft) -> str:
    if not draft.keeps_duplicates:
        return ""
    return "\n  drop_duplicates: false # many lines are equal; true drops all but the first of them"


def _features(draft: Draft) -> list[str]:
    lines = [
        "# TODO: give each feature the title that people know, and numbers a unit: {…, unit: years}.",
        "features:",
    ]
    for column in draft.features:
        keys = {"name": column.name, **(column.keys or {})}
        keys["title"] = to_title(column.name)
        comment = f" # {_on_one_line(column.comment)}" if column.comment else ""
        lines.append(f"  - {_inline(keys)}{comment}")
    if draft.left_out:
        lines += ["  # No features:"]
        reasons = {_inline(column.name): _on_one_line(column.comment) for column in draft.left_out}
        lines += [f"  # - {name}: {reason}" for name, reason in reasons.items()]
    return ["\n".join(lines)]


def _ids(draft: Draft) -> list[str]:
    if not draft.ids:
        return []
    lines = ["ids: # not read by the model; the answer repeats them"]
    lines += [f"  - {_inline({'name': column.name, 'title': to_title(column.name)})}" for column in draft.ids]
    return ["\n".join(lines)]


def _target(target: DraftTarget) -> str:
    keys: dict[str, Any] = {"name": target.name, "labels": list(target.labels)}
    comments = ["labels with too few rows are merged"] if target.merge else []
    if target.positive is not None:
        keys["positive"] = target.positive
        comments.append(f"{format_percent(target.share)} of the rows are positive")
    if target.merge:
        keys["merge"] = target.merge
    return f"target: {_inline(keys)}" + (f" # {'; '.join(comments)}" if comments else "")


def _data_checks(draft: Draft) -> list[str]:
    lines = []
    if draft.maximum_leakage is not None:
        lines.append(f"  maximum_leakage: {draft.maximum_leakage:g} # TODO: see above")
    if draft.target.missing:
        rows = pluralize(draft.target.missing, "row")
        lines.append(f"  labels: warn # {rows} without one of the labels are left out")
    return ["\n".join(["data_checks:", *lines])] if lines else []


def _estimator(draft: Draft) -> str:
    parameters: dict[str, Any] = {} if draft.estimator == "hist_gradient_boosting" else {"max_iter": 1000}
    if draft.is_weighted:
        parameters["class_weight"] = "balanced"
    keys = {"name": draft.estimator, **({"parameters": parameters} if parameters else {})}
    lines = [f"estimator: {_inline(keys)}"]
    if draft.has_rare_positives:
        words = "Weights" if draft.is_weighted else "No weights"
        lines.insert(
            0, f"# Positives are rare. {words} had the better average precision; see docs/imbalance.md."
        )
        lines.append("training: {threshold: f1}")
    return "\n".join(lines)


def _evaluation(draft: Draft) -> list[str]:
    if not draft.protected:
        return []
    return [
        "# TODO: protected features, each with the group that the others are compared with.\n"
        f"evaluation: {{fairness: {_inline(draft.protected)}}}"
    ]


def _gates(draft: Draft) -> list[str]:
    if draft.minimum_roc_auc is None:
        return []
    return [
        "# From a quick cross-validation; `python -m model_build stability` suggests better bounds.\n"
        f"gates: {{metrics: [{{metric: roc_auc, minimum: {draft.minimum_roc_auc:g}}}]}}"
    ]


def _inline(value: Any) -> str:
    """Return a value in YAML's flow style, on one line."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_inline(key)}: {_inline(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_inline, value)) + "]"
        case str():
            is_plain = PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT
            return value if is_plain else json.dumps(value, ensure_ascii=False)
        case float():
            return _number(value)
    return json.dumps(value)


def _on_one_line(comment: str) -> str:
    """Return a comment without line breaks and other signs that YAML takes for no part of one."""
    return "".join(sign if sign.isprintable() else " " for sign in comment)


def _number(value: float) -> str:
    """Return a number as YAML reads it: with a point, also before an exponent."""
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
