"""What the sections of a spec must have in common: names, labels, limits.

Each check takes the sections that it needs and yields every contradiction between them. So a spec with one
wrong section is still checked in all others.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.core.column_names import normalize_column_name
from app.core.contract import Target
from app.core.derived import Derived, compute_columns
from app.core.features import Feature, RangedFeature
from app.core.ids import Id
from model_build.spec import synthetic
from model_build.spec.estimator import (
    BINNING,
    MOST_BINS,
    Estimator,
    check_category_order,
    describe_unknown_parameter,
    takes_weights,
)
from model_build.spec.feature_names import check_known, describe_other_kind
from model_build.spec.invalid_key import InvalidKey, KeyPath
from model_build.spec.sections import (
    MOST_SLICED,
    Data,
    DataChecks,
    EvaluationSection,
    Gates,
    ModelChecks,
    describe_unknown,
)
from model_build.spec.split import Split
from model_build.spec.training import CATEGORY_ORDER, Range, Training
from model_build.text import pluralize

Features = Sequence[Feature]
Contradictions = Iterator[InvalidKey]


def find_contradictions(sections: Mapping[str, Any]) -> Contradictions:
    """Yield in what the sections contradict each other; sections that are wrong themselves are left out.

    A check may also take `columns`: those that the model reads, if features and derived features are right.
    """
    known = dict(sections)
    if known.keys() >= {"features", "derived", "ids"}:
        errors = [*_check_names(known["features"], known["derived"], known["ids"])]
        errors = errors or [*_check_derived(known["features"], known["derived"])]
        yield from errors
        if not errors:
            known["columns"] = compute_columns(known["features"], known["derived"]).columns
    for check in CHECKS:
        needed = inspect.signature(check).parameters.keys()
        if needed <= known.keys():
            yield from check(**{name: known[name] for name in needed})


# ---- features, ids and the target


def _check_names(features: Features, derived: Sequence[Derived], ids: Sequence[Id]) -> Contradictions:
    owners = {"inputs": "the key that holds the rows of a request"}
    names = [*_names("features", features), *_names("derived", derived), *_names("ids", ids)]
    for path, name, owner in names:
        if name in owners:
            yield InvalidKey(path, f"feature name or alias {name!r} is taken already by {owners[name]}")
        owners.setdefault(name, f"feature {owner!r}")


def _check_derived(features: Features, derived: Sequence[Derived]) -> Contradictions:
    """Yield the error of every expression, unless it only reads a derived feature with an error."""
    right: list[Derived] = []
    try:
        compute_columns(tuple(features), ())
    except ValueError as error:  # a part of a date has the name of another feature
        yield InvalidKey(("features",), str(error))
        return
    for position, one in enumerate(derived):
        try:
            compute_columns(tuple(features), (*right, one))
        except ValueError as error:
            prefix, sentence = f"derived.{one.name}.expression: ", str(error)
            wrong = [other.name for other in derived[:position] if other not in right]
            if not any(f"unknown name {name!r}" in sentence for name in wrong):
                yield InvalidKey(("derived", position, "expression"), sentence.removeprefix(prefix))
        else:
            right.append(one)


def _check_target(
    features: Features, derived: Sequence[Derived], ids: Sequence[Id], target: Target
) -> Contradictions:
    id_names = {name for one in ids for name in one.names}
    names = {name for feature in features for name in feature.names} | {one.name for one in derived}
    if target.name in names | id_names:
        kind = "an id" if target.name in id_names else "a feature"
        yield InvalidKey(("target", "name"), f"target {target.name!r} is also {kind}")


def _check_file_columns(features: Features, ids: Sequence[Id], target: Target) -> Contradictions:
    """Yield each name that matches the same column of a file as another name of another feature."""
    owners: dict[str, tuple[str, str]] = {}
    names = [*_names("features", features), *_names("ids", ids)]
    for path, name, owner in [*names, (("target", "name"), target.name, target.name)]:
        column = normalize_column_name(name)
        first_name, first_owner = owners.setdefault(column, (name, owner))
        if first_owner != owner and first_name != name:
            yield InvalidKey(path, f"{first_owner!r} and {owner!r} both match the column {column!r}")


def _check_data_columns(
    data: Data, features: Features, ids: Sequence[Id], target: Target, split: Split, weight: str | None
) -> Contradictions:
    names = [name for field in [*features, *ids] for name in field.names] + [target.name]
    names += filter(None, (split.by, split.groups, weight))
    for position, column in enumerate(data.columns):
        if column not in names:
            sentence = describe_unknown("feature, id or target", column, names)
            yield InvalidKey(("data", "columns", position), sentence)


def _check_cells_of_features(features: Features) -> Contradictions:
    for position, feature in enumerate(features):
        categories = feature.levels if feature.type == "category" else ()
        yield from _check_cells(("features", position, "categories"), categories)
        if feature.missing:
            yield from _check_cells(("features", position, "missing", "markers"), feature.missing.markers)
        if feature.type == "boolean":
            yield from _check_cells(("features", position, "words", "true"), feature.words.true)
            yield from _check_cells(("features", position, "words", "false"), feature.words.false)


def _check_cells_of_target(target: Target) -> Contradictions:
    yield from _check_cells(("target", "labels"), target.labels)
    for label, names in target.merge.items():
        yield from _check_cells(("target", "merge", label), names)


def _check_cells(path: KeyPath, texts: Iterable[str]) -> Contradictions:
    """Yield the texts that no cell can hold, because spaces around a cell are removed."""
    for position, text in enumerate(texts):
        if not text or text != text.strip():
            yield InvalidKey((*path, position), f"{text!r} must not be empty, nor have spaces at its ends")


def _names(section: str, fields: Iterable[Any]) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield every name and alias with its path, and the name of the field."""
    for position, field in enumerate(fields):
        yield (section, position, "name"), field.name, field.name
        for number, alias in enumerate(field.names[1:]):
            yield (section, position, "aliases", number), alias, field.name


