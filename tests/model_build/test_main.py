import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.baked_model import load_contract
from model_build.__main__ import main
from model_build.artifacts import Evaluation, TrainingReport
from model_build.console import Progress
from model_build.pipeline import STAGES as PIPELINE
from model_build.spec import model_spec
from model_build.spec.spec_files import SPECS
from model_build.stability.document import Stability, summarize
from model_build.stability.splits import CheckedRows, measure_split
from model_build.stage import Job
from tests.support.tiny import TINY, loans

Bake = Callable[..., tuple[object, str, str]]

REPOSITORY = Path(__file__).parents[2]
TIME = re.compile(r"(?<= )\d+\.\d\d? s")
STAGES = [stage.name for stage in PIPELINE]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path / "tiny.yaml"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "model_build", *map(str, arguments)]


def environment(data: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
    }
    return kept | {
        "DATA_DIR": str(data),
        "TERM": "xterm",
        "PYTHONPATH": str(REPOSITORY),
    }


def run(directory: Path, data: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=directory, env=environment(data), capture_output=True, text=True, check=False
    )


def test_a_bake_prints_each_step_and_the_metrics_in_plain_lines(
    tiny: Path, tmp_path: Path, tiny_data: Path
) -> None:
    done = run(tmp_path, tiny_data, "bake", tiny, "--source", "real", "--out", "deep/model")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in TIME.sub("_ s", done.stdout).splitlines() if line and line[0] not in "┏┃┡│└"]
    assert lines[0] == "Baking tiny 1.2.3"
    assert [line.split()[1] for line in lines if line.startswith("✓")] == [*STAGES, "bake"]
    size = (tmp_path / "deep/model/model.onnx").stat().st_size
    low, value, high = read_interval(tmp_path / "build/tiny/metrics.json", "roc_auc")
    for line in (
        "✓ fetch        _ s  real: loans.csv, 400 rows",
        "                       exact duplicates dropped: 2 of 400 rows",
        "✓ check-data   _ s  11 checks, 0 warnings",
        "✓ segregate    _ s  298 rows to train, 100 to test",
        "                       threshold 0.6: set by the spec",
        f"                       model.onnx, {size:,} bytes",
        f"✓ evaluate     _ s  ROC AUC {value} ({low} to {high})",
        "                       5 gates passed",
        "✓ card         _ s  build/tiny/card.html",
        "✓ bake         _ s  deep/model/ and deep/model.joblib",
        "Test split, 100 rows",
        "Confusion matrix",
    ):
        assert line in lines
    assert f"│ roc auc           │ {value} │ {low} to {high} │" in done.stdout
    assert "\x1b" not in done.stdout

    again = run(tmp_path, tiny_data, "bake", tiny, "--source", "real", "--out", "deep/model")
    assert [line.split()[1] for line in again.stdout.splitlines() if line.endswith("  unchanged")] == STAGES[
        1:
    ]
    alone = run(tmp_path, tiny_data, "card", tiny)
    assert TIME.sub("_ s", alone.stdout) == "✓ card         _ s  unchanged\n"


def read_interval(path: Path, metric: str) -> tuple[str, str, str]:
    interval = Evaluation.read(path).intervals[metric]
    return f"{interval.low:.4f}", f"{interval.value:.4f}", f"{interval.high:.4f}"


def test_a_model_of_another_spec_is_not_baked(tiny: Path, tmp_path: Path, tiny_data: Path) -> None:
    assert run(tmp_path, tiny_data, "bake", tiny, "--source", "real").returncode == 0
    before = load_contract(tmp_path / "model")
    tiny.write_text(TINY.replace("categories: [A, B, C]", "categories: [C, B, A]"))
    done = run(tmp_path, tiny_data, "bake", tiny, "--from-build")
    assert (done.returncode, done.stdout) == (
        1,
        "✗ The model in build/tiny was trained with another spec; train it again.\n",
    )
    tiny.write_text(TINY.replace("Will it be paid back?", "Is it paid back?"))
    done = run(tmp_path, tiny_data, "bake", tiny, "--from-build")
    advice = f"run `python -m model_build card {tiny}` first."
    assert (done.returncode, done.stdout) == (1, f"✗ build/tiny/card.md belongs to another spec; {advice}\n")
    assert run(tmp_path, tiny_data, "card", tiny).returncode == 0
    assert run(tmp_path, tiny_data, "bake", tiny, "--from-build").returncode == 0
    assert load_contract(tmp_path / "model").model_sha256 == before.model_sha256
    (tmp_path / "build/tiny/training.json").write_text("{}")
    done = run(tmp_path, tiny_data, "bake", tiny, "--from-build")
    assert done.stdout == (
        "✗ build/tiny/training.json does not have the format of this version; delete it and bake again.\n"
    )


