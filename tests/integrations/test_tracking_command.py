"""The options of the command line that need MLflow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.conftest import contents
from tests.support.tiny import TINY, loans

REPOSITORY = Path(__file__).parents[2]
NO_MLFLOW = "sys.modules['mlflow'] = None; main()"
TELEMETRY = """
from model_build.tracking.environment import prepare_mlflow
prepare_mlflow()
from mlflow.telemetry import get_telemetry_client
print(get_telemetry_client())
"""


def command(directory: Path, *arguments: str, code: str = "main()") -> tuple[int, str, str]:
    """Run model_build in a directory with tiny.yaml and its data; return exit code, stdout and stderr."""
    (directory / "tiny.yaml").write_text(TINY)
    (directory / "loans.csv").write_text(loans())
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", f"from model_build.__main__ import main\nimport sys\n{code}", *arguments],
        cwd=directory,
        env=inherited | {"PYTHONPATH": str(REPOSITORY), "DATA_DIR": ".", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_local_store_is_in_the_working_directory_and_mlflow_prints_nothing(tmp_path: Path) -> None:
    code, printed, errors = command(tmp_path, "bake", "tiny.yaml", "--source", "real", "--track")
    assert (code, errors) == (0, "")
    lines = [line.split(" s  ")[-1] for line in printed.splitlines()]
    assert lines[0] == "Baking tiny 1.2.3"
    assert lines[1].endswith(" of tiny, sqlite:///mlflow.db")
    assert "models:/tiny/1 is the candidate and, as the first version, the champion" in lines
    written = {path.name for path in tmp_path.iterdir()} - {"tiny.yaml", "loans.csv"}
    assert written == {"build", "mlflow.db", "mlruns", "model", "model.joblib"}

    arguments = ("bake", "tiny.yaml", "--from-registry", "models:/tiny@champion", "--out", "restored")
    code, printed, errors = command(tmp_path, *arguments)
    assert (code, errors) == (0, "")
    lines = [line.split(" s  ")[-1] for line in printed.splitlines()]
    assert lines[0] == "Baking models:/tiny@champion of sqlite:///mlflow.db"
    assert lines[1].startswith("version 1 (candidate, champion), run ")
    assert lines[-1] == "restored/"
    assert contents(tmp_path / "restored") == contents(tmp_path / "model")


def test_a_plain_bake_needs_no_mlflow(tmp_path: Path) -> None:
    code, _, errors = command(tmp_path, "bake", "tiny.yaml", "--source", "real", code=NO_MLFLOW)
    assert (code, errors) == (0, "")


@pytest.mark.parametrize("option", ["--track", "--from-registry=models:/tiny@champion"])
def test_without_mlflow_the_error_says_what_to_install(tmp_path: Path, option: str) -> None:
    assert command(tmp_path, "bake", "tiny.yaml", option, code=NO_MLFLOW) == (
        1,
        "✗ MLflow is not installed. Run `make lab`, or install model_build/lab-requirements.txt.\n",
        "",
    )


def test_mlflow_sends_no_telemetry(tmp_path: Path) -> None:
    assert command(tmp_path, code=TELEMETRY) == (0, "None\n", "")
