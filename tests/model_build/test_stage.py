import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import joblib
import pytest
from rich.console import Console
from threadpoolctl import threadpool_info, threadpool_limits

from app.core.contract import sha256
from model_build import atomic, pipeline
from model_build.console import Progress
from model_build.errors import BuildError, DataError
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from model_build.stage import Job, Stage, code_checksum, library_versions, lock_build, run_stage
from tests.support.tiny import TINY


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def job(tiny_spec: ModelSpec, tmp_path: Path, output: StringIO) -> Job:
    progress = Progress(Console(file=output, width=200))
    return Job(tiny_spec, tmp_path / "build" / "tiny", tmp_path, progress)


class Count:
    """The work of a stage: it writes how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, job: Job, notes: list[str]) -> None:
        self.runs += 1
        notes.append(f"run {self.runs}")
        job.path("out.txt").write_text(f"out of run {self.runs}")


@pytest.fixture
def count() -> Count:
    return Count()


@pytest.fixture
def stage(count: Count, job: Job) -> Stage:
    job.directory.mkdir(parents=True)
    job.path("in.txt").write_text("in")
    return Stage(
        "count",
        count,
        sections=("split",),
        inputs=("in.txt",),
        outputs=("out.txt",),
        options=lambda job: [job.search, job.spec.sha256 if job.deployed else None],
    )


def change_spec(job: Job, old: str, new: str) -> Job:
    """Return the job with `old` replaced by `new` in its spec."""
    assert old in TINY
    path = job.data_directory / "changed.yaml"
    path.write_text(TINY.replace(old, new))
    return replace(job, spec=model_spec.load(str(path)))


def test_a_stage_with_current_outputs_does_not_run_again(
    stage: Stage, job: Job, count: Count, output: StringIO
) -> None:
    run_stage(stage, job, [])
    run_stage(stage, job, [])
    assert count.runs == 1
    assert job.path("out.txt").read_text() == "out of run 1"
    first, second = output.getvalue().splitlines()
    assert first.endswith("run 1")
    assert second.endswith("unchanged")


def test_a_stage_runs_in_one_thread(job: Job) -> None:
    threads: list[int] = []

    def count_threads(_: Job, __: list[str]) -> None:
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")

    with threadpool_limits(2):
        run_stage(Stage("count", count_threads, sections=(), inputs=(), outputs=()), job, [])
    assert threads
    assert set(threads) == {1}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            KeyboardInterrupt(),
            "may be incomplete, because count did not end; run `python -m model_build count`.",
        ),
        (
            OSError("No space left"),
            "may be incomplete, because count did not end; run `python -m model_build count`.",
        ),
        (BuildError("The rows are bad."), None),
    ],
)
def test_a_stage_does_not_read_an_incomplete_input(
    stage: Stage, job: Job, error: BaseException, sentence: str | None
) -> None:
    def write_partly(job: Job, _: list[str]) -> None:
        job.path("out.txt").write_text("out")
        raise error

    reader = Stage("read", lambda *_: None, sections=(), inputs=("out.txt",), outputs=())
    with pytest.raises(type(error)):
        run_stage(replace(stage, run=write_partly), job, [])
    if sentence is None:
        run_stage(reader, job, [stage])
        return
    with pytest.raises(BuildError) as caught:
        run_stage(reader, job, [stage])
    assert str(caught.value) == f"{job.path('out.txt')} {sentence}"
    run_stage(stage, job, [])
    run_stage(reader, job, [stage])


def test_a_stale_marker_goes_when_the_outputs_are_current(stage: Stage, job: Job) -> None:
    reader = Stage("read", lambda *_: None, sections=(), inputs=("out.txt",), outputs=())
    run_stage(stage, job, [])
    job.path(".count.running").touch()
    with pytest.raises(BuildError):
        run_stage(reader, job, [stage])
    run_stage(stage, job, [])
    run_stage(reader, job, [stage])


def test_a_change_of_an_undeclared_section_does_not_run_the_stage(
    stage: Stage, job: Job, count: Count
) -> None:
    run_stage(stage, job, [])
    run_stage(stage, change_spec(job, "max_iter: 5", "max_iter: 6"), [])
    assert count.runs == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda job: change_spec(job, "seed: 1}", "seed: 2}"), id="section"),
        pytest.param(lambda job: replace(job, search=True), id="option"),
        pytest.param(lambda job: job.path("in.txt").write_text("other"), id="input"),
        pytest.param(lambda job: job.path("out.txt").write_text("out of run 2"), id="changed output"),
        pytest.param(lambda job: job.path("out.txt").unlink(), id="deleted output"),
        pytest.param(lambda job: job.path(".count.json").unlink(), id="deleted stamp"),
        pytest.param(lambda job: job.path(".count.json").write_text('{"fingerp'), id="incomplete stamp"),
        pytest.param(lambda job: job.path(".count.json").write_text("[]"), id="stamp of another format"),
    ],
)
def test_a_stage_runs_again_after_a_change(
    stage: Stage, job: Job, count: Count, change: Callable[[Job], Any]
) -> None:
    run_stage(stage, job, [])
    changed = change(job)
    job = changed if isinstance(changed, Job) else job
    run_stage(stage, job, [])
    assert count.runs == 2
    run_stage(stage, job, [])
    assert count.runs == 2


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory in place of model_build, with app beside it."""
    code = tmp_path / "code" / "model_build"
    (code / "templates").mkdir(parents=True)
    (code / "specs").mkdir()
    shared = code.parent / "app" / "core"
    shared.mkdir(parents=True)
    monkeypatch.setattr("model_build.stage.TRAINING_CODE", (code, shared))
    clear_caches()
    return code