# ---- split and weight


def _check_split_kind(split: Split) -> Contradictions:
    kinds = [key for key in ("by", "groups", "file") if getattr(split, key)]
    if len(kinds) > 1:
        yield InvalidKey(("split", kinds[1]), f"only one of {' and '.join(kinds)} can split the rows")
    if split.file and split.test is not None:
        sentence = "the share of the rows, and file has test rows of its own: only one fits"
        yield InvalidKey(("split", "test"), sentence)
    if not split.file and split.test is None:
        yield InvalidKey(("split", "test"), "this key is required")


def _check_split(split: Split, features: Features, target: Target) -> Contradictions:
    for key, name in (("by", split.by), ("groups", split.groups)):
        if name == target.name:
            yield InvalidKey(("split", key), f"the target {name!r} can't split the rows")
    feature = next((feature for feature in features if split.by in feature.names), None)
    if feature and feature.is_categorical:
        yield InvalidKey(("split", "by"), f"{split.by} is a {feature.type}, and needs an order: that of time")


def _check_folds_by_time(split: Split, training: Training) -> Contradictions:
    if split.by and training.search and training.search.repeats > 1:
        sentence = "must be 1, because split.by leaves only one way to make folds"
        yield InvalidKey(("training", "search", "repeats"), sentence)


def _check_test_file(split: Split, data: Data) -> Contradictions:
    if split.file and data.synthetic:
        yield InvalidKey(("split", "file"), "synthetic rows (data.synthetic) have no file of test rows")


def _check_weight(
    weight: str | None, features: Features, target: Target, estimator: Estimator
) -> Contradictions:
    names = {name for feature in features for name in feature.names}
    if weight in names | {target.name}:
        kind = "a feature" if weight in names else "the target"
        yield InvalidKey(("weight",), f"{weight!r} is {kind}; a weight is a column of its own")
    if weight and not takes_weights(estimator.name, estimator.parameters):
        yield InvalidKey(("weight",), f"{estimator.name} takes no sample weights")


