"""The command that compares a model with untouched boosting, fold by fold."""

import re
import sys
from pathlib import Path

import pytest

from model_build.__main__ import main
from model_build.artifacts import CrossValidation
from model_build.cross_validate import RESULTS
from tests.support.tiny import TINY

ROW = re.compile(r"│ (?P<seed>\d) +│ (?P<fold>\d) +│ +0\.\d{5} │ +0\.\d{5} │ +[+-]0\.\d{5} │")


@pytest.fixture
def tiny(tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tiny_data))
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("tiny")
def test_all_rows_are_cross_validated_once_for_each_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "model_build",
        "cross-validate",
        "tiny.yaml",
        "--source",
        "real",
        "--fold-seeds",
        "3",
        "1",
        "3",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("✓")] == [
        *("fetch", "preprocess", "check-data")
    ]
    assert "\n5 folds × 2 seeds of 398 rows\n  fold 1/10: roc_auc " in printed
    order = [(int(row["seed"]), int(row["fold"])) for row in ROW.finditer(printed)]
    assert order == [(seed, fold) for seed in (3, 1) for fold in range(1, 6)] * 2
    assert re.findall(r"^(\w+) against the untouched boosting: ", printed, re.MULTILINE) == [
        *("roc_auc", "log_loss")
    ]
    report = CrossValidation.read(tmp_path / "build/tiny" / RESULTS)
    assert (report.rows, report.seeds, len(report.comparisons)) == (398, (3, 1), 2)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_a_seed_that_no_generator_takes_exits_with_2(
    seed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["model_build", "cross-validate", "tiny.yaml", f"--fold-seeds={seed}"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(
        "cross-validate: error: argument --fold-seeds: a seed must be from 0 to 4294967295\n"
    )
