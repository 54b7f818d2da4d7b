"""The profile of a file: its columns as the spec reads them."""

from pathlib import Path

import pytest

from model_build.data import dataset
from model_build.reports.eda import profile
from model_build.reports.eda.profile import DataProfile
from model_build.spec.model_spec import ModelSpec


def profile_rows(spec: ModelSpec, directory: Path, *rows: str) -> DataProfile:
    (directory / "loans.csv").write_text("\n".join(["years, rate, grade, secured, paid", *rows]))
    return profile.profile_columns(spec, *dataset.fetch_rows(spec, "real", directory, pytest.fail))


def test_numbers_are_banded_by_rank_and_ties_stay_together(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    years = [*range(1, 8), 30, 30, 30]
    bands = (
        profile_rows(tiny_spec, tmp_path, *(f"{year}, 1, A, true, yes" for year in years)).features[0].bands
    )
    assert bands.tolist() == [1, 2, 3, 4, 5, 6, 7, 9, 9, 9]


def test_a_value_of_most_rows_gets_its_own_band(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    rows = ["5, 0, A, true, yes"] * 3 + ["5, 1, A, true, yes", "5, 2, A, true, yes"]
    rate = profile_rows(tiny_spec, tmp_path, *rows).features[1]
    assert rate.common == 0
    assert rate.bands.tolist() == [0, 0, 0, 5, 10]


def test_contradicting_rows_are_counted_with_their_duplicates(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    paid, gap = "5, 1, A, true, yes", "6, n/a, ?, maybe, yes"
    rows = [paid, paid, gap, gap, "7, 1, A, true, yes", "5, 1, A, true, no", "6, n/a, ?, maybe, no"]
    data = profile_rows(tiny_spec, tmp_path, *rows)
    assert (data.duplicates, data.contradictions) == (2, 6)


def test_duplicates_do_not_contradict_each_other(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    assert profile_rows(tiny_spec, tmp_path, *["5, n/a, A, true, yes"] * 3, "").contradictions == 0


def test_a_column_of_one_value_has_no_common_value(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    assert profile_rows(tiny_spec, tmp_path, "5, 0, A, true, yes").features[1].common is None