def test_a_terminal_shows_the_bake_in_colour(tiny: Path, tmp_path: Path, tiny_data: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = command("bake", tiny, "--source", "real", "--out", "model")
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(tiny_data), stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = read_all(ours)
    assert process.returncode == 0
    assert "\x1b[32m✓\x1b[0m fetch" in printed
    assert "train …" in printed
    assert "Traceback" not in printed
    assert load_contract(tmp_path / "model").name == "tiny"


def read_all(handle: int) -> str:
    """Read from a pseudo-terminal until its last writer has closed it, which Linux reports as an error."""
    printed = b""
    try:
        while chunk := os.read(handle, 4096):
            printed += chunk
    except OSError:
        pass
    finally:
        os.close(handle)
    return printed.decode()


def test_a_failed_gate_prints_the_metrics_and_exits_with_1(
    tiny: Path, tmp_path: Path, tiny_data: Path
) -> None:
    tiny.write_text(TINY + "gates: {metrics: [{metric: roc_auc, minimum: 1}]}\n")
    done = run(tmp_path, tiny_data, "bake", tiny, "--source", "real", "--out", "model")
    assert (done.returncode, done.stderr) == (1, "")
    low, value, high = read_interval(tmp_path / "build/tiny/metrics.json", "roc_auc")
    *_, summary, sentence = done.stdout.splitlines()
    assert f"│ roc auc           │ {value} │" in done.stdout
    assert summary == (
        "✗ No model was baked: 1 of 8 gates failed (build/tiny/model-checks.json has all results):"
    )
    assert sentence.startswith(
        f"  roc_auc is {value} ({low} to {high}); the interval must be at least 1 but is "
    )
    assert not (tmp_path / "model").exists()


def test_every_violation_is_printed_and_exits_with_1(tiny: Path, tmp_path: Path) -> None:
    lines = loans().splitlines()
    lines[3], lines[7] = "31, 1, D, true, no", "-1, 1, A, true, yes"
    (tmp_path / "loans.csv").write_text("\n".join(lines))
    done = run(tmp_path, tmp_path, "bake", tiny, "--source", "real", "--out", "model")
    assert (done.returncode, done.stderr) == (1, "")
    summary, *sentences = done.stdout[done.stdout.index("✗") :].splitlines()
    assert summary == "✗ The data violate the spec (build/tiny/data-checks.json has every violation):"
    assert [sentence.split(":")[0].strip() for sentence in sentences] == ["years", "grade"]
    assert "2 values are outside 1 to 30 (rows 3, 7: " in sentences[0]
    again = run(tmp_path, tmp_path, "segregate", tiny)
    assert again.returncode == 1
    assert "✗ The data violate the spec" in again.stdout
    assert not (tmp_path / "model").exists()


def test_a_single_stage_names_the_stage_that_must_run_first(tiny: Path, tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path, "train", tiny)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        f"✗ build/tiny/train.parquet does not exist; run `python -m model_build segregate {tiny}` first.\n",
        "",
    )


def test_an_unknown_spec_is_one_sentence_and_exits_with_1(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path, "bake", "adult")
    specs = ", ".join(sorted(path.stem for path in SPECS.glob("*.yaml")))
    assert done.stdout == (
        f"✗ There is no model spec 'adult'. Give the path of a .yaml file, or one of: {specs}.\n"
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("name", ["check-spec", "bake"])
def test_every_error_of_a_spec_is_printed_and_exits_with_1(tiny: Path, tmp_path: Path, name: str) -> None:
    tiny.write_text(TINY.lstrip().replace("title: Tiny", "titel: Tiny").replace("seed: 1", "seed: x"))
    done = run(tmp_path, tmp_path, name, tiny)
    assert (done.returncode, done.stderr) == (1, "")
    head, *lines = done.stdout.splitlines()
    assert head == f"✗ {tiny} has 2 errors:"
    assert lines[0].startswith(
        f"  {tiny}:2:1: titel: unknown key (did you mean 'title'?); allowed are name, "
    )
    assert lines[1:] == [f"  {tiny}:15:27: split.seed: must be a whole number."]


def test_a_checked_spec_is_one_line_with_remarks(tiny: Path, tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path, "check-spec", tiny)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"✓ {tiny}: 4 features, labels no and yes, hist_gradient_boosting",
        "  It has no gates on metrics: a model of any quality is baked.",
        f"  loans.csv is not in {tmp_path}/ (DATA_DIR), so no real data can be read.",
    ]


def test_an_unknown_source_exits_with_2(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path, "bake", "--source", "fake")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m model_build bake ")
    assert done.stderr.splitlines()[-1].startswith(
        "python -m model_build bake: error: argument --source: invalid choice: 'fake'"
    )


# In this process, which is faster


