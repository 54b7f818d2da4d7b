import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.contract import load
from model_build.__main__ import main
from model_build.spec import SPECS
from tests.conftest import TINY

Bake = Callable[..., tuple[object, str, str]]

REPOSITORY = Path(__file__).parents[2]
TIME = re.compile(r"(?<= )\d+\.\d\d? s")
FIGURE = re.compile(r"\d\.\d{4}")


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
        "OMP_WAIT_POLICY": "passive",
        "PYTHONPATH": str(REPOSITORY),
    }


def run(directory: Path, data: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=directory, env=environment(data), capture_output=True, text=True, check=False
    )


def test_a_bake_prints_each_step_and_the_figures_in_plain_lines(
    tiny: Path, tmp_path: Path, tiny_data: Path
) -> None:
    done = run(tmp_path, tiny_data, "bake", tiny, "--source", "real", "--out", "deep/model")
    assert (done.returncode, done.stderr) == (0, "")
    size = (tmp_path / "deep/model/model.onnx").stat().st_size
    metrics = load(tmp_path / "deep/model").metrics
    lines = [line for line in TIME.sub("_ s", done.stdout).splitlines() if line and line[0] not in "┏┃┡│└"]
    missing = next(line for line in lines if "missing values: rate" in line)
    parity = next(line for line in lines if line.startswith("✓ parity"))
    assert lines == [
        "Baking tiny 1.2.3",
        "✓ data       _ s  real: loans.csv, 398 rows",
        missing,
        "                     exact duplicates dropped: 2 of 400 rows",
        "✓ split      _ s  298 rows to train, 100 to test",
        "✓ train      _ s  hist_gradient_boosting",
        f"✓ evaluate   _ s  ROC AUC {metrics['roc_auc']:.4f}",
        f"✓ export     _ s  model.onnx, {size:,} bytes",
        parity,
        "✓ write      _ s  deep/model/ and deep/model.joblib",
        "Test split, 100 rows",
        "Confusion matrix",
        "Baked deep/model/ from real data in _ s.",
    ]
    assert "100 rows: 0 labels differ from scikit-learn's, probabilities by at most " in parity
    assert f"│ accuracy          │ {metrics['accuracy']:.4f} │" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_terminal_sees_the_bake_in_colour(tiny: Path, tmp_path: Path, tiny_data: Path) -> None:
    ours, theirs = pty.openpty()
    arguments = command("bake", tiny, "--source", "real", "--out", "model")
    with subprocess.Popen(
        arguments, cwd=tmp_path, env=environment(tiny_data), stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed = read_all(ours)
    assert process.returncode == 0
    assert "\x1b[32m✓\x1b[0m data" in printed
    assert "train …" in printed
    assert "Traceback" not in printed
    assert load(tmp_path / "model").name == "tiny"


def read_all(handle: int) -> str:
    """Read what a pseudo-terminal gets until its last writer has left, which Linux reports as an error."""
    printed = b""
    try:
        while chunk := os.read(handle, 4096):
            printed += chunk
    except OSError:
        pass
    finally:
        os.close(handle)
    return printed.decode()


def test_a_gate_that_is_not_kept_prints_the_figures_and_exits_with_1(
    tiny: Path, tmp_path: Path, tiny_data: Path
) -> None:
    tiny.write_text(TINY + "gates: [{metric: roc_auc, minimum: 1}]\n")
    done = run(tmp_path, tiny_data, "bake", tiny, "--source", "real", "--out", "model")
    assert (done.returncode, done.stderr) == (1, "")
    figure = FIGURE.search(next(line for line in done.stdout.splitlines() if "│ roc auc" in line))
    assert figure
    assert done.stdout.splitlines()[-1] == (
        f"✗ No model was baked: roc_auc is {figure[0]}, the gate wants at least 1."
    )
    assert not (tmp_path / "model").exists()


def test_an_unknown_spec_is_one_sentence_and_exits_with_1(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path, "bake", "adult")
    specs = ", ".join(sorted(path.stem for path in SPECS.glob("*.yaml")))
    assert done.stdout == (
        f"✗ There is no model spec 'adult'. Give the path of a .yaml file, or one of: {specs}.\n"
    )
    assert (done.returncode, done.stderr) == (1, "")


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
    """Return a function that gives the arguments to main, and returns its exit code and what it printed."""
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
        (["wrong.yaml"], "✗ wrong.yaml: target.threshold: must be below 1.\n"),
    ],
)
def test_a_mistake_is_one_sentence_and_exits_with_1(
    bake: Bake, tmp_path: Path, arguments: list[str], printed: str
) -> None:
    (tmp_path / "wrong.yaml").write_text(TINY.replace("threshold: 0.6", "threshold: 6"))
    assert bake("bake", *arguments) == (1, printed, "")
    assert not (tmp_path / "model").exists()


@pytest.mark.usefixtures("tiny")
def test_an_output_that_cannot_be_written_is_one_sentence_and_exits_with_1(
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
        ([], "model_build: error: the following arguments are required: COMMAND"),
    ],
)
def test_arguments_that_do_not_exist_exit_with_2(bake: Bake, arguments: list[str], problem: str) -> None:
    code, printed, error = bake(*arguments)
    assert (code, printed) == (2, "")
    assert error.splitlines()[-1] == f"python -m {problem}"
