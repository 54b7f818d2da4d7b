"""HTML pages that hold all they need: no request leaves them."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model_build.text import format_metric, format_number, format_percent, pluralize

TEMPLATES = Path(__file__).parent / "templates"


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
    environment.filters |= {
        "pluralize": pluralize,
        "number": format_number,
        "percent": format_percent,
        "metric": format_metric,
    }
    return environment
