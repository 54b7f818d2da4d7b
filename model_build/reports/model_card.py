"""The model card: what people should know about a model before they use it."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from markupsafe import Markup

from app.core.allowed import describe_range
from app.core.contract import Contract, sha256
from app.core.datetime_feature import DatetimeFeature
from app.core.features import LARGEST_NUMBER, CategoryFeature, Feature, OpenCategoryFeature, RangedFeature
from model_build.artifacts import (
    Baselines,
    Cleaning,
    Curves,
    DataReport,
    Evaluation,
    Explanation,
    Slice,
    Slices,
    TrainingReport,
)
from model_build.fairness_report import Fairness
from model_build.gate_report import ModelReport, RefitReport
from model_build.git import DIRTY
from model_build.reports.html import TEMPLATES, render
from model_build.reports.markdown import code_span, escape_text, render_sections
from model_build.reports.plots import MOST_IMPORTANT, plot_explanation, plot_fairness, plot_performance
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import DISPARITIES, LOWER_IS_BETTER, SLICE_METRICS
from model_build.spec.spec_files import SPECS
from model_build.split_report import SplitReport
from model_build.stability.document import KnownStability, StabilityReport, bounds_of, number_gates
from model_build.stability.spreads import Spread, describe_gate, spread
from model_build.text import NOTHING, format_number, format_value

TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}
HEADLINE = ("roc_auc", "average_precision", "accuracy", "f1", "log_loss", "calibration_error")
RATES = tuple((rate, rate.replace("_", " ").capitalize(), name) for name, rate in DISPARITIES.items())
"""A rate of a group, its title, and the name of its difference from the reference group's rate."""
MOST_SLICES = 15
"""The least accurate slices that card.md lists; the page lists all."""


@dataclass(frozen=True)
class CardDocuments:
    """The documents that the card is about; the template knows them by these names."""

    spec: ModelSpec
    contract: Contract
    cleaning: Cleaning
    data: DataReport
    training: TrainingReport
    evaluation: Evaluation
    curves: Curves
    slices: Slices
    fairness: Fairness
    explanation: Explanation
    baselines: Baselines
    split: SplitReport
    model: ModelReport
    served: RefitReport
    stability: KnownStability
    has_eda: bool = True
    """Whether there is a report on the data."""

    @property
    def spec_name(self) -> str:
        """The name of a spec of the repository, as commands know it; that of another spec is left open."""
        digest = self.spec.sha256
        specs = (path for path in sorted(SPECS.glob("*.yaml")) if sha256(path.read_bytes()) == digest)
        return next((path.stem for path in specs), "SPEC.yaml")


def render_markdown(documents: CardDocuments) -> str:
    """Return the card without plots, and with the least accurate slices only."""
    return _render_source(documents, _by_accuracy(documents.slices.slices)[:MOST_SLICES], has_plots=False)


