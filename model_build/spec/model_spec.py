"""YAML → ModelSpec: the single source of truth about a model."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from app.core.contract import Target, Version, sha256
from app.core.features import BooleanFeature, CategoryFeature, Feature, Frozen, RangedFeature, check_names
from model_build.errors import SpecError
from model_build.spec.estimator import Estimator, check_parameters
from model_build.spec.sections import (
    Card,
    DataChecks,
    EvaluationSection,
    Gates,
    ModelChecks,
    Training,
    one_of,
)
from model_build.spec.source import GENERATORS, Source

SPECS = Path(__file__).parents[1] / "specs"
LARGEST_SEED = 2**32 - 1  # that NumPy and scikit-learn take
SHA256 = "sha256 of the spec"  # no key of a file is called so

TAGS = frozenset({"range", "choices"})  # stand in an error's loc, but are no keys

KINDS = {RangedFeature: "number", CategoryFeature: "category", BooleanFeature: "boolean"}

# What pydantic says of a key, in the words of YAML.
MESSAGES = {
    "missing": "this key is required",
    "extra_forbidden": "unknown key; allowed are {keys}",
    "model_type": "must be a mapping with the keys {keys}",
    "string_type": "must be text; a number, true or false needs quotes",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "literal_error": "must be {expected}",
    "too_short": "needs at least {min_length}",
    "greater_than": "must be above {gt:g}",
    "less_than": "must be below {lt:g}",
    "greater_than_equal": "must be at least {ge:.17g}",
    "less_than_equal": "must be at most {le:.17g}",
    "union_tag_invalid": "there is no type {tag!r}; allowed are {types}",
    "union_tag_not_found": "the key type is required; allowed are {types}",
    "value_error": "{error}",
}


class Synthetic(Frozen):
    """The embedded generator that stands in when there are no real data."""

    generator: str
    rows: int = Field(ge=100)
    seed: int = Field(ge=0)

    @field_validator("generator")
    @classmethod
    def _generator_exists(cls, name: str) -> str:
        return one_of("generator", name, GENERATORS)


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
    seed: int = Field(ge=0, le=LARGEST_SEED)


class ModelSpec(Frozen):
    """The whole of a spec file, and the sha256 of its bytes."""

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str = Field(min_length=1)
    version: Version
    description: str
    data: Data
    features: tuple[Feature, ...] = Field(min_length=1)
    target: Target
    data_checks: DataChecks = DataChecks()
    split: Split
    estimator: Estimator
    training: Training = Training()
    evaluation: EvaluationSection = EvaluationSection()
    gates: Gates = Gates()
    model_checks: ModelChecks = ModelChecks()
    card: Card = Card()
    sha256: str = Field(exclude=True, validation_alias=SHA256)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        check_names(self.features)
        names = {name for feature in self.features for name in feature.names}
        if self.target.name in names:
            raise ValueError(f"target {self.target.name!r} is a feature too")
        unknown = [column for column in self.data.columns if column not in names | {self.target.name}]
        if unknown:
            raise ValueError(f"data.columns has {unknown[0]!r}; allowed are the features and the target")
        self._check_columns()
        self._check_cells()
        return self

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        self._check_training()
        self._check_evaluation()
        self._check_model_checks()
        reference = self.data_checks.reference
        if reference and reference.source is None and self.data.synthetic is None:
            raise ValueError("data_checks.reference needs a source, because data.synthetic is not declared")
        return self

    def _check_training(self) -> None:
        training = self.training
        self._check_features("training.drop", training.drop)
        self._check_features("training.clip", training.clip, RangedFeature)
        left = len(self.features) - len(set(training.drop))
        if left < (training.select or 1):
            raise ValueError(
                f"training: {left} features are left after drop, {training.select or 1} are needed"
            )
        if not self.target.is_binary and training.threshold != "fixed":
            raise ValueError("training.threshold: a threshold is for two labels only")
        if training.search:
            check_parameters(self.estimator.name, training.search.space)

    def _check_evaluation(self) -> None:
        plan = self.evaluation
        names = [feature.name for feature in self.features]
        self._check_features("evaluation.slices.features", plan.slices.features or ())
        for together in plan.slices.intersections:
            self._check_features("evaluation.slices.intersections", together)
        self._check_features("evaluation.fairness", plan.fairness, CategoryFeature, BooleanFeature)
        for feature in self.features:
            if feature.name in plan.fairness:
                one_of(f"group of {feature.name}", plan.fairness[feature.name], feature.levels)
        if plan.fairness and not self.target.is_binary:
            raise ValueError("evaluation.fairness: only a target with a positive label has it")
        sliced = [*([name] for name in plan.slices.features or names), *plan.slices.intersections]
        for gate in self.gates.slices:
            self._check_features("gates.slices", gate.features or ())
            if gate.features and not any(set(each) <= set(gate.features) for each in sliced):
                raise ValueError(f"gates.slices: there is no slice by {', '.join(gate.features)}")
        for fairness in self.gates.fairness:
            one_of("feature in evaluation.fairness", fairness.feature, plan.fairness)

    def _check_model_checks(self) -> None:
        checks = self.model_checks
        self._check_features("model_checks.invariant", [each.feature for each in checks.invariant])
        numbers = [each.feature for each in checks.directions]
        self._check_features("model_checks.directions", numbers, RangedFeature)
        for golden in checks.golden:
            one_of("label", golden.label, self.target.labels)
            golden.validated(self.features)
        ranges = {each.name: each for each in self.features if isinstance(each, RangedFeature)}
        for direction in checks.directions:
            feature = ranges[direction.feature]
            for value in direction.values or ():
                if not feature.minimum <= value <= feature.maximum:
                    raise ValueError(
                        f"model_checks.directions: {feature.name} must be from {feature.minimum:g} to "
                        f"{feature.maximum:g}, not {value:g}"
                    )

    def _check_features(self, key: str, names: Iterable[str], *kinds: type[BaseModel]) -> None:
        """Raise ValueError unless every name is that of a feature, of one of the kinds if there are any."""
        features = [each for each in self.features if not kinds or isinstance(each, kinds)]
        what = " or ".join(KINDS[kind] for kind in kinds) or "feature"
        for name in names:
            try:
                one_of(what, name, [each.name for each in features])
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error

    @property
    def training_checksum(self) -> str:
        """A checksum of all that decides what a model learns from given rows."""
        return self._checksum("features", "target", "split", "estimator", "training")

    @property
    def gates_checksum(self) -> str:
        """A checksum of all that a model is held to."""
        return self._checksum("evaluation", "gates", "model_checks")

    def _checksum(self, *sections: str) -> str:
        tree = self.model_dump(mode="json", include=set(sections))
        return sha256(json.dumps(tree, sort_keys=True).encode())

    def _check_columns(self) -> None:
        """Raise ValueError if one column of a file would be found for two features, or for the target too."""
        owners: dict[str, str] = {}
        names = [(name, feature.name) for feature in self.features for name in feature.names]
        for name, owner in [*names, (self.target.name, self.target.name)]:
            other = owners.setdefault(column_name(name), owner)
            if other != owner:
                raise ValueError(f"{owner!r} and {other!r} would be the same column {column_name(name)!r}")

    def _check_cells(self) -> None:
        """Raise ValueError for a text that no cell of a file can be, because their ends are stripped."""
        texts = {"target.labels": self.target.labels}
        for feature in self.features:
            if isinstance(feature, CategoryFeature):
                texts[f"features.{feature.name}.categories"] = feature.categories
            if feature.missing:
                texts[f"features.{feature.name}.missing.markers"] = feature.missing.markers
        for key, values in texts.items():
            for value in values:
                if not value or value != value.strip():
                    raise ValueError(f"{key}: {value!r} must not be empty, nor have spaces at its ends")


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
        raise SpecError(f"{path} is not YAML: {_place_and_problem(error)}.") from error
    if not isinstance(tree, Mapping):
        raise SpecError(f"{path} must hold a mapping with the keys {_keys(ModelSpec)}.")
    document = {**tree, SHA256: hashlib.sha256(content).hexdigest()}
    try:
        return ModelSpec.model_validate_json(json.dumps(document, default=str))
    except ValidationError as error:
        raise SpecError(_sentence(path, tree, error)) from error
    except (TypeError, ValueError) as error:  # a key that is a list or a date, an alias within its own anchor
        raise SpecError(f"{path} holds more than lists, mappings and plain values: {error}.") from error


def column_name(text: str) -> str:
    """Return what a column is called whichever way a file writes it: `Marital-Status` is `marital_status`."""
    return "_".join(re.findall(r"[^-_.\s]+", text.lower()))


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


def _place_and_problem(error: YAMLError) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def _sentence(path: Path, tree: Mapping[str, Any], error: ValidationError) -> str:
    """Say which key of the file is wrong, with names in place of list positions, and what is allowed."""
    first, *others = _mistakes(error)
    keys: list[str] = []
    models: list[type[BaseModel]] = [ModelSpec]
    place: Any = tree
    for part in first["loc"]:
        if isinstance(part, str) and (variant := _variant(models, part)):
            models = [variant]
            continue
        if part in TAGS and _child(place, part) is None:
            continue
        place = _child(place, part)
        named = isinstance(part, int) and isinstance(place, Mapping) and "name" in place
        keys.append(str(place["name"] if named else part))
        models = [each for model in models for each in _models_in(model, part)] or models
    more = f" ({len(others)} more)" if others else ""
    return ": ".join([str(path), *filter(None, [".".join(keys)]), _message(first, models)]) + f".{more}"


def _mistakes(error: ValidationError) -> list[ErrorDetails]:
    """Leave out that a list is too short when that is only because its items are wrong."""
    errors = error.errors(include_url=False)
    inner = {each["loc"][:depth] for each in errors for depth in range(len(each["loc"]))}
    return [each for each in errors if each["type"] != "too_short" or each["loc"] not in inner]


def _message(error: ErrorDetails, models: Sequence[type[BaseModel]]) -> str:
    allowed = {"keys": _keys(*models), "types": ", ".join(filter(None, map(_type_of, models)))}
    return MESSAGES.get(error["type"], error["msg"]).format_map(allowed | error.get("ctx", {}))


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
    return next((model for model in models if _type_of(model) == tag), None)


def _type_of(model: type[BaseModel]) -> str | None:
    kind = model.model_fields.get("type")
    return str(get_args(kind.annotation)[0]) if kind else None


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