# ---- training


def _check_training(columns: Features, training: Training) -> Contradictions:
    yield from check_known(("training", "drop"), training.drop, columns)
    yield from check_known(("training", "clip"), training.clip, columns, categorical=False)
    remaining = len(columns) - len(set(training.drop))
    required = training.select if isinstance(training.select, int) else 1
    if remaining < required:
        sentence = f"drop leaves {pluralize(remaining, 'feature')}; at least {required} must remain"
        yield InvalidKey(("training",), sentence)


def _check_threshold(target: Target, training: Training) -> Contradictions:
    if not target.is_binary and training.threshold != "fixed":
        yield InvalidKey(("training", "threshold"), "only a target with two labels has a threshold")


def _check_bins(columns: Features, estimator: Estimator, training: Training) -> Contradictions:
    """Yield the categories that the boosting would merge, because it has too few bins."""
    for column in columns:
        count = len(set(column.codes.values())) if column.is_categorical else 0
        if estimator.name in BINNING and count > MOST_BINS and column.name not in training.drop:
            sentence = (
                f"{estimator.name} can't tell {count:,} categories apart, only {MOST_BINS}. "
                "Declare an open_category, or use random_forest or logistic_regression"
            )
            yield InvalidKey(("features", column.name), sentence)


def _check_category_order(estimator: Estimator, training: Training) -> Contradictions:
    space = training.search.space if training.search else {}
    orders: dict[KeyPath, Any] = {("training", CATEGORY_ORDER): training.category_order}
    choices = space.get(CATEGORY_ORDER, ())
    if not isinstance(choices, Range):
        path: KeyPath = ("training", "search", "space", CATEGORY_ORDER)
        orders |= {(*path, position): order for position, order in enumerate(choices)}
    for key_path, order in orders.items():
        if sentence := check_category_order(estimator.name, order):
            yield InvalidKey(key_path, sentence)


def _check_space(estimator: Estimator, training: Training) -> Contradictions:
    space = training.search.space if training.search else {}
    for name in space:
        sentence = None if name == CATEGORY_ORDER else describe_unknown_parameter(estimator.name, name)
        if sentence:
            yield InvalidKey(("training", "search", "space", name), sentence, is_unknown=True)


# ---- evaluation, gates and model checks


def _check_slices(columns: Features, evaluation: EvaluationSection) -> Contradictions:
    slices = evaluation.slices
    path: KeyPath = ("evaluation", "slices")
    columns = [column for column in columns if not column.is_open]
    yield from check_known((*path, "features"), slices.features or (), columns)
    yield from check_known((*path, "cuts"), slices.cuts, columns, categorical=False)
    for position, intersection in enumerate(slices.intersections):
        yield from check_known((*path, "intersections", position), intersection, columns)


def _check_fairness(columns: Features, evaluation: EvaluationSection) -> Contradictions:
    path: KeyPath = ("evaluation", "fairness")
    yield from check_known(path, evaluation.fairness, columns, categorical=True)
    levels = {column.name: column.levels for column in columns if column.is_categorical}
    for name, group in evaluation.fairness.items():
        if name in levels and group not in levels[name]:
            yield InvalidKey((*path, name), describe_unknown("group", group, levels[name]))


