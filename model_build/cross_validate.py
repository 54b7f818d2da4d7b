"""The command that compares the model of a spec with untouched boosting, fold by fold."""

from collections.abc import Sequence

from threadpoolctl import threadpool_limits

from app.core.encoders import row_encoder
from model_build import pipeline
from model_build.artifacts import CrossValidation
from model_build.data import dataset
from model_build.data.packed_rows import encode_in_chunks
from model_build.stage import Job
from model_build.text import pluralize
from model_build.training.cross_validation import make_folds
from model_build.training.fold_comparison import compare_with_untouched
from model_build.validation.checked_rows import read_checked_rows

RESULTS = "cross-validation.json"


def compare_models(job: Job, seeds: Sequence[int]) -> None:
    """Print and write both models' metrics on the folds of all valid rows, once for each seed.

    Raises:
        BuildError: the rows can't be read or violate the spec, or scikit-learn refuses a parameter.
    """
    pipeline.run_before("segregate", job)
    rows = dataset.build_dataset(read_checked_rows(job), job.spec)
    matrix = encode_in_chunks(row_encoder(job.spec.features, job.spec.derived), rows.rows)
    if rows.carried.times is not None:
        seeds = seeds[:1]  # folds by time are the same for each
    folds = len(make_folds(job.spec.target, rows.labels, job.spec.training.folds, seeds[0], rows.carried))
    job.progress.say(f"{pluralize(folds, 'fold')} × {pluralize(len(seeds), 'seed')} of {len(matrix):,} rows")
    with job.progress.bar("fold", folds * len(seeds), 0) as advance, threadpool_limits(1):
        comparisons = compare_with_untouched(job.spec, matrix, rows.labels, seeds, advance, rows.carried)
    report = CrossValidation(rows=len(matrix), seeds=tuple(seeds), comparisons=comparisons)
    report.write(job.path(RESULTS))
    job.progress.show_folds(report)
