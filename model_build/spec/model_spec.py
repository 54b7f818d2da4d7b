"""YAML → ModelSpec: the single source of truth about a model."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from app.core.column_names import normalize_column_name
from app.core.contract import Target, Version, sha256
from app.core.derived import Derived, compute_columns
from app.core.features import Feature, Frozen, RangedFeature, check_names
from app.core.ids import Id
from model_build.errors import SpecError
from model_build.spec.estimator import (
    BINNING,
    CODE,
    MOST_BINS,
    Estimator,
    check_category_orders,
    check_parameters,
)
from model_build.spec.messages import describe_errors, describe_yaml_error, list_keys
from model_build.spec.own_estimator import import_code, is_own
from model_build.spec.sections import (
    MODEL_NAME,
    Card,
    Data,
    DataChecks,
    EvaluationSection,
    Gates,
    ModelChecks,
    Split,
    require_known,
)
from model_build.spec.training import CATEGORY_ORDER, Training, Values
from model_build.text import pluralize

SPECS = Path(__file__).parents[1] / "specs"
SHA256 = "sha256 of the spec"  # no key of a file has this name


class ModelSpec(Frozen):
    """A whole spec file, and the sha256 of its bytes."""

    name: str = Field(pattern=MODEL_NAME)
    title: str = Field(min_length=1)
    version: Version
    description: str
    data: Data
    features: tuple[Feature, ...] = Field(min_length=1)
    derived: tuple[Derived, ...] = ()
    ids: tuple[Id, ...] = ()
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
    def _names_are_consistent(self) -> Self:
        compute_columns(self.features, self.derived)
        check_names([*self.features, *self.derived, *self.ids])
        names = {name for feature in self.features for name in feature.names}
        id_names = {name for one in self.ids for name in one.names}
        if self.target.name in names | {one.name for one in self.derived} | id_names:
            kind = "an id" if self.target.name in id_names else "a feature"
            raise ValueError(f"target {self.target.name!r} is also {kind}")
        unknown = [
            column for column in self.data.columns if column not in names | id_names | {self.target.name}
        ]
        if unknown:
            raise ValueError(f"data.columns has {unknown[0]!r}; allowed are the features and the target")
        self._check_file_columns()
        self._check_cells()
        return self

    @model_validator(mode="after")
    def _sections_are_consistent(self) -> Self:
        self._check_training()
        self._check_evaluation()
        self._check_gates()
        self._check_model_checks()
        reference = self.data_checks.reference
        if reference and reference.source is None and self.data.synthetic is None:
            raise ValueError("data_checks.reference needs a source, because data.synthetic is not declared")
        return self

    @property
    def columns(self) -> tuple[Feature, ...]:
        """The columns of the matrix that the model reads, described as features are."""
        return compute_columns(self.features, self.derived).columns

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The estimator's parameters, and the order of the categories if it is not the default."""
        order = self.training.category_order
        return {**self.estimator.parameters, **({} if order == "codes" else {CATEGORY_ORDER: order})}

    @property
    def training_checksum(self) -> str:
        """A checksum of everything that decides what a model learns from given rows."""
        return self._checksum("features", "derived", "target", "split", "estimator", "training")

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

    def _check_file_columns(self) -> None:
        """Raise ValueError if one column of a file would match two features, or a feature and the target."""
        owners: dict[str, str] = {}
        fields = [*self.features, *self.ids]
        names = [(name, field.name) for field in fields for name in field.names]
        for name, owner in [*names, (self.target.name, self.target.name)]:
            column = normalize_column_name(name)
            first_owner = owners.setdefault(column, owner)
            if first_owner != owner:
                raise ValueError(f"{first_owner!r} and {owner!r} both match the column {column!r}")

    def _check_cells(self) -> None:
        """Raise ValueError for a text that no cell can hold, because spaces around a cell are removed."""
        texts = {"target.labels": self.target.labels}
        for feature in self.features:
            texts[f"features.{feature.name}.categories"] = feature.levels
            if feature.missing:
                texts[f"features.{feature.name}.missing.markers"] = feature.missing.markers
        for key, values in texts.items():
            for value in values:
                if not value or value != value.strip():
                    raise ValueError(f"{key}: {value!r} must not be empty, nor have spaces at its ends")

    def _check_training(self) -> None:
        training = self.training
        self._check_columns("training.drop", training.drop)
        self._check_columns("training.clip", training.clip, categorical=False)
        remaining, required = (
            len(self.columns) - len(set(training.drop)),
            training.select if isinstance(training.select, int) else 1,
        )
        if remaining < required:
            raise ValueError(
                f"training: drop leaves {pluralize(remaining, 'feature')}; at least {required} must remain"
            )
        if not self.target.is_binary and training.threshold != "fixed":
            raise ValueError("training.threshold: only a target with two labels has a threshold")
        self._check_bins()
        with _error_at(f"training.{CATEGORY_ORDER}"):
            check_category_orders(self.estimator.name, [training.category_order])
        if training.search:
            self._check_space(training.search.space)

    def _check_bins(self) -> None:
        """Raise ValueError for categories that the boosting would merge, because it has too few bins."""
        for column in self.columns:
            count = len(set(column.codes.values())) if column.is_categorical else 0
            if self.estimator.name in BINNING and count > MOST_BINS and column.name not in self.training.drop:
                raise ValueError(
                    f"features.{column.name}: {self.estimator.name} can't tell {count:,} categories apart, "
                    f"only {MOST_BINS}. Merge rare ones, or use random_forest or logistic_regression"
                )

    def _check_space(self, space: Mapping[str, Values]) -> None:
        with _error_at("training.search.space"):
            check_parameters(self.estimator.name, [name for name in space if name != CATEGORY_ORDER])
        with _error_at(f"training.search.space.{CATEGORY_ORDER}"):
            check_category_orders(self.estimator.name, space.get(CATEGORY_ORDER, ()))

    def _check_evaluation(self) -> None:
        slices, fairness = self.evaluation.slices, self.evaluation.fairness
        self._check_columns("evaluation.slices.features", slices.features or ())
        self._check_columns("evaluation.slices.cuts", slices.cuts, categorical=False)
        for intersection in slices.intersections:
            self._check_columns("evaluation.slices.intersections", intersection)
        self._check_columns("evaluation.fairness", fairness, categorical=True)
        for feature in self.columns:
            if feature.name in fairness:
                with _error_at(f"evaluation.fairness.{feature.name}"):
                    require_known("group", fairness[feature.name], feature.levels)

    def _check_gates(self) -> None:
        slices = self.evaluation.slices
        sliced = [{name} for name in slices.features or [column.name for column in self.columns]]
        sliced += map(set, slices.intersections)
        for gate in self.gates.slices:
            names = set(gate.features or ()) - ({self.target.name} if slices.by_label else set())
            self._check_columns("gates.slices", names)
            if names and not any(features <= names for features in sliced):
                raise ValueError(f"gates.slices: evaluation has no slices by {', '.join(sorted(names))}")
        for fairness in self.gates.fairness:
            if fairness.feature not in self.evaluation.fairness:
                raise ValueError(f"gates.fairness: {fairness.feature!r} is not in evaluation.fairness")
            if fairness.label:
                with _error_at("gates.fairness"):
                    require_known("label", fairness.label, self.target.labels)

    def _check_model_checks(self) -> None:
        checks = self.model_checks
        self._check_features("model_checks.invariant", [check.feature for check in checks.invariant])
        self._check_features(
            "model_checks.directions", [check.feature for check in checks.directions], categorical=False
        )
        for golden in checks.golden:
            with _error_at(f"model_checks.golden: {golden.title}"):
                require_known("label", golden.label, self.target.labels)
            golden.validated(self.features)
        numbers = {feature.name: feature for feature in self.features if isinstance(feature, RangedFeature)}
        for direction in checks.directions:
            feature = numbers[direction.feature]
            for value in direction.values or ():
                if not feature.minimum <= value <= feature.maximum:
                    raise ValueError(
                        f"model_checks.directions: {feature.name} must be from {feature.minimum:g} to "
                        f"{feature.maximum:g}, not {value:g}"
                    )

    def _check_features(self, key: str, names: Iterable[str], categorical: bool | None = None) -> None:
        """Raise ValueError unless every name is of a feature: a categorical one, a number, or (None) any."""
        _require_features(key, names, self.features, categorical)

    def _check_columns(self, key: str, names: Iterable[str], categorical: bool | None = None) -> None:
        """Do as `_check_features` does for names that may be of derived features too."""
        _require_features(key, names, self.columns, categorical)


