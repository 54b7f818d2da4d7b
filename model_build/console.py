"""What a person at the terminal sees of a bake: each step with its time, then the figures."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from model_build.artifacts import Evaluation, Interval, Slice, Slices

STEP = "[green]✓[/] {name:<11}[dim]{seconds:6.2f} s[/]  {notes}"
WEAK_IN = ("accuracy", "roc_auc")
WEAKEST = 3
INDENT = "\n" + " " * 23


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

    @contextmanager
    def bar(self, name: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        """Yield what to call, with a few words, whenever one more of `total` is done.

        A terminal shows a bar, with those words and the time that is left; anything else a line for each.
        """
        if not self._console.is_terminal:
            numbers = iter(range(done + 1, total + 1))
            yield lambda words: self.say(f"  {name} {next(numbers)}/{total}: {words}")
            return
        columns = (
            TextColumn("  " + escape(name)),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}", markup=False),
        )
        with Bar(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(name, total=total, completed=done, words="")
            yield lambda words: bar.update(task, advance=1, words=words)

    def fail(self, text: str) -> None:
        self._console.print(f"[bold red]✗[/] {escape(text)}")

    def figures(self, evaluation: Evaluation, slices: Slices | None = None) -> None:
        """Print the metrics, the confusion matrix, and the slices where the model is weakest."""
        self._console.print()
        self._console.print(_metrics(evaluation))
        self._console.print(_confusion(evaluation.labels, evaluation.confusion_matrix))
        if slices is not None and slices.slices:
            self._console.print(_weakest(slices.slices, evaluation.confidence))


def _metrics(evaluation: Evaluation) -> Table:
    table = Table("metric", title=f"Test split, {evaluation.rows:,} rows", title_justify="left")
    table.add_column("value", justify="right")
    table.add_column(_interval(evaluation.confidence))
    for name, found in evaluation.intervals.items():
        table.add_row(name.replace("_", " "), *_shown(found))
    return table


def _weakest(slices: Sequence[Slice], confidence: float) -> Table:
    """List the slices that have the lowest figures, of each metric of WEAK_IN."""
    table = Table("metric", "slice", title="Weakest slices", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("value", justify="right")
    table.add_column(_interval(confidence))
    for metric in WEAK_IN:
        measured = [each for each in slices if metric in each.metrics]
        for each in sorted(measured, key=lambda part: part.metrics[metric].value)[:WEAKEST]:
            levels = zip(each.features, each.levels, strict=True)
            name = ", ".join(f"{feature} {level}" for feature, level in levels)
            found = _shown(each.metrics[metric])
            table.add_row(metric.replace("_", " "), escape(name), f"{each.rows:,}", *found)
    return table


def _interval(confidence: float) -> str:
    return f"{100 * confidence:g} % interval"


def _shown(found: Interval) -> tuple[str, str]:
    return f"{found.value:.4f}", f"{found.low:.4f} to {found.high:.4f}"


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Table:
    table = Table(title="Confusion matrix", title_justify="left")
    table.add_column("true ↓ predicted →", overflow="fold")  # names cut short may be the same
    for label in labels:
        table.add_column(escape(label), justify="right", overflow="fold")
    for label, counts in zip(labels, matrix, strict=True):
        table.add_row(escape(label), *(f"{count:,}" for count in counts))
    return table
