"""The committed stability of the census model: it is of today's spec, and no gate fails on any split."""

from collections.abc import Iterator

import pytest

from app.core.contract import DataSource
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import Bounds
from model_build.spec.spec_files import stability_path
from model_build.stability.document import GateKey, Stability, StabilityReport, spec_checksum

FEWEST = 10
"""Splits that the gates of the census model are set by."""


@pytest.fixture(scope="module")
def census() -> ModelSpec:
    return model_spec.load("census")


def report_of(source: DataSource) -> StabilityReport:
    report = Stability.read_if_there(stability_path("census")).report(source)
    assert report is not None
    return report


def declared_bounds(spec: ModelSpec, source: DataSource) -> Iterator[tuple[GateKey, dict[str, float]]]:
    gates, checks = spec.gates, spec.model_checks
    named: list[tuple[str, str, Bounds]] = [
        *(("metric", gate.metric, gate) for gate in gates.metrics),
        *(("slice", f"{gate.metric} of slices", gate) for gate in gates.slices),
        *(("fairness", f"{gate.metric} of {gate.feature}", gate) for gate in gates.fairness),
    ]
    for kind, name, gate in named:
        if gate.data_source in {None, source}:
            yield (kind, name, 0), gate.model_dump(include={"minimum", "maximum"}, exclude_none=True)
    assert gates.maximum_bytes is not None
    yield ("size", "bytes", 0), {"maximum_bytes": gates.maximum_bytes}
    for invariant in checks.invariant:
        yield ("behaviour", f"{invariant.feature} invariant", 0), {"tolerance": invariant.tolerance}
    for direction in checks.directions:
        name = f"{direction.feature} {direction.score}"
        yield ("behaviour", name, 0), {"tolerance": direction.tolerance}
    for golden in checks.golden:
        yield ("behaviour", golden.title, 0), {"minimum_probability": golden.minimum_probability}


@pytest.mark.parametrize("source", ["real", "synthetic"])
def test_stability_is_of_the_parameters_of_today(census: ModelSpec, source: DataSource) -> None:
    report = report_of(source)
    command = f"python -m model_build stability census --source {source}"
    assert report.spec_checksum == spec_checksum(census), f"the spec has changed; run `{command}`"
    assert report.unmeasured == ()
    assert len(report.seeds) >= FEWEST


@pytest.mark.parametrize("source", ["real", "synthetic"])
def test_no_gate_fails_on_any_split(census: ModelSpec, source: DataSource) -> None:
    bounds = dict(declared_bounds(census, source))
    gates = {key: gate for key, gate in report_of(source).gates_by_key.items() if gate.kind != "baseline"}
    assert {key for key, gate in gates.items() if gate.bounds} == set(bounds)
    assert {gate.name: gate.failures(bounds.get(key, {})) for key, gate in gates.items()} == dict.fromkeys(
        (gate.name for gate in gates.values()), 0
    )
