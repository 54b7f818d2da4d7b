"""Scores of another vendor, judged as the test rows of a bake are."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import precision_score, roc_auc_score

from model_build.__main__ import main
from model_build.audit.audit import Audit, audit_table
from model_build.audit.scored_table import Question
from model_build.drafting.table import Location, read_table
from model_build.errors import DataError

ROWS = 600
RNG = np.random.default_rng(0)
SCORES = RNG.beta(2, 2, ROWS).round(3)
DEFAULTED = RNG.random(ROWS) < SCORES
TOWNS = RNG.choice(["Ulm", "Köln", ""], ROWS, p=[0.3, 0.6, 0.1])
AGES = RNG.integers(18, 90, ROWS)


def table(directory: Path, scores: np.ndarray | None = None, labels: tuple[str, str] = ("no", "yes")) -> Path:
    lines = ["Town,age,Score,defaulted"]
    cells = zip(TOWNS, AGES, SCORES if scores is None else scores, DEFAULTED, strict=True)
    lines += [f"{town},{age},{score},{labels[int(is_bad)]}" for town, age, score, is_bad in cells]
    path = directory / "vendor.csv"
    path.write_text("\n".join([*lines, "Ulm,30,,no", "Ulm,30,0.5,", ""]))
    return path


def audit(path: Path, **changes: object) -> Audit:
    question = Question(**{"score": "score", "label": "defaulted", "by": ["town"], **changes})  # type: ignore[arg-type]
    return audit_table(read_table(Location.of(path)), question, path.name, None)


def test_metrics_are_those_of_the_rows_with_a_score_and_a_label(tmp_path: Path) -> None:
    result = audit(table(tmp_path))
    assert (result.positive, result.threshold, result.left_out) == ("yes", 0.5, 2)
    assert result.evaluation.rows == ROWS
    assert result.are_probabilities
    metrics = result.evaluation.metrics
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(DEFAULTED, SCORES))
    assert metrics["precision"] == pytest.approx(precision_score(DEFAULTED, SCORES >= 0.5))
    assert metrics["brier"] == pytest.approx(((SCORES - DEFAULTED) ** 2).mean())


def test_groups_are_compared_with_the_largest_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path)
    (protected,) = audit(path).fairness.protected
    assert (protected.feature, protected.reference) == ("Town", "Köln")
    assert [group.level for group in protected.groups] == ["Köln", "Ulm", "missing"]
    chosen = SCORES[TOWNS == "Ulm"] >= 0.5
    assert protected.groups[1].selection_rate.value == pytest.approx(chosen.mean())
    (protected,) = audit(path, references={"TOWN": "Ulm"}).fairness.protected
    assert protected.reference == "Ulm"


def test_scores_that_are_no_probabilities_need_a_threshold(tmp_path: Path) -> None:
    path = table(tmp_path, np.ceil(SCORES * 10).astype(int))
    with pytest.raises(DataError, match=r"^Score is from 1 to 10, so it is no probability; --threshold says"):
        audit(path)
    result = audit(path, threshold=6)
    deciles = np.ceil(SCORES * 10)
    assert result.evaluation.metrics["precision"] == pytest.approx(precision_score(DEFAULTED, deciles >= 6))
    assert result.evaluation.metrics["roc_auc"] == pytest.approx(roc_auc_score(DEFAULTED, deciles))
    left_out = {"log_loss", "brier", "calibration_error"}
    assert not left_out & set(result.evaluation.metrics)
    assert not left_out & {name for part in result.slices.slices for name in part.metrics}


@pytest.mark.parametrize(("threshold", "selected"), [(-5, ROWS), (11, 0)])
def test_threshold_beyond_the_scores_selects_all_or_none(
    tmp_path: Path, threshold: float, selected: int
) -> None:
    result = audit(table(tmp_path, np.ceil(SCORES * 10).astype(int)), threshold=threshold)
    assert result.evaluation.by_label["yes"].predicted == selected


def test_numbers_become_bands_and_columns_are_combined(tmp_path: Path) -> None:
    slices = audit(table(tmp_path), by=["town", "age"]).slices.slices
    bands = [part for part in slices if part.features == ("age",)]
    assert len(bands) == 4
    assert sum(part.rows for part in bands) == ROWS
    assert ("Town", "age") in {part.features for part in slices}
    assert [part.levels for part in slices if part.of_label] == [("no",), ("yes",)]


def test_one_of_many_labels_is_judged_against_the_others(tmp_path: Path) -> None:
    path = table(tmp_path, labels=("paid", "late"))
    path.write_text(path.read_text().replace(",paid\n", ",open\n", 100))
    with pytest.raises(DataError, match=r"has 3 labels \(late, open, paid\); --positive says"):
        audit(path)
    result = audit(path, positive="late")
    assert result.evaluation.labels == ("others", "late")
    assert result.evaluation.by_label["late"].support == DEFAULTED.sum()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": "points"}, "The table has no column points; it has Town, age, Score, defaulted."),
        ({"score": "town", "by": ["age"]}, "Town must hold numbers, not '"),
        ({"positive": "maybe"}, "defaulted has no label maybe; it has no, yes."),
        ({"by": ["town", "Town"]}, "Town is named twice; score, label and groups must be different columns."),
        ({"references": {"town": "Rom"}}, "Town has no group Rom; it has Köln, Ulm, missing."),
        ({"references": {"age": "30"}}, "age has a reference group, but --by does not name it."),
    ],
)
def test_errors_name_the_column_and_what_is_there(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        audit(table(tmp_path), **changes)
    assert str(caught.value).startswith(message)


def test_labels_that_do_not_say_which_is_positive_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has the labels left, right; --positive says which one is scored"):
        audit(table(tmp_path, labels=("left", "right")))


def test_command_prints_and_writes_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = table(tmp_path), tmp_path / "out"
    out.mkdir()
    arguments = ["--score", "score", "--label", "defaulted", "--by", "town,age", "--reference", "town=Ulm"]
    monkeypatch.setattr(sys, "argv", ["model_build", "audit", str(path), *arguments, "--out", str(out)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for words in ("2 rows without a score or a label left out", "Town, against Ulm", "Least accurate of"):
        assert words in printed
    document = json.loads((out / "vendor-audit.json").read_text())
    assert document["evaluation"]["rows"] == ROWS
    markdown = (out / "vendor-audit.md").read_text()
    assert "# Audit of `Score` in vendor.csv" in markdown
    assert "### By `Town`, against Ulm" in markdown
    assert "| Town | Köln |" in markdown
