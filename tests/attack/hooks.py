"""What schemathesis can't know of our OpenAPI document: a schema says that CSV is text, not which text."""

import csv
import io
import os
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

from app.core.baked_model import load_contract
from app.core.values import Value
from tests.properties.census import Row, rows

FEATURES = load_contract(Path(os.environ["MODEL_DIR"])).features


def write_csv(lines: list[Row]) -> bytes:
    """Return a CSV file of what all rows have; an empty cell is a missing value."""
    text = io.StringIO()
    names = [name for name in lines[0] if all(name in line for line in lines)]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: as_cell(value) for name, value in line.items()} for line in lines)
    return text.getvalue().encode()


def as_cell(value: Value) -> Value:
    return str(value).lower() if isinstance(value, bool) else value


schemathesis.openapi.media_type("text/csv", st.lists(rows(FEATURES), min_size=1, max_size=4).map(write_csv))
