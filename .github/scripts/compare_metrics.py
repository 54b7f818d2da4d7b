#!/usr/bin/env python3
"""compare_metrics.py BASE HEAD: write in Markdown how the metrics of a baked model change.

BASE and HEAD are metrics.json files. BASE may be missing, and the report says so; HEAD may not.
"""
# ruff: noqa: T201 - this script prints its result

import json
import sys
from pathlib import Path
from typing import Any

Metrics = dict[str, Any]

LOWER_IS_BETTER = {"log_loss", "brier", "calibration_error"}
NONE = "-"
SMALL = 5e-5  # a change that four decimals do not show


def load(path: Path) -> Metrics | None:
    if not path.is_file():
        return None
    metrics: Metrics = json.loads(path.read_text())
    return metrics | {"data_source": data_source(path)}


def data_source(path: Path) -> str | None:
    """Return the kind of data that the model was trained on, from its contract."""
    contract = path.with_name("contract.json")
    if not contract.is_file():
        return None
    source: str = json.loads(contract.read_text())["provenance"]["data_source"]
    return source


def change(name: str, before: float | None, after: float) -> str:
    if before is None:
        return "new"
    difference = after - before
    if abs(difference) < SMALL:
        return "none"
    better = (difference < 0) == (name in LOWER_IS_BETTER)
    return f"{difference:+.4f} {'better' if better else '**worse**'}"


def code(text: str) -> str:
    """Return a label as code, in one cell of a table: Markdown shows its `<` unchanged."""
    return "`" + text.replace("|", "\\|") + "`"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def metric_rows(base: Metrics | None, head: Metrics) -> list[list[str]]:
    before = base["metrics"] if base else {}
    rows = []
    for name, after in head["metrics"].items():
        old = before.get(name)
        rows.append([name, NONE if old is None else f"{old:.4f}", f"{after:.4f}", change(name, old, after)])
    rows += [
        [name, f"{old:.4f}", NONE, "gone"] for name, old in before.items() if name not in head["metrics"]
    ]
    return rows


def confusion_rows(base: Metrics | None, head: Metrics) -> list[list[str]]:
    """Return a row for each true label, with the change of each count when both have the same labels."""
    same = base is not None and base["labels"] == head["labels"]
    before = base["confusion_matrix"] if base is not None and same else head["confusion_matrix"]
    rows = []
    for label, counts, old_counts in zip(head["labels"], head["confusion_matrix"], before, strict=True):
        pairs = zip(counts, old_counts, strict=True)
        cells = [f"{new:,}" + (f" ({new - old:+,})" if new != old else "") for new, old in pairs]
        rows.append([code(label), *cells])
    return rows


def notes(base: Metrics | None, head: Metrics) -> list[str]:
    lines = [f"{head['rows']:,} test rows, model trained on {head['data_source'] or 'unknown'} data."]
    if base is None:
        lines.append("The base branch has no metrics to compare with.")
    elif base["data_source"] != head["data_source"]:
        source = base["data_source"] or "unknown"
        lines.append(
            f"**The model of the base branch was trained on {source} data: do not compare the two.**"
        )
    elif base["rows"] != head["rows"]:
        lines.append(f"The base branch has {base['rows']:,} test rows.")
    return lines


def report(base: Metrics | None, head: Metrics) -> str:
    lines = ["## Model metrics", "", " ".join(notes(base, head)), ""]
    lines += table(["metric", "base", "this branch", "change"], metric_rows(base, head))
    lines += ["", "### Confusion matrix", "", "Rows are true labels, columns predicted ones.", ""]
    lines += table(["", *map(code, head["labels"])], confusion_rows(base, head))
    return "\n".join(lines) + "\n"


def main() -> None:
    if len(sys.argv) != 3:  # noqa: PLR2004 - the script and its two files
        sys.exit("usage: compare_metrics.py BASE HEAD")
    base, head = (load(Path(argument)) for argument in sys.argv[1:])
    if head is None:
        sys.exit(f"There is no file {sys.argv[2]}.")
    print(report(base, head), end="")


if __name__ == "__main__":
    main()
