"""HTML pages that hold all they need: no request leaves them."""

import math
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


NOTHING = "\N{EN DASH}"
GROUPED = 1000  # from where on digits stand in groups
LONG = 1e15


def number(value: float) -> str:
    """Return 12,345, or about four digits of a number that is not whole; nothing for NaN, as all of these."""
    if math.isnan(value):
        return NOTHING
    if abs(value) >= LONG:
        return f"{value:.4g}"
    if value % 1 == 0:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= GROUPED else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """Return `1 row` or `12,345 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float, digits: int = 1) -> str:
    return NOTHING if math.isnan(share) else f"{share:.{digits}%}"


def figure4(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def render(template: str, **values: Any) -> str:
    """Return what the template of that name makes of `values`; raise UndefinedError when it lacks one."""
    return _environment().get_template(template).render(values)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"counted": counted, "number": number, "percent": percent, "figure4": figure4}
    return environment
