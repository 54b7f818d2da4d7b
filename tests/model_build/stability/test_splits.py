"""A split is measured as a bake of the same rows, in the order of the split, would measure it."""

from pathlib import Path

import numpy as np
import pytest

from app.core.contract import Positions, Target
from model_build import pipeline
from model_build.artifacts import Evaluation
from model_build.console import Progress
from model_build.data.carried import Carried
from model_build.data.dataset import Dataset
from model_build.data.split import SplitRows, split_rows
from model_build.errors import GateError
from model_build.gate_report import ModelReport
from model_build.spec.model_spec import ModelSpec
from model_build.spec.split import Split
from model_build.stability import splits
from model_build.stability.splits import CheckedRows, SplitResult, measure_split
from model_build.stage import Job
from tests.model_build.conftest import load_spec
from tests.support.tiny import TINY, loans

GATED = (
    TINY
    + """
evaluation: {resamples: 100, fairness: {grade: A}}
gates:
  metrics: [{metric: roc_auc, minimum: 0.99}, {metric: log_loss, maximum: 5}]
  slices: [{metric: accuracy, minimum: 0.2, minimum_rows: 50}]
  fairness: [{metric: equal_opportunity_difference, feature: grade, maximum: 1, minimum_rows: 5}]
  maximum_bytes: 100_000
model_checks:
  directions: [{feature: years, score: falls, tolerance: 0.1}]
"""
)
FINGERPRINT = "f1" * 32


def checked(spec: ModelSpec, directory: Path, quiet: Progress) -> tuple[Job, CheckedRows]:
    """Return the rows of loans.csv in the directory."""
    job = Job(spec, directory / "build", directory, quiet, "real")
    pipeline.run_before("segregate", job)
    return job, CheckedRows.read(job)


@pytest.fixture
def rows(tiny_spec: ModelSpec, tmp_path: Path, quiet: Progress) -> CheckedRows:
    (tmp_path / "loans.csv").write_text(loans())
    return checked(tiny_spec, tmp_path, quiet)[1]


def test_a_split_has_the_metrics_and_gates_of_a_bake(tmp_path: Path, quiet: Progress) -> None:
    header, *lines = dict.fromkeys(loans().splitlines())
    (tmp_path / "loans.csv").write_text("\n".join([header, *lines]) + "\n")
    spec = load_spec(tmp_path, GATED)
    result = measure_split(spec, checked(spec, tmp_path, quiet)[1], 7, FINGERPRINT)

    order = np.random.default_rng(7).permutation(len(lines))
    (tmp_path / "loans.csv").write_text("\n".join([header, *(lines[row] for row in order)]) + "\n")
    job, _ = checked(load_spec(tmp_path, GATED.replace("seed: 1", "seed: 7")), tmp_path, quiet)
    for name in ("segregate", "train", "evaluate", "baselines"):
        pipeline.run(name, job)
    assert result.metrics == Evaluation.read(job.path("metrics.json")).metrics
    with pytest.raises(GateError, match=r"^No model was baked: 2 of 13 gates failed"):
        pipeline.run("check-model", job)
    baked = ModelReport.read(job.path("model-checks.json")).results
    assert result.results == tuple(gate for gate in baked if gate.kind != "latency")
    assert {gate.kind for gate in result.results} == {
        *("parity", "metric", "slice", "fairness", "size", "baseline", "behaviour")
    }


def test_the_same_seed_measures_the_same_whatever_the_seed_of_the_spec(
    tiny_spec: ModelSpec, rows: CheckedRows
) -> None:
    other = tiny_spec.model_copy(update={"split": tiny_spec.split.model_copy(update={"seed": 99})})
    first, again, second = (
        measure_split(spec, rows, seed, FINGERPRINT)
        for spec, seed in ((tiny_spec, 3), (other, 3), (tiny_spec, 4))
    )
    assert again == first
    assert first.metrics != second.metrics


def test_the_seed_changes_the_order_of_the_rows_and_the_split(
    tiny_spec: ModelSpec, rows: CheckedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[list[int], int]] = []

    def record(labels: Positions, target: Target, config: Split, carried: Carried) -> SplitRows:
        calls.append((labels.tolist(), config.seed))
        return split_rows(labels, target, config, carried)

    monkeypatch.setattr(splits, "split_rows", record)
    for seed in (3, 4):
        measure_split(tiny_spec, rows, seed, FINGERPRINT)
    orders = [rows.data.labels.tolist(), *(labels for labels, _ in calls)]
    assert [seed for _, seed in calls] == [3, 4]
    assert len(set(map(tuple, orders))) == 3
    assert len({tuple(sorted(labels)) for labels in orders}) == 1


def test_a_split_without_a_rare_label_says_so_and_stops_nothing(
    tiny_spec: ModelSpec, rows: CheckedRows
) -> None:
    unlucky = tiny_spec.model_copy(update={"split": Split(test=0.25, stratify=False, seed=1)})
    labels = np.zeros_like(rows.data.labels)
    labels[:2] = 1
    rare = CheckedRows(Dataset(rows.data.rows, labels), rows.origin, rows.checksum)
    errors = {measure_split(unlucky, rare, seed, FINGERPRINT).error for seed in range(1, 6)}
    assert errors == {
        "No row to score has paid yes.",
        "Only one training row has paid yes; cross-validation needs two rows of every label.",
    }
    assert measure_split(unlucky, rare, 1, FINGERPRINT) == SplitResult(
        seed=1, fingerprint=FINGERPRINT, error=measure_split(unlucky, rare, 1, FINGERPRINT).error
    )