@pytest.fixture(autouse=True)
def leave_no_checksum_of_other_code() -> Iterator[None]:
    """Tests that run later in this process must not take the checksums of a test for those of the code."""
    yield
    clear_caches()


def clear_caches() -> None:
    """Forget the checksums of code and libraries, as a new process does."""
    code_checksum.cache_clear()
    library_versions.cache_clear()


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("train.py", 2),
        ("templates/card.html.jinja", 2),
        ("../app/core/model.py", 2),
        ("../app/server.py", 1),
        ("specs/other.yaml", 1),
        ("requirements.txt", 1),
        ("train.cpython-311.pyc", 1),
    ],
)
def test_only_training_code_runs_a_stage_again(
    stage: Stage, job: Job, count: Count, code: Path, name: str, runs: int
) -> None:
    run_stage(stage, job, [])
    (code / name).write_text("changed")
    clear_caches()
    run_stage(stage, job, [])
    assert count.runs == runs


def test_another_version_of_a_library_runs_a_stage_again(
    stage: Stage, job: Job, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_caches()
    run_stage(stage, job, [])
    monkeypatch.setattr("model_build.stage.version", lambda name: "0.0" if name == "scipy" else "1.0")
    clear_caches()
    run_stage(stage, job, [])
    assert count.runs == 2


def test_a_stage_that_reads_undeclared_input_always_runs(stage: Stage, job: Job, count: Count) -> None:
    outside = replace(stage, reads_outside=lambda job: job.search)
    for _ in range(2):
        run_stage(outside, replace(job, search=True), [])
    assert count.runs == 2


def test_a_failed_stage_leaves_its_report_and_runs_again(stage: Stage, job: Job, count: Count) -> None:
    def fail(job: Job, notes: list[str]) -> None:
        count(job, notes)
        raise DataError("It is wrong.")

    failing = replace(stage, run=fail)
    for runs in (1, 2):
        with pytest.raises(DataError, match=r"^It is wrong\.$"):
            run_stage(failing, job, [])
        assert job.path("out.txt").read_text() == f"out of run {runs}"
        assert not job.path(".count.json").exists()


def test_a_failed_stage_leaves_no_earlier_output(stage: Stage, job: Job) -> None:
    def fail(_job: Job, _notes: list[str]) -> None:
        raise DataError("It is wrong.")

    run_stage(stage, job, [])
    job.path("in.txt").write_text("other")
    with pytest.raises(DataError):
        run_stage(replace(stage, run=fail), job, [])
    assert sorted(path.name for path in job.directory.iterdir()) == ["in.txt"]


def test_a_linked_output_is_replaced_and_its_target_stays(stage: Stage, job: Job) -> None:
    cached = job.data_directory / "cached"
    cached.write_text("of another run")
    os.link(cached, job.path("out.txt"))
    run_stage(stage, job, [])
    assert cached.read_text() == "of another run"


def test_a_missing_input_names_the_command_that_writes_it(stage: Stage, job: Job) -> None:
    producer = replace(stage, name="make", inputs=(), outputs=("other.txt", "in.txt"))
    job.path("in.txt").unlink()
    with pytest.raises(BuildError) as missing:
        run_stage(stage, job, [producer])
    assert (
        str(missing.value) == f"{job.path('in.txt')} does not exist; run `python -m model_build make` first."
    )


def test_a_second_run_in_the_same_directory_waits(job: Job, output: StringIO) -> None:
    done: list[str] = []

    def second() -> None:
        with lock_build(job):
            done.append("second")

    with lock_build(job):
        thread = threading.Thread(target=second)
        thread.start()
        while thread.is_alive() and not output.getvalue():
            thread.join(0.01)
        done.append("first")
    thread.join()
    assert done == ["first", "second"]
    assert output.getvalue() == (f"Another run uses {job.directory}; this one waits until it ends.\n")


def test_a_run_with_the_lock_can_replace_files_in_the_directory(job: Job) -> None:
    with lock_build(job):
        atomic.dump("value", job.path("value.joblib"))
    assert joblib.load(job.path("value.joblib")) == "value"


# The stages of the pipeline


def stage_called(name: str) -> Stage:
    return next(stage for stage in pipeline.STAGES if stage.name == name)


def test_a_change_of_the_spec_or_of_its_stability_runs_the_card(job: Job, tmp_path: Path) -> None:
    options = stage_called("card").options
    assert options(job) == [job.spec.sha256, None, False]
    path = tmp_path / "tiny.yaml"
    path.write_text("")
    of_file = replace(job, spec_argument=str(path))
    assert options(of_file) == [job.spec.sha256, None, False]
    (tmp_path / "tiny.stability.json").write_text("{}")
    assert options(of_file) == [job.spec.sha256, sha256(b"{}"), False]


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("check-model", 'gates: {deployed: {model: "s3://models/census"}}'),
        ("check-data", "data_checks: {reference: {source: {uri: last-year.csv}}}"),
    ],
)
def test_a_comparison_with_undeclared_input_always_runs(job: Job, name: str, section: str) -> None:
    reads_outside = stage_called(name).reads_outside
    assert not reads_outside(job)
    assert reads_outside(change_spec(job, "estimator:", f"{section}\nestimator:"))


