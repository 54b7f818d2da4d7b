"""The files of one benchmark: bodies, answers, the pickled pipeline and logs, in a temporary directory."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from app.core.baked_model import load_contract
from app.core.contract import Contract
from benchmarks.errors import BenchmarkError
from benchmarks.workloads import BODY_SIZES, BodyWriter, make_bodies, read_rows

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Workspace:
    """Where the files are; the servers and the load generator read them."""

    model_dir: Path
    directory: Path

    @cached_property
    def contract(self) -> Contract:
        return load_contract(self.model_dir)

    @property
    def rows(self) -> Path:
        """The rows of the test split."""
        return ROOT / "build" / self.contract.name / "test.parquet"

    @property
    def answers(self) -> Path:
        """The directory with an answer of the service for each size of body; the floors repeat them."""
        return self.directory / "answers"

    @property
    def pipeline(self) -> Path:
        return self.directory / "pipeline.joblib"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the modules in `apps` read."""
        return {
            "MODEL_DIR": str(self.model_dir),
            "ANSWERS": str(self.answers),
            "PIPELINE": str(self.pipeline),
        }

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def bodies(self, write: BodyWriter, size: int) -> Path:
        """The file with the bodies of `size` rows in one format.

        It has one body per line, so a carriage return stands for a line end within a body.
        """
        return self.directory / f"{write.__qualname__}-{size}"

    def first_body(self, write: BodyWriter, size: int) -> bytes:
        with self.bodies(write, size).open("rb") as file:
            return file.readline().rstrip(b"\n").replace(b"\r", b"\n")

    def write_bodies(self, formats: Iterable[BodyWriter]) -> None:
        """Write the bodies in these formats, from rows of the test split.

        Raises:
            BenchmarkError: the model was not baked here, so its test split is absent.
        """
        if not self.rows.exists():
            raise BenchmarkError(f"{self.rows} is missing: its rows are the requests. Run `make bake`.")
        rows = read_rows(self.rows, self.contract.features)
        for write in set(formats):
            for size in BODY_SIZES:
                bodies = [body.replace(b"\n", b"\r") for body in make_bodies(rows, size, write)]
                self.bodies(write, size).write_bytes(b"\n".join(bodies))

    def save_answer(self, size: int, answer: bytes) -> None:
        self.answers.mkdir(exist_ok=True)
        (self.answers / str(size)).write_bytes(answer)

    def saved_labels(self, size: int) -> Any:
        """Return the labels in the answer of the service to the first body of this size."""
        return json.loads((self.answers / str(size)).read_bytes())["predictions"]
