"""Request bodies, prepared before anything is timed: rows that look real, and not twice the same in a row."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks.workloads import Workload
from model_build.data.synthetic_census import GENERATORS

Rows = Sequence[Mapping[str, Any]]
Writer = Callable[[Rows], bytes]

SEPARATOR = b"\x1e"  # the record separator of RFC 7464; no JSON and no CSV of ours holds it
MOST_BODIES = 1_000
ROWS_PER_FILE = 20_000  # enough to rotate, and a file of a few MB
SEED = 1


def census_rows(features: Sequence[str]) -> Rows:
    """Return rows as a client has them, with `?` for what is missing."""
    frame = GENERATORS["census"](ROWS_PER_FILE, SEED)
    rows: list[dict[str, Any]] = frame[list(features)].to_dict("records")
    return rows


def as_inputs(rows: Rows) -> bytes:
    return json.dumps({"inputs": list(rows)}).encode()


def as_csv(rows: Rows) -> bytes:
    text = StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def prepare(directory: Path, workloads: Sequence[Workload], rows: Rows, as_json: Writer = as_inputs) -> None:
    """Write one file of bodies for each size and format that the workloads need."""
    directory.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Writer] = {"json": as_json, "csv": as_csv}
    for workload in [*workloads, *(each.beside for each in workloads if each.beside)]:
        path = directory / workload.bodies
        if not path.exists():
            write = writers[workload.body]
            path.write_bytes(SEPARATOR.join(write(chunk) for chunk in _chunks(rows, workload.rows)))


def read(directory: Path, workload: Workload) -> list[bytes]:
    return (directory / workload.bodies).read_bytes().split(SEPARATOR)


def _chunks(rows: Rows, size: int) -> list[Rows]:
    count = max(1, min(MOST_BODIES, len(rows) // size))
    return [rows[start * size : (start + 1) * size] for start in range(count)]