def render_html(documents: CardDocuments) -> str:
    """Return the card as one self-contained page: the Markdown with plots and with all slices."""
    source = _render_source(documents, _by_accuracy(documents.slices.slices), has_plots=True)
    lead, sections = render_sections(source)
    target = documents.contract.target
    script = (TEMPLATES / "card.js").read_text()
    return render(
        "card.html",
        **_values(documents),
        lead=lead,
        sections=sections,
        plots={
            "performance": plot_performance(target, documents.curves, documents.evaluation),
            "fairness": list(chain.from_iterable(map(plot_fairness, documents.fairness.protected))),
            "explanation": plot_explanation(target, documents.explanation),
        },
        script=Markup(script),  # noqa: S704 - it is ours
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def _render_source(documents: CardDocuments, listed_slices: Sequence[Slice], *, has_plots: bool) -> str:
    measured = {name for slice_ in documents.slices.slices for name in slice_.metrics}
    return render(
        "card.md",
        **_values(documents),
        listed_slices=listed_slices,
        slice_metrics=[name for name in SLICE_METRICS if name in measured],
        has_plots=has_plots,
        most_important=MOST_IMPORTANT,
        rates=RATES,
        commands=_commands(documents),
        stability_command=f"python -m model_build stability {documents.spec_name} --source "
        + documents.contract.provenance.data_source,
        over_seeds=_over_seeds(documents),
        is_dirty=(documents.contract.provenance.git_commit or "").endswith(DIRTY),
        text=escape_text,
        code=code_span,
        allowed_values=allowed_values,
        is_read=partial(_is_read, documents.training.features),
        other_of={
            feature.name: feature.other_name
            for feature in documents.spec.features
            if isinstance(feature, CategoryFeature)
        },
        signed=signed,
        to_sentence=to_sentence,
    )


def _values(documents: CardDocuments) -> dict[str, Any]:
    """Return what both templates read."""
    evaluation = documents.evaluation
    return vars(documents) | {
        "titles": TITLES,
        "headline": [name for name in HEADLINE if name in evaluation.intervals],
        "lower_is_better": LOWER_IS_BETTER,
        "spreads": _spreads(documents.stability.report),
        "confidence": f"{format_number(100 * evaluation.confidence)}%",
        "fixed": fixed,
    }


def _spreads(report: StabilityReport | None) -> dict[str, Spread]:
    return {name: spread(values) for name, values in report.metrics.items()} if report else {}


def _over_seeds(documents: CardDocuments) -> list[str]:
    """Return, for the result of each gate, how the gate fares with other seeds."""
    report, results = documents.stability.report, number_gates(documents.model.results)
    if report is None:
        return []
    bounds = bounds_of(documents.model.results)
    spreads = [(report.gates_by_key.get(key), bounds[key]) for key in results]
    return [describe_gate(gate, of_gate) if gate else NOTHING for gate, of_gate in spreads]


def _by_accuracy(slices: Iterable[Slice]) -> list[Slice]:
    """Return the least accurate slice first, and slices without an accuracy last."""

    def key(slice_: Slice) -> tuple[bool, float]:
        accuracy = slice_.metrics.get("accuracy")
        return accuracy is None, accuracy.value if accuracy else 0

    return sorted(slices, key=key)


def _commands(documents: CardDocuments) -> list[str]:
    """Return the commands that train the same model."""
    provenance = documents.contract.provenance
    search = " --search" if documents.training.search else ""
    commit = (provenance.git_commit or "").removesuffix(DIRTY)
    checkout = [f"git checkout {commit}"] if commit else []
    return [
        *checkout,
        "python -m pip install --require-hashes -r model_build/requirements.txt",
        f"python -m model_build bake {documents.spec_name} --source {provenance.data_source}{search}",
    ]


def _is_read(read: Collection[str], feature: Feature) -> bool:
    """Return whether the model reads a feature, or a column that is made of it."""
    return any(name == feature.name or name.startswith(f"{feature.name}.") for name in read)


def allowed_values(feature: Feature) -> str:
    """Return what a feature accepts, and what the model reads in place of a value that it does not have."""
    default = "" if feature.absent is None else f"; when absent, {format_value(feature.absent.value)}"
    return _describe_values(feature) + default


def _describe_values(feature: Feature) -> str:
    if isinstance(feature, RangedFeature):
        clipped = "; others are read as the nearer end" if feature.may_replace else ""
        if max(abs(feature.minimum), abs(feature.maximum)) >= LARGEST_NUMBER:
            return describe_range(feature)
        return f"{format_number(feature.minimum)} to {format_number(feature.maximum)}{clipped}"
    if isinstance(feature, CategoryFeature) and feature.may_replace:
        return f"{', '.join(feature.levels)}; other text is read as {feature.unknown_level or 'missing'}"
    if isinstance(feature, OpenCategoryFeature):
        return f"any text, in {format_number(feature.buckets)} buckets"
    if isinstance(feature, DatetimeFeature):
        return f"{feature.minimum} to {feature.maximum}; read: {', '.join(feature.parts)}"
    return "true or false" if feature.type == "boolean" else ", ".join(feature.levels)


def fixed(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−")  # noqa: RUF001 - a minus, which is as wide as a plus


def signed(value: float, digits: int) -> str:
    return f"{value:+z.{digits}f}".replace("-", "−")  # noqa: RUF001 - as above


def to_sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
