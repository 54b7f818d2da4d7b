"""What a person at the terminal sees of a bake: each step with its time, then the figures."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model_build.evaluate import Evaluation

STEP = "[green]✓[/] {name:<9}[dim]{seconds:6.2f} s[/]  {notes}"
INDENT = "\n" + " " * 21


class Progress:
    """Prints to a terminal with colour and a spinner, to anything else in plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, emoji=False, soft_wrap=True)

    def say(self, text: str) -> None:
        self._console.print(escape(text))

    def warn(self, text: str) -> None:
        self._console.print(f"[bold yellow]{escape(text)}[/]")

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step; it prints the notes that the step added, one a line."""
        notes: list[str] = []
        started = time.perf_counter()
        spinner = self._console.status(f"{name} …") if self._console.is_terminal else nullcontext()
        with spinner:
            yield notes
        seconds = time.perf_counter() - started
        text = STEP.format(name=name, seconds=seconds, notes=escape(INDENT.join(notes)))
        self._console.print(text)

    def fail(self, text: str) -> None:
        self._console.print(f"[bold red]✗[/] {escape(text)}")

    def figures(self, evaluation: Evaluation) -> None:
        """Print the metrics and the confusion matrix."""
        self._console.print()
        self._console.print(_metrics(evaluation.metrics, evaluation.rows))
        self._console.print(_confusion(evaluation.labels, evaluation.confusion_matrix))


def _metrics(metrics: Mapping[str, float], rows: int) -> Table:
    table = Table("metric", title=f"Test split, {rows:,} rows", title_justify="left")
    table.add_column("value", justify="right")
    for name, value in metrics.items():
        table.add_row(name.replace("_", " "), f"{value:.4f}")
    return table


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Table:
    table = Table("true ↓ predicted →", title="Confusion matrix", title_justify="left")
    for label in labels:
        table.add_column(escape(label), justify="right")
    for label, counts in zip(labels, matrix, strict=True):
        table.add_row(escape(label), *(f"{count:,}" for count in counts))
    return table
