"""What the servers are asked to do."""

from dataclasses import dataclass
from typing import Literal, Optional

MEDIA_TYPES = {"json": "application/json", "csv": "text/csv"}


def named(rows: int) -> str:
    return f"{rows:,} {'row' if rows == 1 else 'rows'}"


@dataclass(frozen=True)
class Workload:
    """Requests of so many rows, sent over so many connections one after the other."""

    name: str
    title: str
    rows: int
    connections: int
    body: Literal["json", "csv"] = "json"
    beside: Optional["Workload"] = None
    """What else keeps the server busy meanwhile; it is not counted."""

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.body]

    @property
    def bodies(self) -> str:
        """The name under which the prepared bodies of this workload are kept."""
        return f"{self.body}-{self.rows}"


SINGLE = Workload("1x1", "1 row, 1 connection", 1, 1)
SINGLES = Workload("1x16", "1 row, 16 connections", 1, 16)
HUNDRED = Workload("100x4", "100 rows, 4 connections", 100, 4)
THOUSAND = Workload("1000x2", "1,000 rows, 2 connections", 1_000, 2)
CSV = Workload("csv-10000x1", "CSV of 10,000 rows, 1 connection", 10_000, 1, "csv")
ALONE = Workload("1x15", "1 row, 15 connections", 1, 15)
LARGE = Workload("10000x1", "10,000 rows, 1 connection", 10_000, 1)
MIXED = Workload("mixed", "1 row, 15 connections, beside 10,000 rows on another", 1, 15, beside=LARGE)

SUITE = (SINGLE, SINGLES, HUNDRED, THOUSAND, CSV, ALONE, MIXED)
