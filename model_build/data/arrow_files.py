"""Parquet and Arrow (Feather) files."""

from pathlib import Path

import pyarrow as pa
from pyarrow import feather, parquet

from model_build.data.cell_text import DateFormat, arrow_to_text
from model_build.data.tables import Columns, to_columns
from model_build.data.text_files import cannot_be_read
from model_build.errors import DataError

PARQUET = b"PAR1"
ARROW = (b"ARROW1", b"FEA1")
"""The starts of Arrow files, which Feather is since its second version, and of Feather before."""


def read_arrow(path: Path, start: bytes, date_format: DateFormat) -> Columns:
    """Return the columns of a file that begins with `start`.

    Raises:
        DataError: the file is broken, or a cell has no text, such as a date beyond the year 9999.
    """
    try:
        table = _read(path, start)
    except (pa.ArrowException, OSError) as error:
        raise cannot_be_read(path, error) from error
    texts = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            texts.append(arrow_to_text(column, date_format(name)))
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise DataError(f"{path} has a cell in {name} that can't be read: {error}") from error
    return to_columns(table.column_names, texts)


def _read(path: Path, start: bytes) -> pa.Table:
    if start.startswith(PARQUET):
        with parquet.ParquetFile(path) as file:  # read_table refuses two columns with one name
            return file.read()
    return feather.read_table(path)
