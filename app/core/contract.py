"""contract.json: what the service must know about its model."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, StringConstraints, model_validator

from app.core.base_feature import Frozen
from app.core.derived import Derived, compute_columns
from app.core.features import Feature, check_names
from app.core.ids import Id
from app.core.values import TRUTH, Name, drop_point

SCHEMA_VERSION: Literal[1] = 1
TWO_LABELS = 2
MOST_LABELS = 50
CONTRACT_FILE = "contract.json"
MODEL_FILE = "model.onnx"
CARD_FILE = "card.html"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$")]
DataSource = Literal["real", "synthetic"]
FittedOn = Literal["training rows", "training and test rows"]
MetricsOf = Literal["this model", "the model before the refit, which saw only the training rows"]

Probabilities = npt.NDArray[np.floating[Any]]
Positions = npt.NDArray[np.intp]


class Target(Frozen):
    """What is predicted: one of the labels. If there are two, one is positive and has a threshold."""

    name: str = Field(min_length=1)
    labels: tuple[Name, ...] = Field(min_length=TWO_LABELS)
    titles: dict[Name, str] = Field(default_factory=dict)
    """What labels mean, for people; a label without a title is its own."""
    merge: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Labels of a file that stand for one of the labels: `{accepted: [acc, good]}`."""
    positive: Name | None = None
    threshold: float = Field(default=0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def _positive_is_a_label(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("every label may appear only once")
        if len(self.labels) > MOST_LABELS:
            raise ValueError(f"at most {MOST_LABELS} labels are possible, because a model classifies")
        if unknown := set(self.titles) - set(self.labels):
            raise ValueError(f"titles has {min(unknown)!r}; the labels are {', '.join(self.labels)}")
        self._check_merge()
        if len(self.labels) > TWO_LABELS:
            if self.positive is not None:
                raise ValueError("a positive label is for two labels only")
        elif self.positive not in self.labels:
            raise ValueError(f"positive must be one of the labels: {', '.join(self.labels)}")
        return self

    def _check_merge(self) -> None:
        owners: dict[str, str] = {}
        for label, merged in self.merge.items():
            if label not in self.labels:
                raise ValueError(f"merge has {label!r}; the labels are {', '.join(self.labels)}")
            for name in merged:
                if name != label and name in self.labels:
                    raise ValueError(f"merge: {name!r} is a label itself, and can't stand for {label!r}")
                if owners.setdefault(name, label) != label:
                    raise ValueError(f"merge: {name!r} stands for both {owners[name]!r} and {label!r}")

    @property
    def meanings(self) -> dict[str, str]:
        """The label that each text of a file means: a label itself, or one that stands for it."""
        merged = {name: label for label, names in self.merge.items() for name in names}
        return {label: label for label in self.labels} | merged

    def read_label(self, text: str) -> str:
        """Return the label that a cell means: `1.0` is 1, `True` is true, and a merged one its label.

        A text that means none is returned as it is.
        """
        spelled = self.spell_label(text)
        if spelled in self.labels:
            return spelled
        return next((label for label, names in self.merge.items() if spelled in names), spelled)

    def spell_label(self, text: str) -> str:
        """Return the label of a file that a cell means, before it is merged."""
        if self._is_known(text):
            return text
        truth = text.lower()
        meant = truth if truth in TRUTH else drop_point(text)
        return meant if self._is_known(meant) else text

    def _is_known(self, text: str) -> bool:
        return text in self.labels or any(text in names for names in self.merge.values())

    def __hash__(self) -> int:
        return hash((self.name, self.labels, self.positive, self.threshold))

    def describe(self, label: str) -> str:
        """Return the label, with its title if it has one."""
        title = self.titles.get(label)
        return f"{label} ({title})" if title else label

    @property
    def is_binary(self) -> bool:
        return self.positive is not None

    @property
    def positive_index(self) -> int:
        """Position of the label whose probability is the score: the positive one, or else the last."""
        return self.labels.index(self.labels[-1] if self.positive is None else self.positive)

    def decide(self, probabilities: Probabilities) -> Positions:
        """Return the position of each row's label, from probabilities [N, labels].

        With two labels, the positive one is chosen if its probability reaches the threshold; with more, the
        most probable one. Probabilities are compared as float32, as they are served: float64 noise would
        separate equal numbers.
        """
        probabilities = probabilities.astype(np.float32, copy=False)
        if self.positive is None:
            return np.asarray(probabilities.argmax(axis=1))
        positive = self.positive_index
        chosen = probabilities[:, positive] >= self.threshold
        return (chosen if positive else ~chosen).astype(np.intp)

    def decide_rows(self, probabilities: Sequence[Sequence[float]]) -> list[int]:
        """Do as `decide` does for lists of float32 numbers, with which NumPy would take longer."""
        if self.positive is None:
            return [row.index(max(row)) for row in probabilities]
        positive, threshold = self._served_threshold
        return [positive if row[positive] >= threshold else 1 - positive for row in probabilities]

    @cached_property
    def _served_threshold(self) -> tuple[int, float]:
        """The position of the positive label, and the float32 that its probability must reach."""
        return self.positive_index, float(np.float32(self.threshold))


class Provenance(Frozen):
    """Where the model comes from."""

    data_source: DataSource
    data_uri: str
    data_sha256: Sha256 | None
    rows: int
    """Training and test rows together."""
    fitted_on: FittedOn = "training rows"
    """If a refit also learnt from the test rows, the metrics are of the model before it, which did not."""
    licence: str
    spec_sha256: Sha256
    estimator_sha256: Sha256 | None = None
    """Of the code that made the estimator, or of the adopted model, if it is the user's own."""
    git_commit: str | None
    libraries: dict[str, str]
    trained_at: datetime

    @property
    def is_refitted(self) -> bool:
        return self.fitted_on == "training and test rows"

    @property
    def metrics_of(self) -> MetricsOf:
        if self.is_refitted:
            return "the model before the refit, which saw only the training rows"
        return "this model"


class Contract(Frozen):
    """The whole of contract.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str
    title: str
    description: str
    model_version: Version
    features: tuple[Feature, ...] = Field(min_length=1)
    """What a request holds."""
    derived: tuple[Derived, ...] = ()
    ids: tuple[Id, ...] = ()
    target: Target
    metrics: dict[str, float]
    provenance: Provenance
    files: dict[FileName, Sha256]

    @model_validator(mode="after")
    def _columns_can_be_computed(self) -> Self:
        compute_columns(self.features, self.derived)
        check_names([*self.features, *self.derived, *self.ids])
        return self

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The columns of the matrix that the model reads, described as features are."""
        return compute_columns(self.features, self.derived).columns

    @property
    def model_sha256(self) -> str:
        return self.files[MODEL_FILE]

    @property
    def example(self) -> dict[str, Any]:
        """A valid row, made of the features' examples."""
        return {feature.name: feature.example for feature in self.features}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
