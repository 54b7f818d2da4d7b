"""The likely cause of an error in a cell, added to what is allowed there."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.core.errors import Problem
from app.prediction.csv_header import CsvHeader

_DIGITS = re.compile(r"[+-]?[\d.,]+", re.ASCII)


def add_causes(
    problem: Problem, rows: Mapping[int, Sequence[str]], header: CsvHeader, delimiter: str
) -> None:
    """Add to the errors of a problem what the cells of these lines tell; no value is repeated."""
    column_of = dict(zip(header.keys, header.features, strict=True))
    errors: list[Mapping[str, Any]] = []
    for error in problem.errors:
        line, name = (*error["loc"][1:3], None, None)[:2]
        column = column_of.get(name)
        cell = "" if column is None or line not in rows else rows[line][column].strip()
        cause = _find_cause(cell, delimiter)
        message = f"{error['msg']} {cause}".rstrip()
        if not errors:
            problem.detail = problem.detail.replace(error["msg"], message, 1)
        errors.append({**error, "msg": message})
    problem.errors = errors


def _find_cause(cell: str, delimiter: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == "'":
        return "The cell stands in single quotes; CSV quotes with double ones."
    if "," not in cell or not _DIGITS.fullmatch(cell):
        return ""
    if "." in cell or delimiter == ",":
        return "Write the number with a decimal point and without a sign for thousands."
    if delimiter == ";":
        return "A comma in a number is a decimal comma here, not a sign for thousands."
    return "The comma may be a decimal one or stand for thousands; write a decimal point."