def _require_features(
    key: str, names: Iterable[str], features: Iterable[Feature], categorical: bool | None
) -> None:
    kind = {None: "feature", True: "category or boolean", False: "number"}[categorical]
    known = [feature.name for feature in features if categorical in {None, feature.is_categorical}]
    with _error_at(key):
        for name in names:
            require_known(kind, name, known)


@contextmanager
def _error_at(key: str) -> Iterator[None]:
    """Put the key of the spec before the sentence of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def load(name_or_path: str) -> ModelSpec:
    """Read the spec of that name in `model_build/specs`, or the file at that path, as `parse` does."""
    path = find(name_or_path)
    return parse(path.read_bytes(), path)


def parse(content: bytes, path: Path) -> ModelSpec:
    """Return the spec that a file at that path has.

    Raises:
        SpecError: a sentence with the file, the key and what is allowed.
    """
    document = _parse_yaml(path, content)
    try:
        text = json.dumps({**_with_code(document, path.parent), SHA256: sha256(content)}, default=_to_text)
        return ModelSpec.model_validate_json(text)
    except ValidationError as error:
        raise SpecError(f"{path}: {describe_errors(error, document, ModelSpec)}") from error
    except (TypeError, ValueError) as error:  # a key that is a list or a date, an alias within its own anchor
        raise SpecError(f"{path} must hold only lists, mappings and plain values: {error}.") from error


def _to_text(value: Any) -> str:
    """Return a date of YAML in ISO 8601, and anything else as Python shows it."""
    return value.isoformat() if isinstance(value, date) else str(value)


def _with_code(document: Mapping[str, Any], directory: Path) -> Mapping[str, Any]:
    """Import the code of an estimator of one's own, and add its checksum; other specs stay as they are."""
    estimator = document.get("estimator")
    name = estimator.get("name") if isinstance(estimator, Mapping) else None
    if not isinstance(name, str) or not is_own(name):
        return document
    return {**document, "estimator": {**document["estimator"], CODE: import_code(name, directory)}}


def find(name_or_path: str) -> Path:
    """Return the file of a spec; raise SpecError with the known names if there is none."""
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = SPECS / f"{name_or_path}.yaml"
    if not path.is_file():
        names = ", ".join(sorted(spec.stem for spec in SPECS.glob("*.yaml")))
        raise SpecError(
            f"There is no model spec {name_or_path!r}. Give the path of a .yaml file, or one of: {names}."
        )
    return path


def stability_path(name_or_path: str) -> Path:
    """Return the file with what `stability` measured, beside that of the spec."""
    return find(name_or_path).with_suffix(".stability.json")


def _parse_yaml(path: Path, content: bytes) -> Mapping[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(content)
    except YAMLError as error:
        raise SpecError(f"{path} is not YAML: {describe_yaml_error(error)}.") from error
    if not isinstance(document, Mapping):
        raise SpecError(f"{path} must hold a mapping with the keys {list_keys(ModelSpec)}.")
    return document
