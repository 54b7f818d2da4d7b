"""What a valid spec says in a few words, and what a person may want to know of it before a bake."""

from pathlib import Path

from model_build.spec.model_spec import ModelSpec
from model_build.text import pluralize

TODO = "# TODO"


def summarize(spec: ModelSpec) -> str:
    """Return `5 features, labels no and yes, hist_gradient_boosting`."""
    parts = [pluralize(len(spec.features), "feature")]
    parts += [f"{len(spec.derived):,} derived"] if spec.derived else []
    parts += [pluralize(len(spec.ids), "id")] if spec.ids else []
    *first, last = spec.target.labels
    return ", ".join([*parts, f"labels {', '.join(first)} and {last}", spec.estimator.name])


def list_remarks(spec: ModelSpec, path: Path, data_directory: Path) -> list[str]:
    """Return a sentence each about missing gates, lines with a TODO, and sources that are not at hand."""
    remarks = []
    gates = spec.gates
    if not (gates.metrics or gates.slices or gates.fairness):
        remarks.append("It has no gates on metrics: a model of any quality is baked.")
    lines = path.read_text().splitlines()
    if todo := [str(number) for number, line in enumerate(lines, 1) if TODO in line]:
        remarks.append(f"TODO in {'line' if len(todo) == 1 else 'lines'} {', '.join(todo)}.")
    sources = spec.data.sources
    may_answer = any(source.is_remote or source.query or source.is_in(data_directory) for source in sources)
    if not may_answer:
        names = " or ".join(source.uri for source in sources)
        remarks.append(f"{names} is not in {data_directory}/ (DATA_DIR), so no real data can be read.")
    if (test := spec.split.file) and not (test.is_remote or test.query or test.is_in(data_directory)):
        remarks.append(f"{test.uri} is not in {data_directory}/ (DATA_DIR), so there are no test rows.")
    return remarks
