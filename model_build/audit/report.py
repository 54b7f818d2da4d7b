"""An audit as tables at the terminal, and as Markdown."""

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from model_build.artifacts import Interval, Slice
from model_build.audit.audit import Audit
from model_build.fairness_report import Protected
from model_build.reports.html import render
from model_build.reports.markdown import code_span, escape_text
from model_build.reports.model_card import RATES, TITLES, fixed
from model_build.spec.sections import LOWER_IS_BETTER, SLICE_METRICS
from model_build.text import NOTHING, format_number

MOST_SLICES = 10
"""The least accurate slices that the terminal shows; the Markdown lists all."""
SHOWN = ("accuracy", "precision", "recall", "roc_auc")


def render_markdown(audit: Audit) -> str:
    measured = {name for part in audit.slices.slices for name in part.metrics}
    return render(
        "audit.md",
        **dict(audit),
        titles=TITLES,
        rates=RATES,
        lower_is_better=LOWER_IS_BETTER,
        listed_slices=_by_accuracy(audit.slices.slices),
        slice_metrics=[name for name in SLICE_METRICS if name in measured],
        confidence=f"{format_number(100 * audit.evaluation.confidence)}%",
        fixed=fixed,
        text=escape_text,
        code=code_span,
    )


def slices_table(audit: Audit) -> Table:
    """Return the least accurate slices."""
    title = f"Least accurate of {len(audit.slices.slices)} slices"
    table = Table("slice", title=title, title_justify="left")
    for name in ("rows", *SHOWN):
        table.add_column(name.replace("_", " "), justify="right")
    for part in _by_accuracy(audit.slices.slices)[:MOST_SLICES]:
        name = ", ".join(
            f"{feature} {level}" for feature, level in zip(part.features, part.levels, strict=True)
        )
        table.add_row(escape(name), f"{part.rows:,}", *(_cell(part.metrics.get(metric)) for metric in SHOWN))
    return table


def groups_table(protected: Protected) -> Table:
    """Return the rates of the groups of one column."""
    title = f"{protected.feature}, against {protected.reference}"
    table = Table("group", title=escape(title), title_justify="left")
    for name in ("rows", *(title for _, title, _ in RATES), "80 % rule"):
        table.add_column(name, justify="right")
    for group in protected.groups:
        rates = [_cell(dict(group)[rate]) for rate, _, _ in RATES]
        is_reference = group.level == protected.reference
        rule = "reference" if is_reference else "passed" if group.four_fifths else "failed"
        table.add_row(escape(group.level), f"{group.rows:,}", *rates, rule)
    return table


def _by_accuracy(slices: Iterable[Slice]) -> list[Slice]:
    return sorted(slices, key=lambda part: part.metrics["accuracy"].value)


def _cell(metric: Interval | None) -> str:
    return NOTHING if metric is None else f"{metric.value:.3f}"
