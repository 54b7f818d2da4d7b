"""YAML → ModelSpec: the single source of truth about a model."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from app.contract import DataSource, Target, Version
from app.features import Feature, Frozen, check_names
from model_build.errors import SpecError
from model_build.estimators import ESTIMATORS, check_parameters
from model_build.evaluate import METRICS
from model_build.sources import Source
from model_build.synthetic import GENERATORS

SPECS = Path(__file__).parent / "specs"


class Synthetic(Frozen):
    """The embedded generator that stands in when there are no real data."""

    generator: str
    rows: int = Field(ge=100)
    seed: int = Field(ge=0)

    @field_validator("generator")
    @classmethod
    def _generator_exists(cls, name: str) -> str:
        return _one_of("generator", name, GENERATORS)


class Data(Frozen):
    """Where the rows come from and how they are cleaned."""

    sources: tuple[Source, ...] = Field(min_length=1)
    columns: tuple[str, ...] = ()
    drop_duplicates: bool = True
    synthetic: Synthetic | None = None
    licence: str


class Split(Frozen):
    """How the test rows are set aside."""

    test: float = Field(gt=0, lt=1)
    stratify: bool = True
    seed: int = Field(ge=0)


class Estimator(Frozen):
    """A scikit-learn estimator by name; parameters that are not given keep its defaults."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _exists_and_takes_the_parameters(self) -> Self:
        check_parameters(_one_of("estimator", self.name, ESTIMATORS), self.parameters)
        return self


class Gate(Frozen):
    """A bound that a metric of the test split must keep, or there is no baked model."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    data_source: DataSource = "real"

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        return _one_of("metric", name, METRICS)

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise ValueError("a gate needs a minimum or a maximum")
        return self

    def verdict(self, metrics: Mapping[str, float]) -> str | None:
        """Return a sentence with the figures when the bound is not kept, None when it is."""
        value = metrics[self.metric]
        if self.minimum is not None and not value >= self.minimum:
            return f"{self.metric} is {value:.4f}, the gate wants at least {self.minimum:g}"
        if self.maximum is not None and not value <= self.maximum:
            return f"{self.metric} is {value:.4f}, the gate wants at most {self.maximum:g}"
        return None


class ModelSpec(Frozen):
    """The whole of a spec file, and the sha256 of its bytes."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=1)
    version: Version
    description: str
    data: Data
    features: tuple[Feature, ...] = Field(min_length=1)
    target: Target
    split: Split
    estimator: Estimator
    gates: tuple[Gate, ...] = ()
    sha256: str = Field(exclude=True)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        check_names(self.features)
        names = {name for feature in self.features for name in feature.names}
        if self.target.name in names:
            raise ValueError(f"target {self.target.name!r} is a feature too")
        unknown = [column for column in self.data.columns if column not in names | {self.target.name}]
        if unknown:
            raise ValueError(f"data.columns has {unknown[0]!r}; allowed are the features and the target")
        return self


def load(name_or_path: str) -> ModelSpec:
    """Read the spec of that name in `model_build/specs`, or the file at that path.

    Raises:
        SpecError: a sentence with the file, the key and what is allowed.
    """
    path = find(name_or_path)
    content = path.read_bytes()
    try:
        tree = YAML(typ="safe", pure=True).load(content)
    except YAMLError as error:
        raise SpecError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, Mapping):
        raise SpecError(f"{path} must hold a mapping with the keys {_keys(ModelSpec)}.")
    document = {**tree, "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return ModelSpec.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise SpecError(_sentence(path, tree, error)) from error


def find(name_or_path: str) -> Path:
    """Return the file of a spec; raise SpecError with the names there are."""
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = SPECS / f"{name_or_path}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(each.stem for each in SPECS.glob("*.yaml")))
        raise SpecError(
            f"There is no model spec {name_or_path!r}. Give the path of a .yaml file, or one of: {names}."
        )
    return path


def _one_of(what: str, name: str, known: Iterable[str]) -> str:
    if name not in known:
        raise ValueError(f"there is no {what} {name!r}; allowed are {', '.join(sorted(known))}")
    return name


def _sentence(path: Path, tree: Mapping[str, Any], error: ValidationError) -> str:
    """Say which key of the file is wrong, with names in place of list positions, and what is allowed."""
    first = error.errors(include_url=False)[0]
    keys: list[str] = []
    models: list[type[BaseModel]] = [ModelSpec]
    place: Any = tree
    for part in first["loc"]:
        if isinstance(part, str) and (variant := _variant(models, part)):
            models = [variant]
            continue
        place = _child(place, part)
        named = isinstance(part, int) and isinstance(place, Mapping) and "name" in place
        keys.append(str(place["name"] if named else part))
        models = [each for model in models for each in _models_in(model, part)] or models
    key = ".".join(keys) or "the whole"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"unknown key; allowed are {_keys(*models)}"
    more = f" ({error.error_count() - 1} more mistakes)" if error.error_count() > 1 else ""
    return f"{path}: {key}: {message}.{more}"


def _keys(*models: type[BaseModel]) -> str:
    keys = {name: None for model in models for name, field in model.model_fields.items() if not field.exclude}
    return ", ".join(keys)


def _child(place: Any, part: str | int) -> Any:
    try:
        return place[part]
    except (KeyError, IndexError, TypeError):
        return None


def _variant(models: Iterable[type[BaseModel]], tag: str) -> type[BaseModel] | None:
    """Return the one of several models that a discriminator's value chooses; it stands in an error's loc."""
    for model in models:
        kind = model.model_fields.get("type")
        if kind is not None and tag in get_args(kind.annotation):
            return model
    return None


def _models_in(model: type[BaseModel], part: str | int) -> list[type[BaseModel]]:
    """Return the models that the value of a field may be."""
    field = model.model_fields.get(str(part))
    found: list[type[BaseModel]] = []
    todo: list[Any] = [field.annotation] if field else []
    for each in todo:
        todo.extend(get_args(each))
        if isinstance(each, type) and issubclass(each, BaseModel):
            found.append(each)
    return found
