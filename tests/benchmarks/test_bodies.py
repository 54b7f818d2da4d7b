import json
from pathlib import Path

from benchmarks.bodies import as_csv, census_rows, prepare, read
from benchmarks.workloads import LARGE, MIXED, Workload
from model_build.spec import model_spec

PAIRS = Workload("2x1", "2 rows, 1 connection", 2, 1)
ROWS = [{"age": age, "sex": "Male"} for age in range(7)]


def test_bodies_rotate_through_the_rows(tmp_path: Path) -> None:
    prepare(tmp_path, [PAIRS], ROWS)
    found = [json.loads(body)["inputs"] for body in read(tmp_path, PAIRS)]
    assert found == [ROWS[0:2], ROWS[2:4], ROWS[4:6]]


def test_what_goes_on_beside_has_bodies_too(tmp_path: Path) -> None:
    prepare(tmp_path, [MIXED], ROWS)
    assert json.loads(read(tmp_path, LARGE)[0])["inputs"] == ROWS


def test_csv_has_a_header_line() -> None:
    assert as_csv(ROWS[:2]) == b"age,sex\n0,Male\n1,Male\n"


def test_rows_are_those_of_the_census_spec() -> None:
    names = [feature.name for feature in model_spec.load("census").features]
    assert list(census_rows(names)[0]) == names