@pytest.fixture
def bake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bake:
    """Return a function that calls main with arguments, and returns its exit code and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", "data")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def call(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["model_build", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return call


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (
            ["tiny.yaml", "--source", "synthetic"],
            "Baking tiny 1.2.3\n✗ tiny declares no synthetic generator (data.synthetic).\n",
        ),
        (
            ["tiny.yaml", "--source", "real"],
            "Baking tiny 1.2.3\n✗ loans.csv is not a file in data\n",
        ),
        (["tiny.yaml"], "Baking tiny 1.2.3\n✗ loans.csv is not a file in data\n"),
        (["wrong.yaml"], "✗ wrong.yaml:15:73: target.threshold: must be below 1.\n"),
    ],
)
def test_an_error_is_one_sentence_and_exits_with_1(
    bake: Bake, tmp_path: Path, arguments: list[str], printed: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(TINY.replace("threshold: 0.6", "threshold: 6"))
    assert bake("bake", *arguments) == (1, printed, "")
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("tiny")
def test_an_interrupted_command_says_that_it_can_continue(
    bake: Bake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_build.pipeline.run", interrupt)
    sentence = "✗ Stopped. The same command continues from here.\n"
    assert bake("train", "tiny.yaml", "--search") == (130, sentence, "")


def test_stability_measures_in_parallel_what_one_process_would_and_the_card_shows_it(
    tiny: Path, tmp_path: Path, tiny_data: Path, quiet: Progress
) -> None:
    assert run(tmp_path, tiny_data, "bake", tiny, "--source", "real").returncode == 0
    assert "no other split of real rows was measured" in (tmp_path / "model/card.md").read_text()
    done = run(tmp_path, tiny_data, "stability", tiny, "--source", "real", "--seeds", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == (
        f"{tmp_path}/tiny.stability.json has the result; commit it with the spec, and the card shows it."
    )

    job = Job(model_spec.load(str(tiny)), tmp_path / "build/tiny", tiny_data, quiet)
    rows = CheckedRows.read(job)
    splits = [measure_split(job.spec, rows, seed, "f1" * 32) for seed in (1, 2)]
    Stability(real=summarize(job.spec, rows, splits)).write(tmp_path / "expected.json")
    assert (tmp_path / "tiny.stability.json").read_text() == (tmp_path / "expected.json").read_text()

    assert "unchanged" not in run(tmp_path, tiny_data, "card", tiny).stdout
    assert (
        "| Metric | Test | Cross-validated | 2 splits | From … to |"
        in (tmp_path / "build/tiny/card.md").read_text()
    )


def test_a_bake_with_the_option_searches(tmp_path: Path, tiny_data: Path) -> None:
    space = "training: {threshold: accuracy, search: {method: grid, space: {max_leaf_nodes: [2]}}}\n"
    (tmp_path / "tiny.yaml").write_text(TINY + space)
    done = run(tmp_path, tiny_data, "bake", "tiny.yaml", "--source", "real", "--search")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  trial 3/3: roc_auc 0." in done.stdout
    report = TrainingReport.read(tmp_path / "build/tiny/training.json")
    assert report.search is not None
    assert report.parameters == report.search.chosen.parameters
    assert [candidate.parameters for candidate in report.search.candidates][1:] == [
        *({}, {"max_iter": 5, "max_leaf_nodes": 2})
    ]
    assert report.threshold is not None
    assert load_contract(tmp_path / "model").target.threshold == report.threshold.value != 0.6


@pytest.mark.usefixtures("tiny")
def test_an_unwritable_output_is_one_sentence_and_exits_with_1(
    bake: Bake, tmp_path: Path, tiny_data: Path
) -> None:
    (tmp_path / "data").symlink_to(tiny_data)
    code, printed, error = bake("bake", "tiny.yaml", "--out", "tiny.yaml/model")
    assert (code, error) == (1, "")
    assert printed.splitlines()[-1] == "✗ [Errno 17] File exists: 'tiny.yaml'"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["bake", "census", "adult"], "model_build: error: unrecognized arguments: adult"),
        (["bake", "--seed=3"], "model_build: error: unrecognized arguments: --seed=3"),
        *(
            (
                ["stability", f"--seeds={count}"],
                f"model_build stability: error: argument --seeds: '{count}' must be a whole number from 2 on",
            )
            for count in ("0", "1", "-3", "2.5", "ten")
        ),
        ([], "model_build: error: the following arguments are required: COMMAND"),
    ],
)
def test_unknown_arguments_exit_with_2(bake: Bake, arguments: list[str], problem: str) -> None:
    code, printed, error = bake(*arguments)
    assert (code, printed) == (2, "")
    assert error.splitlines()[-1] == f"python -m {problem}"


def test_a_bake_without_the_report_on_the_data_says_so(tiny: Path, tmp_path: Path, tiny_data: Path) -> None:
    done = run(tmp_path, tiny_data, "bake", tiny, "--source", "real", "--no-eda")
    assert done.returncode == 0
    assert "No report on the data (--no-eda)." in done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("✓")] == [
        *(name for name in STAGES if name != "eda"),
        "bake",
    ]
    assert not (tmp_path / "build/tiny/eda.html").exists()
    for card in ("card.md", "card.html"):
        text = (tmp_path / "model" / card).read_text()
        assert "because the bake skipped it" in text
        assert "eda.html" not in text
