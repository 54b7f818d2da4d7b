"""Names of features in the other sections of a spec: whether there are such features, of that kind."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from app.core.features import Feature
from model_build.spec.document import MOST_LISTED
from model_build.spec.invalid_key import InvalidKey, KeyPath
from model_build.spec.sections import describe_unknown, list_allowed


def check_known(
    path: KeyPath, names: Iterable[str], features: Sequence[Feature], categorical: bool | None = None
) -> Iterator[InvalidKey]:
    """Yield every name, in a list or the keys of a mapping, that is of no feature of this kind.

    Beyond those that are listed, no name is compared with all others: that would take long.
    """
    is_key = isinstance(names, Mapping)
    known = set(names_of_kind(features, categorical))
    unknown = [(position, name) for position, name in enumerate(names) if name not in known]
    for number, (position, name) in enumerate(unknown):
        is_listed = number < MOST_LISTED
        sentence = describe_other_kind(name, features, categorical) if is_listed else None
        step = name if is_key else position
        yield InvalidKey((*path, step), sentence or f"there is no feature {name!r}", is_unknown=is_key)


def describe_other_kind(name: str, features: Sequence[Feature], categorical: bool | None) -> str | None:
    """Return why a name is of no categorical feature, no number, or (None) of no feature at all."""
    kind = {None: "feature", True: "category or boolean", False: "number"}[categorical]
    known = names_of_kind(features, categorical)
    if name in known:
        return None
    if any(feature.name == name for feature in features):
        return f"{name!r} is no {kind}; allowed are {list_allowed(known)}"
    return describe_unknown(kind, name, known)


def names_of_kind(features: Sequence[Feature], categorical: bool | None) -> list[str]:
    """Return the names of the categorical features, of the numbers, or (None) of all."""
    return [
        feature.name
        for feature in features
        if categorical is None or (feature.is_categorical == categorical and not feature.is_open)
    ]
