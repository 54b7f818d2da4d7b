from pathlib import Path

import numpy as np
import pytest

from model_build.data.dataset import Dataset
from model_build.data.packed_rows import PackedRows
from model_build.errors import BuildError
from model_build.gate_report import BoundResult
from model_build.origin import Origin
from model_build.spec.model_spec import ModelSpec
from model_build.spec.sections import METRICS
from model_build.stability.document import (
    BoundSpread,
    GateSpread,
    KnownStability,
    Stability,
    StabilityReport,
    Unmeasured,
    bounds_of,
    find_report,
    number_gates,
    spec_checksum,
    stability_checksum,
    summarize,
)
from model_build.stability.splits import CheckedRows, SplitResult
from tests.model_build.conftest import load_spec
from tests.model_build.stability.conftest import FINGERPRINT, at_least, gate, split_result
from tests.support.tiny import TINY

ROWS = CheckedRows(
    Dataset(PackedRows.pack([{}] * 4), np.zeros(4, np.intp)),
    Origin(source="real", uri="loans.csv", sha256=None),
    "0a" * 32,
)
GOLDEN = BoundResult(key="minimum_probability", bound=0.1, value=0.4, end=0.4)
SPLITS = (
    split_result(
        1,
        0.9123456789,
        gate("parity", "parity"),
        gate("metric", "roc_auc", at_least(0.9, 0.92, 0.91)),
        gate("behaviour", "A row", GOLDEN, passed=False),
    ),
    SplitResult(seed=2, fingerprint=FINGERPRINT, error="No test row has paid yes."),
    split_result(
        3,
        0.8,
        gate("parity", "parity", passed=False),
        gate("metric", "roc_auc", at_least(0.9, 0.9, 0.89), passed=False),
        gate("slice", "accuracy of slices", at_least(0.5, 0.6, 0.55)),
    ),
)


def report(spec: ModelSpec) -> StabilityReport:
    return summarize(spec, ROWS, SPLITS)


# What is collected


def test_every_number_is_collected_by_seed(tiny_spec: ModelSpec) -> None:
    assert report(tiny_spec) == StabilityReport(
        spec_checksum=spec_checksum(tiny_spec),
        rows_checksum="0a" * 32,
        data_uri="loans.csv",
        rows=4,
        seeds=(1, 3),
        unmeasured=(Unmeasured(seed=2, error="No test row has paid yes."),),
        metrics=dict.fromkeys(METRICS, (0.9123456789, 0.8)),
        gates=(
            GateSpread(kind="parity", name="parity", bounds=(), unbounded=(1,)),
            GateSpread(
                kind="metric",
                name="roc_auc",
                bounds=(BoundSpread(key="minimum", values=(0.92, 0.9), ends=(0.91, 0.89)),),
                unbounded=(),
            ),
            GateSpread(
                kind="behaviour",
                name="A row",
                bounds=(BoundSpread(key="minimum_probability", values=(0.4, None), ends=(0.4, None)),),
                unbounded=(0,),
            ),
            GateSpread(
                kind="slice",
                name="accuracy of slices",
                bounds=(BoundSpread(key="minimum", values=(None, 0.6), ends=(None, 0.55)),),
                unbounded=(),
            ),
        ),
    )


def test_failures_follow_the_bounds_of_today(tiny_spec: ModelSpec) -> None:
    parity, roc_auc, golden, _ = report(tiny_spec).gates
    assert [roc_auc.failures({"minimum": bound}) for bound in (0.89, 0.9, 0.92)] == [0, 1, 2]
    assert parity.failures({}) == 1
    assert golden.failures({"minimum_probability": 0.1}) == 1
    assert golden.failures({"minimum_probability": 0.5}) == 1


def test_gates_of_the_same_name_are_told_apart_by_their_order() -> None:
    strict, loose = (gate("slice", "f1 of slices", at_least(bound, 0.9, 0.8)) for bound in (0.7, 0.1))
    assert number_gates([strict, loose]) == {
        ("slice", "f1 of slices", 0): strict,
        ("slice", "f1 of slices", 1): loose,
    }
    assert bounds_of([strict, loose]) == {
        ("slice", "f1 of slices", 0): {"minimum": 0.7},
        ("slice", "f1 of slices", 1): {"minimum": 0.1},
    }


# The file


