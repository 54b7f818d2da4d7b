"""A file of any format → its lines or columns. The first bytes tell the format, not the name."""

from pathlib import Path

from app.core.column_names import ColumnNames
from app.core.text_files import find_encoding
from model_build.data import arrow_files, json_lines, workbook
from model_build.data.cell_text import DateFormat
from model_build.data.csv_file import read_cells
from model_build.data.tables import Columns, Lines, ReadOptions
from model_build.data.text_files import read_start


def read_table_file(
    path: Path, names: ColumnNames, options: ReadOptions, date_format: DateFormat
) -> Lines | Columns:
    """Return the table of a CSV, Parquet, Arrow or Feather file, of JSON lines or of an Excel workbook.

    Raises:
        DataError: the file is none of these, or broken.
    """
    start = read_start(path)
    if start.startswith((arrow_files.PARQUET, *arrow_files.ARROW)):
        return arrow_files.read_arrow(path, start, date_format)
    if start.startswith(workbook.START):
        return workbook.read_workbook(path, options.sheet)
    text = start.decode(find_encoding(start, options.encoding), errors="ignore").lstrip()
    if text.startswith(json_lines.STARTS):
        return json_lines.read_json_lines(path, options.encoding, date_format)
    return read_cells(path, names, options)
