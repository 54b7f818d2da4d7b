"""Lines of a CSV file; the service reads CSV by the same rules."""

from collections.abc import Iterator
from pathlib import Path

from app.core.column_names import ColumnNames
from app.core.csv_table import NOT_UTF_8, CsvTable
from app.core.errors import Problem
from model_build.data.tables import Lines, ReadOptions, to_texts
from model_build.data.text_files import cannot_be_read, open_text
from model_build.errors import DataError

LONGEST_ROW = 64 * 2**20  # characters
ROWS_PER_READ = 10_000


def read_cells(path: Path, names: ColumnNames, options: ReadOptions) -> Lines:
    """Return the lines; the names tell the delimiter if the options do not.

    Raises:
        DataError: the file is not a CSV file.
    """
    try:
        with open_text(path, options.encoding) as text:
            table = CsvTable(text, names, delimiter=options.delimiter, longest_row=LONGEST_ROW)
            rows = to_texts(_read_chunks(table), len(table.header))
    except Problem as problem:
        raise DataError(_describe(problem, path, options.encoding)) from problem
    except (OSError, EOFError) as error:  # of the file, or of its compression
        raise cannot_be_read(path, error) from error
    if not table.header:
        raise DataError(f"{path} is empty")
    return Lines(table.header, rows, table.blank, table.delimiter)


def _read_chunks(table: CsvTable) -> Iterator[list[list[str]]]:
    while (rows := table.read(ROWS_PER_READ)).cells or rows.problem:
        if rows.problem:
            raise rows.problem
        yield rows.cells


def _describe(problem: Problem, path: Path, encoding: str) -> str:
    if problem.detail == NOT_UTF_8:
        return f"{path} is not text in {encoding.upper()}; save it in UTF-8, or declare data.encoding"
    return f"{path} is not a CSV file: {problem.detail}"
