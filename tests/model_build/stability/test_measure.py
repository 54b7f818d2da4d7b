from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.core.contract import Sha256
from model_build import pipeline
from model_build.console import Progress
from model_build.errors import DataError
from model_build.spec.model_spec import ModelSpec
from model_build.stability import measure
from model_build.stability.document import Stability, Unmeasured
from model_build.stability.measure import measure_stability
from model_build.stability.splits import CheckedRows, SplitResult
from model_build.stage import Job
from tests.model_build.conftest import load_spec
from tests.model_build.stability.conftest import at_least, gate, split_result
from tests.support.tiny import TINY

PATH = "tiny.stability.json"


@pytest.fixture
def job(tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path) -> Job:
    """A job whose rows are checked, in a directory of its own; what it prints is in its console."""
    progress = Progress(Console(file=StringIO(), width=100, soft_wrap=True))
    job = Job(tiny_spec, tmp_path / "build", tiny_data, progress, "real")
    pipeline.run_before("segregate", job)
    return job


Measured = list[int]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Let a split measure made-up numbers in this process, and return the list of the seeds that did."""
    seeds: Measured = []

    def measure_split(spec: ModelSpec, rows: CheckedRows, seed: int, fingerprint: Sha256) -> SplitResult:
        seeds.append(seed)
        assert spec.split.seed == 1
        assert len(rows.data.labels) == 398
        if seed == 4:
            return SplitResult(seed=4, fingerprint=fingerprint, error="No training row has paid yes.")
        results = (
            gate("parity", "parity"),
            gate("metric", "roc_auc", at_least(0.5, 0.9, 0.8 - seed / 100)),
            gate("baseline", "untouched boosting", at_least(0, 0.1, 0.05), severity="warn", passed=seed != 2),
        )
        return split_result(seed, 1 - seed / 10, *results).model_copy(update={"fingerprint": fingerprint})

    monkeypatch.setattr(measure, "measure_split", measure_split)
    monkeypatch.setattr(measure, "cpu_count", lambda: 1)
    return seeds


def printed(job: Job) -> str:
    console: Console = job.progress._console
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_report_has_the_seeds_in_their_order(job: Job, measured: Measured, tmp_path: Path) -> None:
    report = measure_stability(job, 3, tmp_path / PATH)
    assert measured == [1, 2, 3]
    assert report.seeds == (1, 2, 3)
    assert report.metrics["roc_auc"] == (0.9, 0.8, 0.7)
    assert report.data_uri == "loans.csv"
    assert report.rows == 398
    assert Stability.read_if_there(tmp_path / PATH) == Stability(real=report)


def test_the_terminal_shows_spreads_gates_and_suggested_bounds(
    job: Job, measured: Measured, tmp_path: Path
) -> None:
    measure_stability(job, 4, tmp_path / PATH)
    text = printed(job)
    assert len(measured) == 4
    for line in (
        "Measuring tiny on 4 splits of 398 rows\n",
        "  split 1/4: seed 1: ROC AUC 0.9000, 0 of 3 gates failed\n",
        "  split 2/4: seed 2: ROC AUC 0.8000, 0 of 3 gates failed, 1 only warned\n",
        "  split 4/4: seed 4 could not be measured: No training row has paid yes.\n",
        "3 splits of 398 rows, loans.csv",
        "│ roc_auc            │ 0.8000 │    0.1000 │ 0.7000 │  0.9000 │\n",
        "│ untouched boosting │ 0.1000 │    0.0000 │ 0.1000 │  0.1000 │\n",
        "│ parity             │     – │         – │ 0 of 3 │         – │\n",  # noqa: RUF001 - dashes
        "│ roc_auc            │ ≥ 0.5 │    0.7700 │ 0 of 3 │    ≥ 0.76 │\n",
        "│ untouched boosting │   ≥ 0 │    0.0500 │ 1 of 3 │         – │\n",  # noqa: RUF001 - a dash
        "Seed 4 could not be measured: No training row has paid yes.\n",
        "Suggested is the worst end over all seeds with a margin of one standard deviation, rounded outward.",
        f"{tmp_path / PATH} has the result; commit it with the spec, and the card shows it.\n",
    ):
        assert line in text


def test_splits_that_can_not_be_measured_are_in_the_report(
    job: Job, measured: Measured, tmp_path: Path
) -> None:
    report = measure_stability(job, 5, tmp_path / PATH)
    assert measured == [1, 2, 3, 4, 5]
    assert report.seeds == (1, 2, 3, 5)
    assert report.unmeasured == (Unmeasured(seed=4, error="No training row has paid yes."),)


def test_a_run_continues_with_the_seeds_that_are_not_measured_yet(
    job: Job, measured: Measured, tmp_path: Path
) -> None:
    first = measure_stability(job, 2, tmp_path / PATH)
    (job.path("stability") / "2.json").write_text('{"seed": 2, "fingerpr')  # a run was killed here
    again = measure_stability(job, 3, tmp_path / PATH)
    assert measured == [1, 2, 2, 3]
    assert again.metrics["f1"][:2] == first.metrics["f1"]
    assert "  split 2/3: seed 2: " in printed(job)


@pytest.mark.parametrize(
    ("old", "new", "seeds"),
    [
        ("max_iter: 5", "max_iter: 6", [1, 2, 1, 2]),
        ("version: 1.2.3", "version: 2.0.0", [1, 2]),
    ],
)
def test_seeds_are_measured_again_after_a_change_that_matters(
    job: Job, measured: Measured, tmp_path: Path, old: str, new: str, seeds: list[int]
) -> None:
    measure_stability(job, 2, tmp_path / PATH)
    measure_stability(replace(job, spec=load_spec(tmp_path, TINY.replace(old, new))), 2, tmp_path / PATH)
    assert measured == seeds


def test_the_report_of_the_other_source_stays(job: Job, measured: Measured, tmp_path: Path) -> None:
    report = measure_stability(job, 2, tmp_path / PATH)
    Stability(synthetic=report).write(tmp_path / PATH)
    measure_stability(job, 3, tmp_path / PATH)
    document = Stability.read_if_there(tmp_path / PATH)
    assert document.synthetic == report
    assert document.real is not None
    assert (document.real.seeds, len(measured)) == ((1, 2, 3), 3)


def test_fewer_than_two_splits_are_no_spread_and_the_reason_is_named(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: ModelSpec, rows: CheckedRows, seed: int, fingerprint: Sha256) -> SplitResult:
        return SplitResult(seed=seed, fingerprint=fingerprint, error=f"No row of {len(rows.data.rows)}.")

    monkeypatch.setattr(measure, "measure_split", refuse)
    monkeypatch.setattr(measure, "cpu_count", lambda: 1)
    with pytest.raises(DataError) as caught:
        measure_stability(job, 2, tmp_path / PATH)
    assert str(caught.value) == "Only 0 of 2 splits could be measured. With seed 1: No row of 398."
    assert not (tmp_path / PATH).exists()


def test_rows_with_a_fatal_violation_are_not_measured(
    tmp_path: Path, quiet: Progress, measured: Measured
) -> None:
    (tmp_path / "loans.csv").write_text("years,rate,grade,secured,paid\n99,1,A,true,no\n")
    job = Job(load_spec(tmp_path, TINY), tmp_path / "build", tmp_path, quiet, "real")
    with pytest.raises(DataError, match="The data violate the spec"):
        pipeline.run_before("segregate", job)
    with pytest.raises(DataError, match="The data violate the spec"):
        measure_stability(job, 2, tmp_path / PATH)
    assert measured == []
