"""The output of a bake at the terminal: each step with its time, and at the end the metrics."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from model_build.artifacts import Comparison, CrossValidation, Evaluation, Interval, Slice, Slices

STEP = "[green]✓[/] {name:<11}[dim]{seconds:6.2f} s[/]  {notes}"
WEAKEST_BY = ("accuracy", "roc_auc")
MOST_SLICES = 3  # by each of these metrics
SILENCE = 10.0  # seconds between two lines about the same loop
LONG = 5.0  # seconds from which on a part of a step is worth a line
INDENT = "\n" + " " * 23


class Progress:
    """Prints with colour and a spinner to a terminal, and plain lines to anything else."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, emoji=False, soft_wrap=True)

    def say(self, text: str) -> None:
        self._console.print(escape(text))

    def warn(self, text: str) -> None:
        self._console.print(f"[bold yellow]{escape(text)}[/]")

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step, and then print the notes that it added, one a line."""
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
        """Yield a function to call with a few words whenever one more of `total` items is done.

        A terminal shows a bar with these words and the time left; anything else gets a line for each item.
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

    def count(self, name: str) -> Callable[[], None]:
        """Return a function to call whenever one more item is done; it says how many, every ten seconds."""
        done, last = 0, time.perf_counter()

        def tick() -> None:
            nonlocal done, last
            done += 1
            if time.perf_counter() - last > SILENCE:
                last = time.perf_counter()
                self.say(f"  {name}: {done:,} done")

        return tick

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part of a step, and say the time of a long one."""
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        if seconds > LONG:
            self.say(f"  {name}: {seconds:.1f} s")

    def show_table(self, table: Table) -> None:
        self._console.print()
        self._console.print(table)

    def succeed(self, text: str) -> None:
        self._console.print(f"[green]✓[/] {escape(text)}")

    def fail(self, text: str) -> None:
        self._console.print(f"[bold red]✗[/] {escape(text)}")

    def show_metrics(
        self, evaluation: Evaluation, slices: Slices | None = None, rows: str = "Test split"
    ) -> None:
        """Print the metrics, the confusion matrix and the slices where the model is weakest."""
        self._console.print()
        self._console.print(_metrics_table(evaluation, rows))
        self._console.print(_confusion_table(evaluation.labels, evaluation.confusion_matrix))
        if slices is not None and slices.slices:
            self._console.print(_weakest_table(slices.slices, evaluation.confidence))

    def show_folds(self, report: CrossValidation) -> None:
        """Print both models' metrics on every fold of every seed, and the intervals of the differences."""
        for comparison in report.comparisons:
            self._console.print()
            self._console.print(_folds_table(comparison, report.seeds))
            gain = comparison.difference
            interval = f"95 % interval {gain.low:+.5f} to {gain.high:+.5f}"
            self.say(f"{comparison.metric} against the untouched boosting: {gain.value:+.5f}, {interval}")


def _folds_table(comparison: Comparison, seeds: Sequence[int]) -> Table:
    table = Table("seed", "fold")
    for name in (comparison.metric.replace("_", " "), "untouched", "difference"):
        table.add_column(name, justify="right")
    per_seed = len(comparison.chosen.folds) // len(seeds)
    for number, values in enumerate(zip(comparison.chosen.folds, comparison.default.folds, strict=True)):
        seed, fold = divmod(number, per_seed)
        table.add_row(str(seeds[seed]), str(fold + 1), *_format_difference(*values))
    table.add_section()
    table.add_row("mean", "", *_format_difference(comparison.chosen.mean, comparison.default.mean))
    return table


def _format_difference(chosen: float, default: float) -> tuple[str, str, str]:
    return f"{chosen:.5f}", f"{default:.5f}", f"{chosen - default:+.5f}"


def _metrics_table(evaluation: Evaluation, rows: str) -> Table:
    table = Table("metric", title=f"{rows}, {evaluation.rows:,} rows", title_justify="left")
    table.add_column("value", justify="right")
    table.add_column(_interval_head(evaluation.confidence))
    for name, interval in evaluation.intervals.items():
        table.add_row(name.replace("_", " "), *_format_interval(interval))
    return table


def _weakest_table(slices: Sequence[Slice], confidence: float) -> Table:
    """List the slices with the lowest metrics, for each metric of WEAKEST_BY."""
    table = Table("metric", "slice", title="Weakest slices", title_justify="left")
    table.add_column("rows", justify="right")
    table.add_column("value", justify="right")
    table.add_column(_interval_head(confidence))
    for metric in WEAKEST_BY:
        measured = [slice_ for slice_ in slices if metric in slice_.metrics]
        ranked = sorted(measured, key=lambda slice_: slice_.metrics[metric].value)
        for slice_ in ranked[:MOST_SLICES]:
            levels = zip(slice_.features, slice_.levels, strict=True)
            name = ", ".join(f"{feature} {level}" for feature, level in levels)
            interval = _format_interval(slice_.metrics[metric])
            table.add_row(metric.replace("_", " "), escape(name), f"{slice_.rows:,}", *interval)
    return table


def _interval_head(confidence: float) -> str:
    return f"{100 * confidence:g} % interval"


def _format_interval(interval: Interval) -> tuple[str, str]:
    return f"{interval.value:.4f}", f"{interval.low:.4f} to {interval.high:.4f}"


def _confusion_table(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Table:
    table = Table(title="Confusion matrix", title_justify="left")
    table.add_column("true ↓ predicted →", overflow="fold")  # truncated names could be the same
    for label in labels:
        table.add_column(escape(label), justify="right", overflow="fold")
    for label, counts in zip(labels, matrix, strict=True):
        table.add_row(escape(label), *(f"{count:,}" for count in counts))
    return table
