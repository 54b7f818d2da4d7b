"""What the servers are asked: rows per request, connections, and the bodies themselves."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Optional

from app.core.features import Feature, IntegerFeature
from app.core.values import Row, Value
from model_build.data import row_files

Rows = Sequence[Row]
BodyWriter = Callable[[Rows], bytes]

MOST_BODIES = 1_000
ROWS_OF_ALL_BODIES = 20_000  # keeps the file of the bodies at a few MB, whatever the rows per body
LEAST_BODIES = 2


@dataclass(frozen=True)
class Workload:
    """Requests of so many rows, sent over so many connections, on each one after the other."""

    name: str
    title: str
    rows: int
    connections: int
    background: Optional["Workload"] = None
    """A second load at the same time; its requests do not enter the metrics."""
    is_csv: bool = False
    """Whether the rows are sent as CSV and not as JSON; only the service reads it."""

    @property
    def content_type(self) -> str:
        return "text/csv" if self.is_csv else "application/json"


ONE_CLIENT = Workload("1x1", "1 row, 1 connection", 1, 1)
ONE_ROW = Workload("1x16", "1 row, 16 connections", 1, 16)
MANY_CLIENTS = Workload("1x64", "1 row, 64 connections", 1, 64)
HUNDRED_ROWS = Workload("100x4", "100 rows, 4 connections", 100, 4)
THOUSAND_ROWS = Workload("1000x2", "1,000 rows, 2 connections", 1_000, 2)
LARGE = Workload("10000x1", "10,000 rows, 1 connection", 10_000, 1)
CSV_ROWS = Workload("csv-10000x1", "CSV of 10,000 rows, 1 connection", 10_000, 1, is_csv=True)
MIXED = Workload("mixed", "1 row, 16 connections, beside 10,000 rows on one more", 1, 16, background=LARGE)

WORKLOADS = (ONE_CLIENT, ONE_ROW, MANY_CLIENTS, HUNDRED_ROWS, THOUSAND_ROWS, CSV_ROWS, MIXED)
BODY_SIZES = (1, 100, 1_000, 10_000)


def read_rows(path: Path, features: Sequence[Feature]) -> Rows:
    """Return the rows of a file that a bake wrote, as a client sends them."""
    frame = row_files.read_rows(path)
    columns = [[_value(feature, value) for value in frame[feature.name]] for feature in features]
    names = [feature.name for feature in features]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _value(feature: Feature, value: Value) -> Value:
    if value is None and feature.missing is not None and feature.missing.markers:
        return feature.missing.markers[0]  # which the encoder of the baseline knows; null it does not
    if isinstance(feature, IntegerFeature) and isinstance(value, float):
        return int(value)
    return value


def as_inputs(rows: Rows) -> bytes:
    """Write the body that the service, the floors and the baseline read."""
    return json.dumps({"inputs": list(rows)}).encode()


def as_csv(rows: Rows) -> bytes:
    """Write the rows as CSV; a missing value is an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def make_bodies(rows: Rows, size: int, write: BodyWriter) -> list[bytes]:
    """Return bodies of `size` rows each, which walk through all rows again and again.

    The same few bodies would stay in the caches of the processor, so that every server would seem faster.
    """
    count = max(LEAST_BODIES, min(MOST_BODIES, ROWS_OF_ALL_BODIES // size))
    endless = cycle(rows)
    return [write(list(islice(endless, size))) for _ in range(count)]
