from pathlib import Path

import pandas as pd
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.workloads import LEAST_BODIES, as_csv, as_inputs
from benchmarks.workspace import Workspace
from model_build.data.row_files import write_rows


def test_a_model_that_was_not_baked_here_is_an_error_that_says_what_to_run(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(BenchmarkError, match=r"/build/tiny/test\.parquet is missing: .* Run `make bake`\.$"):
        Workspace(tiny_model, tmp_path).write_bodies([as_inputs])


def test_file_of_bodies_has_one_per_line_though_csv_has_lines(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tiny_model, tmp_path)
    rows = tmp_path / "test.parquet"
    columns = {"years": [5.0, 7.0], "rate": [2.5, None], "grade": ["B", None], "secured": [True, False]}
    write_rows(pd.DataFrame(columns, dtype=object), rows)
    monkeypatch.setattr(Workspace, "rows", rows)
    workspace.write_bodies([as_csv])
    assert len(workspace.bodies(as_csv, 10_000).read_bytes().split(b"\n")) == LEAST_BODIES
    body = workspace.first_body(as_csv, 10_000)
    assert body.startswith(b"years,rate,grade,secured\n5,2.5,B,True\n7,n/a,?,False\n")
    assert body.count(b"\n") == 10_001