def test_a_deployed_model_of_the_command_line_is_always_compared(job: Job) -> None:
    assert stage_called("check-model").reads_outside(replace(job, deployed="https://census.example"))


@pytest.mark.parametrize("stage", pipeline.STAGES, ids=lambda stage: stage.name)
def test_a_stage_reads_only_outputs_of_earlier_stages(stage: Stage) -> None:
    earlier = pipeline.STAGES[: pipeline.STAGES.index(stage)]
    written = {name for producer in earlier for name in producer.outputs}
    assert set(stage.inputs) <= written
    assert not set(stage.outputs) & written
    assert set(stage.sections) <= set(ModelSpec.model_fields)


class RecordingSpec(ModelSpec):
    """A spec that records which of its sections were read."""

    read: ClassVar[set[str]] = set()

    def __getattribute__(self, name: str) -> Any:
        if name in ModelSpec.model_fields:
            RecordingSpec.read.add(name)
        return super().__getattribute__(name)


def test_a_stage_reads_only_the_sections_that_it_declares(
    tiny_spec: ModelSpec, tiny_data: Path, tmp_path: Path, quiet: Progress
) -> None:
    job = Job(RecordingSpec.model_construct(**dict(tiny_spec)), tmp_path, tiny_data, quiet, "real")
    undeclared = {}
    for stage in pipeline.STAGES:
        RecordingSpec.read.clear()
        stage.run(job, [])
        undeclared[stage.name] = RecordingSpec.read - {*stage.sections, "sha256"}
    assert undeclared == {stage.name: set() for stage in pipeline.STAGES}
