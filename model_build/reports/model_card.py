"""The model card: what a person should know of a model before using it."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from app.core.contract import Contract, sha256
from app.core.features import BooleanFeature, Feature, RangedFeature
from model_build.artifacts import (
    Cleaning,
    Curves,
    DataReport,
    Evaluation,
    Explanation,
    Fairness,
    ModelReport,
    Slice,
    Slices,
    TrainingReport,
)
from model_build.git import DIRTY
from model_build.reports import charts
from model_build.reports.html import TEMPLATES, render
from model_build.spec.model_spec import SPECS, ModelSpec
from model_build.spec.sections import DISPARITIES, LOWER_IS_BETTER, SLICE_METRICS
from model_build.text import format_number

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
"""Of a group, with its title, and what its distance from the reference group's is called."""
WEAKEST = 15
"""So many slices stand in the Markdown; the page has all."""

# What Markdown would take for markup: signs that always are, and those that are where they stand.
MARKUP = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|&(?=#?\w+;)|^[>#+-]")


@dataclass(frozen=True)
class CardFacts:
    """All that the stages found."""

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
    model: ModelReport


def render_html(facts: CardFacts) -> str:
    """Return one self-contained page."""
    target = facts.contract.target
    script = (TEMPLATES / "card.js").read_text()
    return render(
        "card.html",
        **_values(facts),
        performance=charts.performance(target, facts.curves, facts.evaluation),
        fairness=[(each, charts.fairness(each)) for each in facts.fairness.protected],
        explanation=charts.explanation(target, facts.explanation),
        slice_features=list(dict.fromkeys(_of(each) for each in facts.slices.slices)),
        script=Markup(script),  # noqa: S704 - it is ours
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def render_markdown(facts: CardFacts) -> str:
    """Return what the page says, without its figures and with the weakest slices only."""
    return render("card.md", **_values(facts), text=text, code=code, weakest=WEAKEST)


def text(value: Any) -> Markup:
    """Return what Markdown shows as this text, on one line."""
    return Markup(MARKUP.sub(r"\\\g<0>", " ".join(str(value).split())))  # noqa: S704 - what HTML reads is escaped


def code(value: Any) -> Markup:
    """Return a code span; one more backtick than the text has in a row stands around it."""
    line = " ".join(str(value).split()).replace("|", "\\|")  # as a table wants it
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    space = " " if "`" in line else ""
    return Markup(f"{fence}{space}{line}{space}{fence}")  # noqa: S704 - within the span nothing is markup


def _values(facts: CardFacts) -> dict[str, Any]:
    """Return what both templates read."""
    slices = sorted(facts.slices.slices, key=_weakness)
    known = {name for each in slices for name in each.metrics}
    return {
        "facts": facts,
        "titles": TITLES,
        "headline": [name for name in HEADLINE if name in facts.evaluation.intervals],
        "lower_is_better": LOWER_IS_BETTER,
        "slices": slices,
        "slice_metrics": [name for name in SLICE_METRICS if name in known],
        "rates": RATES,
        "commands": _commands(facts),
        "is_dirty": (facts.contract.provenance.git_commit or "").endswith(DIRTY),
        "values_of": values_of,
        "fixed": fixed,
        "signed": signed,
        "sentence": sentence,
    }


def _weakness(found: Slice) -> tuple[bool, float]:
    accuracy = found.metrics.get("accuracy")
    return accuracy is None, accuracy.value if accuracy else 0


def _of(found: Slice) -> str:
    return " × ".join(found.features)


def _commands(facts: CardFacts) -> list[str]:
    """Return what to type for the same model: the spec by name, if it is one of the repository's."""
    provenance = facts.contract.provenance
    specs = (path for path in sorted(SPECS.glob("*.yaml")) if sha256(path.read_bytes()) == facts.spec.sha256)
    name = next((path.stem for path in specs), "SPEC.yaml")
    search = " --search" if facts.training.search else ""
    commit = (provenance.git_commit or "").removesuffix(DIRTY)
    checkout = [f"git checkout {commit}"] if commit else []
    return [
        *checkout,
        "python -m pip install --require-hashes -r model_build/requirements.txt",
        f"python -m model_build bake {name} --source {provenance.data_source}{search}",
    ]


def values_of(feature: Feature) -> str:
    """Say which values a feature takes."""
    if isinstance(feature, RangedFeature):
        return f"{format_number(feature.minimum)} to {format_number(feature.maximum)}"
    return "true or false" if isinstance(feature, BooleanFeature) else ", ".join(feature.categories)


def fixed(value: float, digits: int) -> str:
    return f"{value:z.{digits}f}".replace("-", "−")  # noqa: RUF001 - a minus, which is as wide as a plus


def signed(value: float, digits: int) -> str:
    return f"{value:+z.{digits}f}".replace("-", "−")  # noqa: RUF001


def sentence(reason: str) -> str:
    """Return a reason as a sentence."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
