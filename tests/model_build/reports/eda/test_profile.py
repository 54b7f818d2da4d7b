"""Columns as the spec reads them."""

from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.reports.eda import profile
from model_build.reports.eda.profile import DataProfile
from model_build.spec.model_spec import ModelSpec


def table(spec: ModelSpec, directory: Path, *rows: str) -> DataProfile:
    (directory / "loans.csv").write_text("\n".join(["years, rate, grade, secured, paid", *rows]))
    return profile.profile_columns(spec, *dataset.fetch_rows(spec, "real", directory, pytest.fail))


def test_numbers_are_banded_by_rank_and_ties_stay_together(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    years = [*range(1, 8), 30, 30, 30]
    bands = table(tiny_spec, tmp_path, *(f"{each}, 1, A, true, yes" for each in years)).features[0].bands
    assert bands.tolist() == [1, 2, 3, 4, 5, 6, 7, 9, 9, 9]


def test_a_value_that_most_rows_have_gets_a_band_of_its_own(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    rows = ["5, 0, A, true, yes"] * 3 + ["5, 1, A, true, yes", "5, 2, A, true, yes"]
    rate = table(tiny_spec, tmp_path, *rows).features[1]
    assert rate.common == 0
    assert rate.bands.tolist() == [0, 0, 0, 5, 10]


def test_rows_that_contradict_each_other_are_counted_as_often_as_they_stand_in_the_file(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    paid, gap = "5, 1, A, true, yes", "6, n/a, ?, maybe, yes"
    rows = [paid, paid, gap, gap, "7, 1, A, true, yes", "5, 1, A, true, no", "6, n/a, ?, maybe, no"]
    found = table(tiny_spec, tmp_path, *rows)
    assert (found.duplicates, found.contradictions) == (2, 6)


def test_rows_that_only_repeat_each_other_do_not_contradict(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    assert table(tiny_spec, tmp_path, *["5, n/a, A, true, yes"] * 3, "").contradictions == 0


def test_a_column_of_one_value_has_no_common_one(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    assert table(tiny_spec, tmp_path, "5, 0, A, true, yes").features[1].common is None
