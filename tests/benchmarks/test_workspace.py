from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.workloads import as_inputs
from benchmarks.workspace import Workspace


def test_a_model_that_was_not_baked_here_is_an_error_that_says_what_to_run(
    tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(BenchmarkError, match=r"/build/tiny/test\.csv is missing: .* Run `make bake`\.$"):
        Workspace(tiny_model, tmp_path).write_bodies([as_inputs])