def test_a_document_is_read_as_it_was_written_but_for_digits_that_differ_between_machines(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.stability.json"
    Stability(real=report(tiny_spec)).write(path)
    text = path.read_text()
    assert '"f1": [ 0.912346, 0.8 ],\n' in text
    assert '"values": [ 0.4, null ],\n' in text
    read = Stability.read_if_there(path)
    assert read.synthetic is None
    assert read.real is not None
    assert read.real.metrics["f1"] == (0.912346, 0.8)
    assert read.real.model_copy(update={"metrics": {}}) == report(tiny_spec).model_copy(
        update={"metrics": {}}
    )
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.stability.json"]


def test_a_document_that_is_not_there_has_no_reports(tmp_path: Path) -> None:
    for path in (None, tmp_path / "tiny.stability.json"):
        assert Stability.read_if_there(path) == Stability()
        assert stability_checksum(path) is None


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.stability.json"
    path.write_text('{"real": {}}')
    with pytest.raises(BuildError, match=r"tiny.stability.json does not have the format of this version"):
        Stability.read_if_there(path)


# Whether it is about this model


def test_a_report_of_this_spec_and_these_rows_is_known(tiny_spec: ModelSpec, tmp_path: Path) -> None:
    path = tmp_path / "tiny.stability.json"
    Stability(real=report(tiny_spec)).write(path)
    known = find_report(path, tiny_spec, "real", "0a" * 32)
    assert known.reason is None
    assert known.report == Stability.read_if_there(path).real


def test_a_report_that_does_not_fit_is_not_shown_and_the_reason_is(
    tiny_spec: ModelSpec, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.stability.json"
    Stability(real=report(tiny_spec)).write(path)
    other = load_spec(tmp_path, TINY.replace("max_iter: 5", "max_iter: 6"))
    for spec, source, rows, reason in (
        (tiny_spec, "synthetic", "0a" * 32, "no other split of synthetic rows was measured"),
        (other, "real", "0a" * 32, "the other splits were measured with another spec"),
        (tiny_spec, "real", "0b" * 32, "the other splits were measured on other rows"),
    ):
        assert find_report(path, spec, source, rows) == KnownStability(None, reason)  # type: ignore[arg-type]


GATED = """
training: {folds: 3}
evaluation: {resamples: 100}
gates:
  metrics: [{metric: f1, minimum: 0.3}]
  slices: [{metric: accuracy, minimum: 0.2, minimum_rows: 40}]
  maximum_bytes: 1000
model_checks:
  directions: [{feature: years, score: falls, tolerance: 0.1}]
  golden:
    - title: A row
      row: {years: 5, rate: 2.5, grade: B, secured: true}
      label: "yes"
      minimum_probability: 0.1
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("minimum: 0.3", "minimum: 0.4"),
        ("minimum: 0.2", "minimum: 0.3"),
        ("tolerance: 0.1", "tolerance: 0.2"),
        ("minimum_probability: 0.1", "minimum_probability: 0.2"),
        ("maximum_bytes: 1000", "maximum_bytes: 2000"),
        ("maximum_bytes: 1000", "maximum_bytes: 1000\n  maximum_microseconds: 9"),
        ("maximum_bytes: 1000", "maximum_bytes: 1000\n  deployed: {model: models/old}"),
        ("seed: 1", "seed: 2"),
        ("folds: 3", "folds: 3, search: {space: {max_depth: [2]}}"),
        ("folds: 3", "folds: 3, refit: true"),
        ("resamples: 100", "resamples: 100, partial_dependence: 1, importance_repeats: 2"),
        ("version: 1.2.3", "version: 2.0.0"),
    ],
)
def test_bounds_and_what_changes_no_metric_change_no_checksum(tmp_path: Path, old: str, new: str) -> None:
    assert old in TINY + GATED
    changed = load_spec(tmp_path, (TINY + GATED).replace(old, new))
    assert spec_checksum(changed) == spec_checksum(load_spec(tmp_path, TINY + GATED))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_iter: 5", "max_iter: 6"),
        ("test: 0.25", "test: 0.3"),
        ("folds: 3", "folds: 4"),
        ("resamples: 100", "resamples: 200"),
        ("threshold: 0.6", "threshold: 0.5"),
        ("categories: [A, B, C]", "categories: [C, B, A]"),
        ("minimum: 0.3", "maximum: 0.3"),
        ("minimum: 0.3", "minimum: 0.3, maximum: 0.9"),
        ("minimum_rows: 40", "minimum_rows: 50"),
        ("score: falls", "score: falls, values: [2, 9]"),
        ("years: 5", "years: 6"),
    ],
)
def test_what_changes_a_metric_or_what_a_gate_compares_changes_the_checksum(
    tmp_path: Path, old: str, new: str
) -> None:
    changed = load_spec(tmp_path, (TINY + GATED).replace(old, new))
    assert spec_checksum(changed) != spec_checksum(load_spec(tmp_path, TINY + GATED))
