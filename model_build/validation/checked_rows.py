"""The rows that passed the checks of the data."""

import pandas as pd

from model_build.artifacts import DataReport, Violation, file_sha256
from model_build.data import dataset
from model_build.errors import BuildError, DataError, SourceError
from model_build.stage import Job


def read_checked_rows(job: Job) -> pd.DataFrame:
    """Return the clean rows without those that violate a check that only warns.

    Raises:
        BuildError: other rows were checked.
        DataError: a violation is fatal.
    """
    clean, checked = job.path("clean.parquet"), job.path("data-checks.json")
    report = DataReport.read(checked)
    if report.clean_sha256 != file_sha256(clean):
        raise BuildError(f"{checked} is about other rows; run `{job.command('check-data')}` first.")
    stop_at_violations(job, report)
    return dataset.read_clean(clean, job.spec).drop(index=list(report.left_out))


def stop_at_violations(job: Job, report: DataReport) -> None:
    """Raise DataError if a violation is fatal."""
    if report.fatal_violations:
        sentences = "\n".join(f"  {violation.sentence}" for violation in report.fatal_violations)
        raise DataError(
            f"The data violate the spec ({job.path('data-checks.json')} has every violation):\n{sentences}"
        )


def read_reference(job: Job) -> pd.DataFrame | Violation | None:
    """Return the rows to compare the data with, or the violation that they are not available."""
    reference = job.spec.data_checks.reference
    if reference is None:
        return None
    try:
        return dataset.fetch_reference(job.spec, reference, job.data_directory)
    except (SourceError, DataError) as error:
        sentence = f"The reference is not available: {str(error).removesuffix('.')}"
        return Violation(check="reference", severity=reference.severity, column=None, sentence=sentence)
