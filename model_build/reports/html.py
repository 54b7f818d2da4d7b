"""The Jinja templates of the pages, which are self-contained: they send no request."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from model_build.text import format_metric, format_number, format_percent, pluralize

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """Return the rendered template; raise UndefinedError if it needs a value that is not in `values`."""
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
