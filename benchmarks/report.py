"""Where results go: the terminal, JSON, a Markdown page and a chart."""

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks import chart
from benchmarks.cost import Assumptions
from benchmarks.results import Results
from benchmarks.tables import Table, all_tables, costs_of, markdown, skipped

NAME = "latest"


def show(results: Results, assumptions: Assumptions, console: Console) -> None:
    for table in [*all_tables(results, assumptions), skipped(results)]:
        if table.rows:
            print_table(table, console)


def print_table(table: Table, console: Console) -> None:
    console.print(_rich(table))
    console.print()


def write(results: Results, assumptions: Assumptions, directory: Path) -> None:
    """Write latest.json, latest.md and latest.svg."""
    directory.mkdir(parents=True, exist_ok=True)
    costs = {"assumptions": assumptions.document(), "dollars_per_million": costs_of(results, assumptions)}
    document = results.document() | {"cost": costs}
    dump(document, directory / f"{NAME}.json")
    chart.compare(results, directory / f"{NAME}.svg")
    (directory / f"{NAME}.md").write_text(page(results, assumptions))


def dump(document: object, path: Path) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def page(results: Results, assumptions: Assumptions) -> str:
    """Return the Markdown page."""
    tables = [*all_tables(results, assumptions), skipped(results)]
    parts = [
        "# What the service costs",
        "Written by `make bench`; do not edit.",
        _circumstances(results),
        f"![CPU per request]({NAME}.svg)",
        *(markdown(table) for table in tables if table.rows),
    ]
    return "\n\n".join(parts) + "\n"


def _circumstances(results: Results) -> str:
    machine, plan, model = results.machine, results.plan, results.model
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['date']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}, Python {machine['python']}; {packages}. "
        f"Model {model['name']} {model['version']}, trained on {model['data_source']} data. "
        f"{plan['rounds']} rounds, {plan['seconds']} s per run. "
        f"Load average before: {machine['load_before']}; above 0.5, other work was measured too."
    )


def _rich(table: Table) -> RichTable:
    found = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, caption=table.note)
    found.caption_justify = "left"
    for position, name in enumerate(table.header):
        found.add_column(name, justify="left" if position < table.left else "right")
    previous = None
    for cells in table.rows:
        if table.left > 1 and previous not in {None, cells[0]}:
            found.add_section()
        found.add_row(*map(escape, cells))
        previous = cells[0]
    return found
