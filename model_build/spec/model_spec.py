"""YAML → ModelSpec: the single source of truth about a model."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.core.base_feature import Frozen
from app.core.contract import Target, Version, sha256
from app.core.derived import Derived, compute_columns
from app.core.features import Feature
from app.core.ids import Id
from model_build.errors import SpecError
from model_build.spec.consistency import find_contradictions
from model_build.spec.document import Document
from model_build.spec.estimator import CODE, Estimator
from model_build.spec.invalid_key import InvalidKey
from model_build.spec.messages import list_errors, list_keys, name_path
from model_build.spec.own_estimator import import_code, is_own
from model_build.spec.sections import (
    MODEL_NAME,
    Card,
    Data,
    DataChecks,
    EvaluationSection,
    Gates,
    ModelChecks,
)
from model_build.spec.source import Source
from model_build.spec.spec_files import find
from model_build.spec.split import Split
from model_build.spec.training import CATEGORY_ORDER, Training

SHA256 = "sha256 of the spec"  # no key of a file has this name


class ModelSpec(Frozen):
    """A whole spec file, and the sha256 of its bytes."""

    name: str = Field(pattern=MODEL_NAME)
    """In directories, metrics and the registry."""
    title: str = Field(min_length=1)
    """For people."""
    version: Version
    """Semantic version of the model; clients see it as model_lib_version."""
    description: str
    """What the model predicts, in one sentence."""
    data: Data
    features: tuple[Feature, ...] = Field(min_length=1)
    """What a request holds, in the order in which the model reads it."""
    derived: tuple[Derived, ...] = ()
    """What is computed from features; no request holds it."""
    ids: tuple[Id, ...] = ()
    """Columns that the model does not read, and that come back with the answer."""
    target: Target
    weight: str | None = Field(default=None, min_length=1)
    """Column with how much each row counts; the model does not read it."""
    data_checks: DataChecks = DataChecks()
    split: Split
    estimator: Estimator
    training: Training = Training()
    evaluation: EvaluationSection = EvaluationSection()
    gates: Gates = Gates()
    model_checks: ModelChecks = ModelChecks()
    card: Card = Card()
    sha256: str = Field(exclude=True, validation_alias=SHA256)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of rows, and that of test rows of their own."""
        return (*self.data.sources, *([self.split.file] if self.split.file else []))

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The columns of the matrix that the model reads, described as features are."""
        return compute_columns(self.features, self.derived).columns

    @property
    def seed(self) -> int:
        """The seed of the split and of all that is drawn after it."""
        return self.split.seed

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The estimator's parameters, and the order of the categories if it is not the default."""
        order = self.training.category_order
        return {**self.estimator.parameters, **({} if order == "codes" else {CATEGORY_ORDER: order})}

    @property
    def training_checksum(self) -> str:
        """A checksum of everything that decides what a model learns from given rows."""
        return self._checksum("features", "derived", "target", "weight", "split", "estimator", "training")

    @property
    def gates_checksum(self) -> str:
        """A checksum of everything that decides whether a model passes."""
        return self._checksum("evaluation", "gates", "model_checks")

    def _checksum(self, *sections: str) -> str:
        document = self.model_dump(mode="json", include=set(sections), exclude_defaults=True)
        code = dict(self)["estimator"].code_sha256  # as the dump, no reading of a section by a stage
        if "estimator" in sections and code:
            document["code"] = code
        return sha256(json.dumps(document, sort_keys=True).encode())


def load(name_or_path: str) -> ModelSpec:
    """Read the spec of that name in `model_build/specs`, or the file at that path, as `parse` does."""
    path = find(name_or_path)
    return parse(path.read_bytes(), path)


def parse(content: bytes, path: Path) -> ModelSpec:
    """Return the spec that a file at that path has.

    Raises:
        SpecError: a sentence with the file, the key and what is allowed.
    """
    document = Document(path, content)
    values = document.values
    if not isinstance(values, Mapping):
        raise SpecError(f"{path} must hold a mapping with the keys {list_keys(ModelSpec)}.")
    try:
        plain = json.loads(json.dumps({**values, SHA256: sha256(content)}, default=_to_text))
    except (TypeError, ValueError) as error:  # a key that is a list, an alias within its own anchor
        raise SpecError(f"{path} must hold only lists, mappings and plain values: {error}.") from error
    spec, errors = _validate(plain, path.parent)
    sentences = [(document.locate(key), f"{name_path(key.path, plain)}: {key.sentence}.") for key in errors]
    sentences += [(position, f"{sentence}.") for position, sentence in document.duplicates]
    if sentences or spec is None:
        raise document.refuse(sentences)
    return spec


def _to_text(value: Any) -> str:
    """Return a date of YAML in ISO 8601, and anything else as Python shows it."""
    return value.isoformat() if isinstance(value, date) else str(value)


def _validate(values: dict[str, Any], directory: Path) -> tuple[ModelSpec | None, list[InvalidKey]]:
    """Return the spec, and every error: of single keys, and of the right sections with each other."""
    errors = _import_own_code(values, directory)
    if not errors:
        try:
            spec = ModelSpec.model_validate_json(json.dumps(values))
        except ValidationError as error:
            errors = list_errors(error, values, ModelSpec)
        else:
            return spec, [*find_contradictions(dict(spec))]
    wrong = {key.path[0] for key in errors}
    right = {name: field for name, field in ModelSpec.model_fields.items() if name not in wrong}
    return None, [*errors, *find_contradictions(_read_sections(values, right))]


def _import_own_code(values: Mapping[str, Any], directory: Path) -> list[InvalidKey]:
    """Import the code of an estimator of one's own, and note its checksum; return what is wrong with it."""
    estimator = values.get("estimator")
    name = estimator.get("name") if isinstance(estimator, dict) else None
    if not isinstance(estimator, dict) or not isinstance(name, str) or not is_own(name):
        return []
    try:
        estimator[CODE] = import_code(name, directory)
    except ValueError as error:
        return [InvalidKey(("estimator", "name"), str(error))]
    return []


def _read_sections(values: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> dict[str, Any]:
    """Return the values of sections that are right, although others are not."""
    sections: dict[str, Any] = {}
    for name, field in fields.items():
        if name in values:
            adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
            sections[name] = adapter.validate_json(json.dumps(values[name]))
        elif not field.is_required():
            sections[name] = field.default
    return sections
