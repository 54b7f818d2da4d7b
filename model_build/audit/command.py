"""The command `audit`: read, measure, print and write."""

from pathlib import Path

from model_build import atomic
from model_build.artifacts import file_sha256
from model_build.audit.audit import audit_table
from model_build.audit.report import groups_table, render_markdown, slices_table
from model_build.audit.scored_table import Question
from model_build.console import Progress
from model_build.drafting.table import Location, read_table
from model_build.text import pluralize


def run_audit(path: Path, question: Question, out: Path, progress: Progress) -> None:
    """Print the audit of a file, and write it to `out` as NAME-audit.json and NAME-audit.md.

    Raises:
        SourceError: there is no such file.
        DataError: the file is no table, or lacks what is asked of it.
    """
    with progress.step("read") as notes:
        table = read_table(Location.of(path))
        notes.append(f"{path}: {pluralize(len(table.rows), 'row')}")
        notes.extend(table.remarks)
    with progress.step("audit") as notes:
        audit = audit_table(table, question, path.name, file_sha256(path) if path.is_file() else None)
        notes.append(f"positive is {audit.label} {audit.positive}, from {audit.score} {audit.threshold:g} on")
        if audit.left_out:
            notes.append(f"{pluralize(audit.left_out, 'row')} without a score or a label left out")
        if not audit.are_probabilities:
            notes.append("the scores are no probabilities: no log loss, Brier score or calibration error")
    progress.show_metrics(audit.evaluation, rows=str(path))
    progress.show_table(slices_table(audit))
    for protected in audit.fairness.protected:
        progress.show_table(groups_table(protected))
    progress.say("The intervals of all groups are in:")
    stem = path.name.partition(".")[0].replace("*", "")
    contents = {".json": audit.model_dump_json(indent=2) + "\n", ".md": render_markdown(audit)}
    for suffix, content in contents.items():
        atomic.write(out / f"{stem}-audit{suffix}", content.encode())
        progress.say(str(out / f"{stem}-audit{suffix}"))
