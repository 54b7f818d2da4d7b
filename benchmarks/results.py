"""Everything that was measured in one go, and the ratios that are read off it."""

from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import Figures, Footprint, Run, medians
from benchmarks.lineup import BASELINE, FLOOR_A, FLOOR_B
from benchmarks.workloads import SUITE, Workload


@dataclass
class Results:
    """Runs by server and workload; figures are their medians."""

    titles: dict[str, str] = field(default_factory=dict)
    footprints: dict[str, Footprint] = field(default_factory=dict)
    runs: dict[tuple[str, str], list[Run]] = field(default_factory=dict)
    request_bytes: dict[str, float] = field(default_factory=dict)
    """The mean size of a body, for each workload."""
    skipped: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)

    def add(self, server: str, workload: Workload, run: Run) -> None:
        self.runs.setdefault((server, workload.name), []).append(run)

    def figures(self, server: str, workload: Workload) -> Figures | None:
        runs = self.runs.get((server, workload.name))
        return medians(runs, workload.rows) if runs else None

    def ratio(self, workload: Workload, figure: str, server: str, other: str) -> float | None:
        """Return a figure of one server divided by that of another, None if either was not measured."""
        ours, theirs = self.figures(server, workload), self.figures(other, workload)
        if ours is None or theirs is None or not getattr(theirs, figure):
            return None
        return float(getattr(ours, figure) / getattr(theirs, figure))

    def document(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "model": self.model,
            "method": self.plan,
            "servers": {name: self._server(name) for name in self.titles},
            "skipped": self.skipped,
        }

    def _server(self, name: str) -> dict[str, Any]:
        footprint = self.footprints.get(name)
        found = {workload: self.figures(name, workload) for workload in SUITE}
        return {
            "title": self.titles[name],
            "footprint": footprint.document() if footprint else None,
            "workloads": {
                workload.name: figures.document() | self._ratios(name, workload)
                for workload, figures in found.items()
                if figures
            },
        }

    def _ratios(self, name: str, workload: Workload) -> dict[str, float | None]:
        ratios = {
            "cpu_to_floor_a": self.ratio(workload, "cpu_us", name, FLOOR_A),
            "cpu_to_floor_b": self.ratio(workload, "cpu_us", name, FLOOR_B),
            "requests_per_second_to_baseline": self.ratio(workload, "requests_per_second", name, BASELINE),
        }
        return {key: None if ratio is None else round(ratio, 3) for key, ratio in ratios.items()}
