"""Bakes whose test rows are the last ones, whole groups, or those of a file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model_build import cross_validate, pipeline
from model_build.artifacts import Cleaning, CrossValidation
from model_build.console import Progress
from model_build.data.row_files import read_rows
from model_build.errors import SpecError
from model_build.split_report import SplitReport
from model_build.stability.measure import measure_stability
from model_build.stage import Job
from tests.model_build.conftest import load_spec
from tests.support.tiny import TINY, loans


def write_loans(path: Path, rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Write loans, each with the day and the customer that it is of."""
    header, *lines = loans(rows, seed).splitlines()
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(rows) // 2, unit="D")
    frame = pd.DataFrame([line.split(", ") for line in lines], columns=header.split(", "))
    frame = frame.assign(day=days.strftime("%Y-%m-%d"), customer=rng.integers(0, 60, rows))
    frame.to_csv(path, index=False)
    return frame


def job_of(tmp_path: Path, split: str, progress: Progress, more: str = "") -> Job:
    write_loans(tmp_path / "loans.csv")
    spec = load_spec(tmp_path, TINY.replace("{test: 0.25, seed: 1}", split) + more)
    return Job(spec, tmp_path / "build", tmp_path, progress, "real")


def read_sides(job: Job) -> tuple[pd.DataFrame, pd.DataFrame, SplitReport]:
    train, test = (read_rows(job.path(f"{name}.parquet")) for name in ("train", "test"))
    return train, test, SplitReport.read(job.path("split.json"))


def test_a_bake_by_time_tests_the_last_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = job_of(tmp_path, "{test: 0.25, seed: 1, by: day}", Progress())
    pipeline.bake(job, tmp_path / "model")
    train, test, report = read_sides(job)
    assert train["day"].max() < test["day"].min()
    assert len(test) == 100
    assert (report.kind, report.column, report.train.first, report.train.last, report.test.first) == (
        "time",
        "day",
        train["day"].min(),
        train["day"].max(),
        test["day"].min(),
    )
    labels = {"no": int((test["paid"] == "no").sum()), "yes": int((test["paid"] == "yes").sum())}
    assert (report.test.rows, report.test.labels) == (len(test), labels)
    sentence = f"by the time day; from {test['day'].min()} on, rows test"
    assert sentence in capsys.readouterr().out.replace("\n", "")
    card = (tmp_path / "model/card.md").read_text()
    share = f"{100 * report.train.labels['yes'] / report.train.rows:.1f}%"
    assert f"{len(train)} rows train and {len(test)} test (25%), {sentence}; {share} and " in card
    assert "customer" in Cleaning.read(job.path("cleaning.json")).unknown_columns
    assert "day" not in Cleaning.read(job.path("cleaning.json")).unknown_columns


def test_a_bake_by_groups_has_no_group_on_both_sides(tmp_path: Path, quiet: Progress) -> None:
    job = job_of(tmp_path, "{test: 0.25, seed: 1, groups: customer}", quiet, "training: {refit: true}\n")
    pipeline.bake(job, tmp_path / "model")
    train, test, report = read_sides(job)
    assert set(train["customer"]) & set(test["customer"]) == set()
    assert (report.train.groups, report.test.groups) == (
        train["customer"].nunique(),
        test["customer"].nunique(),
    )
    assert report.sentence == f"by groups of customer, {report.test.groups} of which test"


def test_a_model_that_learns_groups_by_heart_is_unmasked(tmp_path: Path, quiet: Progress) -> None:
    rng = np.random.default_rng(1)
    customers = rng.integers(0, 100, 1200)
    label_of = rng.permutation(100) < 50
    lines = [
        f"{1 + customer % 30},{customer / 5},A,{rng.choice(['true', 'false'])},"
        f"{'yes' if label_of[customer] else 'no'},{customer}"
        for customer in customers
    ]
    text = "years,rate,grade,secured,paid,customer\n" + "\n".join(lines) + "\n"
    areas = {}
    for split in ("{test: 0.25, seed: 1}", "{test: 0.25, seed: 1, groups: customer}"):
        duplicates = ("licence: none", "licence: none\n  drop_duplicates: false")
        spec = load_spec(
            tmp_path,
            TINY.replace("{test: 0.25, seed: 1}", split).replace(*duplicates)
            + "data_checks: {maximum_leakage: 1}\n",
        )
        (tmp_path / "loans.csv").write_text(text)
        job = Job(spec, tmp_path / "build", tmp_path, quiet, "real")
        contract = pipeline.bake(job, tmp_path / "model")
        areas[spec.split.kind] = contract.metrics["roc_auc"]
    assert areas["random"] > 0.9
    assert areas["groups"] < 0.7


def test_a_bake_with_a_test_file_reports_the_overlap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of(tmp_path, "{seed: 1, file: test.csv}", Progress())
    known = pd.read_csv(tmp_path / "loans.csv", dtype=str).iloc[:7]
    own = write_loans(tmp_path / "test.csv", 90, seed=5)
    pd.concat([own, known, known]).to_csv(tmp_path / "test.csv", index=False)
    pipeline.bake(job, tmp_path / "model")
    train, test, report = read_sides(job)
    assert (len(train), len(test), report.overlap) == (400, 97, 7)
    assert test.index.tolist() == list(range(401, 498))
    assert Cleaning.read(job.path("cleaning.json")).duplicates == 7
    printed = capsys.readouterr().out.replace("\n", "")
    assert "the rows of test.csv test, 7 of which equal a training row" in printed
    assert "7 test rows equal a training row" in printed
    assert "the rows of test.csv test, 7 of which equal" in (tmp_path / "model/card.md").read_text()


def test_a_test_file_that_lacks_a_column_is_an_error(tmp_path: Path, quiet: Progress) -> None:
    job = job_of(tmp_path, "{seed: 1, file: test.csv}", quiet)
    with pytest.raises(Exception, match=r"test\.csv is not a file in "):
        pipeline.run("fetch", job)
    (tmp_path / "test.csv").write_text("years,rate,grade,paid\n1,2,A,no\n")
    with pytest.raises(Exception, match=r"test\.csv has no column secured"):
        pipeline.run("fetch", job)


@pytest.mark.parametrize("split", ["{test: 0.25, seed: 1, by: day}", "{seed: 1, file: test.csv}"])
def test_the_only_split_has_no_stability(tmp_path: Path, quiet: Progress, split: str) -> None:
    job = job_of(tmp_path, split, quiet)
    with pytest.raises(SpecError, match="has no other seeds to measure"):
        measure_stability(job, 2, tmp_path / "stability.json")


@pytest.mark.parametrize(("column", "folds"), [("by: day", 5), ("groups: customer", 10)])
def test_cross_validation_uses_the_folds_of_the_split(
    tmp_path: Path, quiet: Progress, column: str, folds: int
) -> None:
    job = job_of(tmp_path, f"{{test: 0.25, seed: 1, {column}}}", quiet)
    cross_validate.compare_models(job, [1, 2])
    report = CrossValidation.read(job.path("cross-validation.json"))
    assert len(report.comparisons[0].chosen.folds) == folds


def test_stability_by_groups_measures_other_groups(tmp_path: Path, quiet: Progress) -> None:
    job = job_of(tmp_path, "{test: 0.25, seed: 1, groups: customer}", quiet)
    pipeline.run_before("segregate", job)
    report = measure_stability(job, 2, tmp_path / "stability.json")
    assert len(report.seeds) == 2