def _check_slice_gates(
    columns: Features, target: Target, evaluation: EvaluationSection, gates: Gates
) -> Contradictions:
    slices = evaluation.slices
    sliced = [{name} for name in slices.features or [column.name for column in columns]]
    sliced += map(set, slices.intersections)
    for position, gate in enumerate(gates.slices):
        path: KeyPath = ("gates", "slices", position, "features")
        names = [name for name in gate.features or () if not (slices.by_label and name == target.name)]
        unknown = [*check_known(path, names, columns)]
        yield from unknown
        if names and not unknown and slices.features is None and len(columns) > MOST_SLICED:
            reason = f"of more than {MOST_SLICED} features not all are sliced"
            yield InvalidKey(path, f"{reason}; name {', '.join(names)} in evaluation.slices.features too")
        elif names and not unknown and not any(features <= set(names) for features in sliced):
            yield InvalidKey(path, f"evaluation has no slices by {', '.join(names)}")


def _check_fairness_gates(target: Target, evaluation: EvaluationSection, gates: Gates) -> Contradictions:
    for position, gate in enumerate(gates.fairness):
        path: KeyPath = ("gates", "fairness", position)
        if gate.feature not in evaluation.fairness:
            yield InvalidKey((*path, "feature"), f"{gate.feature!r} is not in evaluation.fairness")
        if gate.label and gate.label not in target.labels:
            yield InvalidKey((*path, "label"), describe_unknown("label", gate.label, target.labels))


def _check_invariances(features: Features, model_checks: ModelChecks) -> Contradictions:
    for position, invariance in enumerate(model_checks.invariant):
        if sentence := describe_other_kind(invariance.feature, features, categorical=None):
            yield InvalidKey(("model_checks", "invariant", position, "feature"), sentence)


def _check_directions(features: Features, model_checks: ModelChecks) -> Contradictions:
    numbers = {feature.name: feature for feature in features if isinstance(feature, RangedFeature)}
    for position, direction in enumerate(model_checks.directions):
        path: KeyPath = ("model_checks", "directions", position)
        if sentence := describe_other_kind(direction.feature, features, categorical=False):
            yield InvalidKey((*path, "feature"), sentence)
        feature = numbers.get(direction.feature)
        for number, value in enumerate(direction.values or ()):
            if feature and not feature.minimum <= value <= feature.maximum:
                limits = f"from {feature.minimum:g} to {feature.maximum:g}"
                yield InvalidKey((*path, "values", number), f"{feature.name} must be {limits}, not {value:g}")


def _check_golden(features: Features, target: Target, model_checks: ModelChecks) -> Contradictions:
    for position, golden in enumerate(model_checks.golden):
        path: KeyPath = ("model_checks", "golden", position)
        if golden.label not in target.labels:
            yield InvalidKey((*path, "label"), describe_unknown("label", golden.label, target.labels))
        try:
            golden.validated(features)
        except ValueError as error:
            yield InvalidKey((*path, "row"), str(error))


def _check_reference(data: Data, data_checks: DataChecks) -> Contradictions:
    reference = data_checks.reference
    if reference and reference.source is None and data.synthetic is None:
        sentence = "needs a source, because data.synthetic is not declared"
        yield InvalidKey(("data_checks", "reference"), sentence)


def _check_synthetic(
    features: Features, derived: Sequence[Derived], target: Target, data: Data
) -> Contradictions:
    if data.synthetic and data.synthetic.generator is None:
        yield from synthetic.find_contradictions(data.synthetic, features, derived, target)


def _check_definitions(features: Features, data_checks: DataChecks) -> Contradictions:
    return check_known(("data_checks", "definitions"), data_checks.definitions, features)


CHECKS: tuple[Callable[..., Contradictions], ...] = (
    _check_target,
    _check_file_columns,
    _check_data_columns,
    _check_cells_of_features,
    _check_cells_of_target,
    _check_split_kind,
    _check_split,
    _check_folds_by_time,
    _check_test_file,
    _check_weight,
    _check_training,
    _check_threshold,
    _check_bins,
    _check_category_order,
    _check_space,
    _check_slices,
    _check_fairness,
    _check_slice_gates,
    _check_fairness_gates,
    _check_invariances,
    _check_directions,
    _check_golden,
    _check_reference,
    _check_definitions,
    _check_synthetic,
)
