"""NAME.stability.json: what was measured with other seeds. It is beside NAME.yaml, and committed with it."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from app.core.contract import DataSource, Sha256, sha256
from model_build import atomic
from model_build.artifacts import Artifact, file_sha256
from model_build.gate_report import GateResult
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS
from model_build.stability.splits import CheckedRows, SplitResult

SECTIONS = {
    *("features", "derived", "target", "split"),
    *("estimator", "training", "evaluation", "gates", "model_checks"),
}
WITHOUT_EFFECT: Mapping[str, Any] = {
    "split": {"seed"},
    "training": {"search", "refit"},
    "evaluation": {"importance_repeats", "partial_dependence"},
    "gates": {"deployed", "maximum_microseconds"},
}
"""Keys that change nothing here: the seeds are others, and the judged model is the one before a refit."""
BOUNDS = frozenset({"minimum", "maximum", "tolerance", "minimum_probability", "maximum_bytes"})
LIST_OF_VALUES = re.compile(r"\[[^\[\]{}]*\]")
DIGITS = 6
"""Significant digits in the document; the rest differs between machines."""

GateKey = tuple[str, str, int]
"""Kind and name of a gate, and how many gates before it have the same."""
Bounds = Mapping[str, float]
"""The bounds of a gate by their names in the spec."""


class BoundSpread(Artifact):
    """What a bound of a gate was compared with, by seed; None where there was nothing to judge."""

    key: str
    values: tuple[float | None, ...]
    ends: tuple[float | None, ...]

    def outside(self, bound: float) -> Iterator[int]:
        """Yield the position of every seed at which the bound is not kept."""
        for position, end in enumerate(self.ends):
            if end is not None and not is_kept(self.key, bound, end):
                yield position


class GateSpread(Artifact):
    """A gate over all seeds."""

    kind: str
    name: str
    bounds: tuple[BoundSpread, ...]
    unbounded: tuple[int, ...]
    """Positions of the seeds at which the gate failed, but by no bound: a golden row had another label, or
    there was nothing to judge."""

    def failures(self, bounds: Bounds) -> int:
        """Return at how many seeds the gate fails with these bounds."""
        outside = (spread.outside(bounds[spread.key]) for spread in self.bounds if spread.key in bounds)
        return len(set(self.unbounded).union(*outside))


class Unmeasured(Artifact):
    seed: int
    error: str


Gate = TypeVar("Gate", GateSpread, GateResult)


class StabilityReport(Artifact):
    """What was measured on the rows of one source of data."""

    spec_checksum: Sha256
    """Of all in the spec that changes what is measured; the bounds of gates do not."""
    rows_checksum: Sha256
    data_uri: str
    rows: int
    seeds: tuple[int, ...]
    """Those with which a model could be measured."""
    unmeasured: tuple[Unmeasured, ...]
    metrics: Mapping[str, tuple[float, ...]]
    """By seed."""
    gates: tuple[GateSpread, ...]

    @property
    def gates_by_key(self) -> dict[GateKey, GateSpread]:
        return number_gates(self.gates)


class Stability(Artifact):
    """The whole document."""

    real: StabilityReport | None = None
    synthetic: StabilityReport | None = None

    @classmethod
    def read_if_there(cls, path: Path | None) -> Self:
        return cls.read(path) if path is not None and path.exists() else cls()

    def report(self, source: DataSource) -> StabilityReport | None:
        return self.real if source == "real" else self.synthetic

    def write(self, path: Path) -> None:
        """Write a list of numbers on one line, and replace the file in one step."""
        text = json.dumps(_round(self.model_dump(mode="json")), indent=2)
        atomic.write(path, (LIST_OF_VALUES.sub(_on_one_line, text) + "\n").encode())


@dataclass(frozen=True)
class KnownStability:
    """What is known about the stability of a model."""

    report: StabilityReport | None
    reason: str | None
    """Why there is no report."""


def find_report(path: Path | None, spec: ModelSpec, source: DataSource, rows: Sha256) -> KnownStability:
    """Return the report of the document if it is about this spec and the rows with this checksum."""
    report = Stability.read_if_there(path).report(source)
    if report is None:
        return KnownStability(None, f"no other split of {source} rows was measured")
    if report.spec_checksum != spec_checksum(spec):
        return KnownStability(None, "the other splits were measured with another spec")
    if report.rows_checksum != rows:
        return KnownStability(None, "the other splits were measured on other rows")
    return KnownStability(report, None)


def stability_checksum(path: Path | None) -> Sha256 | None:
    return file_sha256(path) if path is not None and path.exists() else None


def number_gates(gates: Iterable[Gate]) -> dict[GateKey, Gate]:
    """Return gates, or results of gates, by their keys."""
    earlier: Counter[tuple[str, str]] = Counter()
    numbered = {}
    for gate in gates:
        name: tuple[str, str] = (gate.kind, gate.name)
        numbered[*name, earlier[name]] = gate
        earlier[name] += 1
    return numbered


def summarize(spec: ModelSpec, rows: CheckedRows, splits: Sequence[SplitResult]) -> StabilityReport:
    """Collect what was measured with every seed."""
    measured = [split for split in splits if split.error is None]
    numbered = [number_gates(split.results) for split in measured]
    keys = dict.fromkeys(key for gates in numbered for key in gates)
    return StabilityReport(
        spec_checksum=spec_checksum(spec),
        rows_checksum=rows.checksum,
        data_uri=rows.origin.uri,
        rows=len(rows.data.labels),
        seeds=tuple(split.seed for split in measured),
        unmeasured=tuple(Unmeasured(seed=split.seed, error=split.error) for split in splits if split.error),
        metrics={name: tuple(split.metrics[name] for split in measured) for name in METRICS},
        gates=tuple(_summarize_gate(key, [gates.get(key) for gates in numbered]) for key in keys),
    )


def _summarize_gate(key: GateKey, results: Sequence[GateResult | None]) -> GateSpread:
    by_seed = [{bound.key: bound for bound in result.bounds} if result else {} for result in results]
    names = dict.fromkeys(name for bounds in by_seed for name in bounds)
    return GateSpread(
        kind=key[0],
        name=key[1],
        bounds=tuple(
            BoundSpread(
                key=name,
                values=tuple(bounds[name].value if name in bounds else None for bounds in by_seed),
                ends=tuple(bounds[name].end if name in bounds else None for bounds in by_seed),
            )
            for name in names
        ),
        unbounded=tuple(
            position for position, result in enumerate(results) if result and _fails_within_bounds(result)
        ),
    )


def _fails_within_bounds(result: GateResult) -> bool:
    kept = all(is_kept(bound.key, bound.bound, bound.end) for bound in result.bounds)
    return not result.passed and kept


def is_kept(key: str, bound: float, end: float) -> bool:
    return end >= bound if is_minimum(key) else end <= bound


def is_minimum(key: str) -> bool:
    return key.startswith("minimum")


def bounds_of(results: Iterable[GateResult]) -> dict[GateKey, dict[str, float]]:
    """Return the bounds of all gates that had something to judge."""
    return {
        key: {bound.key: bound.bound for bound in result.bounds}
        for key, result in number_gates(results).items()
    }


def spec_checksum(spec: ModelSpec) -> Sha256:
    """Return a checksum of all in the spec that changes what is measured.

    A key with its default value counts like one that is absent, so a later version with more keys agrees.
    """
    sections = spec.model_dump(mode="json", include=SECTIONS, exclude_defaults=True)
    for name, keys in WITHOUT_EFFECT.items():
        for key in keys:
            sections.get(name, {}).pop(key, None)
    for name in {"gates", "model_checks"} & sections.keys():
        sections[name] = _without_bounds(sections[name])
    return sha256(json.dumps(sections, sort_keys=True).encode())


def _without_bounds(section: Any) -> Any:
    """Replace every bound by whether there is one."""
    match section:
        case dict():
            return {
                key: (value is not None) if key in BOUNDS else _without_bounds(value)
                for key, value in section.items()
            }
        case list():
            return [_without_bounds(value) for value in section]
    return section


def _on_one_line(values: re.Match[str]) -> str:
    return " ".join(values[0].split())


def _round(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.{DIGITS}g}")
        case dict():
            return {key: _round(item) for key, item in value.items()}
        case list():
            return [_round(item) for item in value]
    return value
