"""Measures a model with many seeds, in parallel; a run that is stopped continues where it was."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from app.core.contract import Sha256, sha256
from model_build.errors import BuildError, DataError, SpecError
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import FEWEST_SPLITS
from model_build.stability import tables
from model_build.stability.document import SECTIONS, Stability, StabilityReport, summarize
from model_build.stability.splits import CheckedRows, SplitResult, measure_split
from model_build.stage import Job, code_checksum, library_versions
from model_build.text import pluralize


def measure_stability(job: Job, count: int, path: Path) -> StabilityReport:
    """Measure the model with the seeds from 1 to `count`, write the report to `path`, and print it.

    The rows are those that check-data left in the build directory.

    Raises:
        SpecError: the split is by time, or its test rows are those of a file.
        DataError: a violation of the data is fatal, or fewer than two splits could be measured.
    """
    if not job.spec.split.has_others:
        raise SpecError(f"A split by {job.spec.split.kind} has no other seeds to measure.")
    rows = CheckedRows.read(job)
    job.progress.say(
        f"Measuring {job.spec.name} on {count} splits of {pluralize(len(rows.data.labels), 'row')}"
    )
    splits = _measure_splits(job, rows, range(1, count + 1))
    report = summarize(job.spec, rows, splits)
    if len(report.seeds) < FEWEST_SPLITS:
        raise DataError(
            f"Only {len(report.seeds)} of {pluralize(count, 'split')} could be measured. With seed "
            f"{report.unmeasured[0].seed}: {report.unmeasured[0].error}"
        )
    stability = Stability.read_if_there(path)
    stability.model_copy(update={rows.origin.source: report}).write(path)
    tables.show_report(job.progress, report, splits)
    job.progress.say(f"{path} has the result; commit it with the spec, and the card shows it.")
    return report


def _measure_splits(job: Job, rows: CheckedRows, seeds: Sequence[int]) -> list[SplitResult]:
    """Return the results in the order of the seeds; each is kept in the build directory."""
    fingerprints = {seed: _fingerprint(job.spec, rows, seed) for seed in seeds}
    results = {seed: kept for seed in seeds if (kept := _read_kept(job, seed, fingerprints[seed]))}
    missing = {seed: fingerprints[seed] for seed in seeds if seed not in results}
    job.path("stability").mkdir(exist_ok=True)
    with job.progress.bar("split", len(seeds), len(results)) as advance:
        for result in _measure_in_parallel(job.spec, rows, missing):
            result.write(_path(job, result.seed))
            results[result.seed] = result
            advance(_describe(result))
    return [results[seed] for seed in seeds]


def _measure_in_parallel(
    spec: ModelSpec, rows: CheckedRows, fingerprints: dict[int, Sha256]
) -> Iterator[SplitResult]:
    """Yield the results as they are done, with a process for each core; no result depends on another."""
    parallel = Parallel(min(cpu_count(), max(1, len(fingerprints))), return_as="generator_unordered")
    yield from parallel(
        delayed(measure_split)(spec, rows, seed, fingerprint) for seed, fingerprint in fingerprints.items()
    )


def _read_kept(job: Job, seed: int, fingerprint: Sha256) -> SplitResult | None:
    try:
        result = SplitResult.read(_path(job, seed))
    except (BuildError, OSError):  # a run was killed while it wrote
        return None
    return result if result.fingerprint == fingerprint else None


def _path(job: Job, seed: int) -> Path:
    return job.path("stability") / f"{seed}.json"


def _fingerprint(spec: ModelSpec, rows: CheckedRows, seed: int) -> Sha256:
    dependencies = {
        "sections": spec.model_dump(mode="json", include={"name", *SECTIONS}),
        "rows": rows.checksum,
        "source": rows.origin.source,
        "seed": seed,
        "code": code_checksum(),
        "libraries": library_versions(),
    }
    return sha256(json.dumps(dependencies, sort_keys=True).encode())


def _describe(result: SplitResult) -> str:
    if result.error:
        return f"seed {result.seed} could not be measured: {result.error}"
    missed = Counter(gate.severity for gate in result.results if not gate.passed)
    gates = f"{missed['fail']} of {pluralize(len(result.results), 'gate')} failed"
    warned = f", {missed['warn']} only warned" if missed["warn"] else ""
    return f"seed {result.seed}: ROC AUC {result.metrics['roc_auc']:.4f}, {gates}{warned}"
