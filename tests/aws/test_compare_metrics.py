"""The comment on a pull request: .github/scripts/compare_metrics.py."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.aws.account import ROOT

SCRIPT = ROOT / ".github/scripts/compare_metrics.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def metrics(directory: Path, source: str = "real", **changes: Any) -> Path:
    """Write the files of a bake with some changes; return the path of metrics.json."""
    directory.mkdir()
    content: dict[str, Any] = {
        "rows": 100,
        "labels": ["<=50K", ">50K"],
        "metrics": {"accuracy": 0.87, "log_loss": 0.27, "brier": 0.085},
        "confusion_matrix": [[1070, 30], [40, 50]],
    }
    (directory / "metrics.json").write_text(json.dumps(content | changes))
    (directory / "contract.json").write_text(json.dumps({"provenance": {"data_source": source}}))
    return directory / "metrics.json"


def compare(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


def test_the_comment_lists_which_metrics_became_better_or_worse(tmp_path: Path) -> None:
    head = metrics(
        tmp_path / "head",
        metrics={"accuracy": 0.86, "log_loss": 0.25, "brier": 0.08501, "f1": 0.7},
        confusion_matrix=[[1065, 35], [40, 50]],
    )
    assert compare(metrics(tmp_path / "base"), head).stdout.splitlines() == [
        "## Model metrics",
        "",
        "100 test rows, model trained on real data.",
        "",
        "| metric | base | this branch | change |",
        "| --- | ---: | ---: | ---: |",
        "| accuracy | 0.8700 | 0.8600 | -0.0100 **worse** |",
        "| log_loss | 0.2700 | 0.2500 | -0.0200 better |",
        "| brier | 0.0850 | 0.0850 | none |",
        "| f1 | - | 0.7000 | new |",
        "",
        "### Confusion matrix",
        "",
        "Rows are true labels, columns predicted ones.",
        "",
        "|  | `<=50K` | `>50K` |",
        "| --- | ---: | ---: |",
        "| `<=50K` | 1,065 (-5) | 35 (+5) |",
        "| `>50K` | 40 | 50 |",
    ]


def test_the_comment_needs_no_metrics_of_the_base_branch(tmp_path: Path) -> None:
    done = compare(tmp_path / "none.json", metrics(tmp_path / "head"))
    assert "The base branch has no metrics to compare with." in done.stdout
    assert "| accuracy | - | 0.8700 | new |" in done.stdout
    assert "| `<=50K` | 1,070 | 30 |" in done.stdout


def test_the_comment_warns_when_the_models_were_trained_on_different_data(tmp_path: Path) -> None:
    done = compare(metrics(tmp_path / "base", "synthetic"), metrics(tmp_path / "head"))
    assert (
        "**The model of the base branch was trained on synthetic data: do not compare the two.**"
        in done.stdout
    )


def test_the_comment_compares_no_counts_of_different_labels(tmp_path: Path) -> None:
    base = metrics(tmp_path / "base", labels=["a|b", "c"], rows=90)
    done = compare(base, metrics(tmp_path / "head"))
    assert "The base branch has 90 test rows." in done.stdout
    assert "| `<=50K` | 1,070 | 30 |" in done.stdout


def test_a_label_with_a_bar_stays_in_its_cell() -> None:
    assert script().code("a|b") == r"`a\|b`"


def test_the_script_fails_without_metrics_of_the_branch(tmp_path: Path) -> None:
    done = compare(metrics(tmp_path / "base"), tmp_path / "none.json")
    assert done.returncode == 1
    assert done.stderr == f"There is no file {tmp_path}/none.json.\n"
