"""Rows that stand in for real data: drawn as a spec declares, or by a generator of its own."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, FiniteFloat, field_validator, model_validator

from app.core.base_feature import Frozen
from app.core.contract import Target
from app.core.derived import Derived, compute_columns
from app.core.features import Feature, RangedFeature
from app.core.values import Name
from model_build.spec.invalid_key import InvalidKey, KeyPath

CENSUS = "census"
GENERATOR_NAMES = (CENSUS,)
"""Names of the generators that have code of their own."""
COMPUTED = "what an expression computes"
PATH: KeyPath = ("data", "synthetic")
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[FiniteFloat, Field(ge=0)]
Center = FiniteFloat | str
"""A number, or an expression over features that stand before in the spec."""


class Draw(Frozen):
    """How the values of one feature are drawn; one of the distributions is needed."""

    normal: tuple[Center, Annotated[FiniteFloat, Field(gt=0)]] | None = None
    """Mean and standard deviation; truncated to the range of the feature."""
    lognormal: tuple[Center, Annotated[FiniteFloat, Field(gt=0)]] | None = None
    """Mean and standard deviation of the logarithm; clipped to the range of the feature."""
    uniform: tuple[FiniteFloat, FiniteFloat] | None = None
    """The least and the largest value."""
    shares: dict[Name, Weight] | None = None
    """The share of each category, or of `true` and `false`; they need not sum to 1."""
    missing: Share = 0
    """Share of the values that are missing."""

    @model_validator(mode="after")
    def _has_one_distribution(self) -> Self:
        given = [self.normal, self.lognormal, self.uniform, self.shares]
        if sum(one is not None for one in given) != 1:
            raise ValueError("one of normal, lognormal, uniform and shares is needed")
        if self.uniform and self.uniform[0] >= self.uniform[1]:
            raise ValueError("uniform must rise")
        if self.shares is not None and not sum(self.shares.values()):
            raise ValueError("a share must be above 0")
        return self

    @property
    def center(self) -> Center | None:
        """The mean, if the distribution is declared by one."""
        declared = self.normal or self.lognormal
        return declared[0] if declared else None


class LabelDraw(Frozen):
    """How labels follow from the features."""

    shares: dict[Name, Weight]
    """The share of each label; they need not sum to 1."""
    effects: dict[Name, str] = Field(default_factory=dict)
    """For some labels an expression over features and derived features: the log-odds, up to a constant."""


class Synthetic(Frozen):
    """Rows that stand in for real data where no source answers."""

    generator: str | None = None
    """One with code of its own. Default: the rows are drawn as `draws` and `labels` declare."""
    rows: int = Field(ge=100)
    seed: int = Field(ge=0)
    draws: dict[str, Draw] = Field(default_factory=dict)
    """For every feature how its values are drawn, in the order of the features."""
    labels: LabelDraw | None = None

    @field_validator("generator")
    @classmethod
    def _generator_exists(cls, name: str | None) -> str | None:
        if name is not None and name not in GENERATOR_NAMES:
            raise ValueError(f"there is no generator {name!r}; allowed are {', '.join(GENERATOR_NAMES)}")
        return name

    @model_validator(mode="after")
    def _is_declared(self) -> Self:
        if (self.generator is None) != (bool(self.draws) and self.labels is not None):
            raise ValueError("give either a generator, or draws and labels")
        return self


def find_contradictions(
    synthetic: Synthetic, features: Sequence[Feature], derived: Sequence[Derived], target: Target
) -> Iterator[InvalidKey]:
    """Yield where the draws do not fit the features, the derived features and the target."""
    names = [feature.name for feature in features]
    for name in synthetic.draws.keys() - set(names):
        yield InvalidKey((*PATH, "draws", name), f"there is no feature {name!r}", is_unknown=True)
    for position, feature in enumerate(features):
        draw = synthetic.draws.get(feature.name)
        if draw is None:
            yield InvalidKey((*PATH, "draws"), f"{feature.name} is not drawn")
        else:
            path = (*PATH, "draws", feature.name)
            yield from _check_draw(path, draw, feature, tuple(features[:position]))
    if synthetic.labels:
        yield from _check_labels(synthetic.labels, tuple(features), tuple(derived), target)


def _check_draw(
    path: KeyPath, draw: Draw, feature: Feature, before: tuple[Feature, ...]
) -> Iterator[InvalidKey]:
    if not feature.is_categorical and not isinstance(feature, RangedFeature):
        yield InvalidKey(path, f"a feature of type {feature.type} can't be drawn")
    elif feature.is_categorical != (draw.shares is not None):
        kinds = "shares" if feature.is_categorical else "normal, lognormal or uniform"
        yield InvalidKey(path, f"{feature.name} needs {kinds}")
    for name in (draw.shares or {}).keys() - set(feature.levels):
        allowed = ", ".join(feature.levels)
        yield InvalidKey((*path, "shares", name), f"there is no {name!r}; allowed are {allowed}")
    if draw.missing and feature.missing is None:
        yield InvalidKey((*path, "missing"), f"{feature.name} may not be missing")
    if isinstance(draw.center, str):
        kind = "normal" if draw.normal else "lognormal"
        yield from _check_expression((*path, kind, 0), draw.center, before, ())


def _check_labels(
    labels: LabelDraw, features: tuple[Feature, ...], derived: tuple[Derived, ...], target: Target
) -> Iterator[InvalidKey]:
    path = (*PATH, "labels")
    for key, named in (("shares", labels.shares), ("effects", labels.effects)):
        for name in named.keys() - set(target.labels):
            allowed = ", ".join(target.labels)
            yield InvalidKey((*path, key, name), f"there is no label {name!r}; allowed are {allowed}")
    if not sum(labels.shares.values()):
        yield InvalidKey((*path, "shares"), "a share must be above 0")
    for label, expression in labels.effects.items():
        yield from _check_expression((*path, "effects", label), expression, features, derived)


def _check_expression(
    path: KeyPath, expression: str, features: tuple[Feature, ...], derived: tuple[Derived, ...]
) -> Iterator[InvalidKey]:
    try:
        compute_columns(features, (*derived, Derived(name=COMPUTED, expression=expression)))
    except ValueError as error:
        yield InvalidKey(path, str(error).removeprefix(f"derived.{COMPUTED}.expression: "))
