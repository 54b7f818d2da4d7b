from pathlib import Path

from model_build.spec import model_spec
from model_build.spec.summary import list_remarks, summarize
from tests.support.tiny import TINY

GATES = "gates: {metrics: [{metric: roc_auc, minimum: 0.5}]}\n"


def remarks(directory: Path, text: str) -> list[str]:
    path = directory / "tiny.yaml"
    path.write_text(text)
    return list_remarks(model_spec.load(str(path)), path, directory)


def test_summary_counts_the_features_and_names_labels_and_estimator(tmp_path: Path) -> None:
    more = "ids: [{name: id}]\nderived: [{name: cost, expression: years * rate}]\n"
    (tmp_path / "tiny.yaml").write_text(TINY + more)
    spec = model_spec.load(str(tmp_path / "tiny.yaml"))
    assert summarize(spec) == "4 features, 1 derived, 1 id, labels no and yes, hist_gradient_boosting"


def test_spec_with_gates_and_data_needs_no_remark(tmp_path: Path) -> None:
    (tmp_path / "loans.csv").touch()
    assert remarks(tmp_path, TINY + GATES) == []


def test_an_absent_file_of_test_rows_is_remarked(tmp_path: Path) -> None:
    (tmp_path / "loans.csv").touch()
    text = TINY.replace("test: 0.25, seed: 1", "seed: 1, file: test.csv") + GATES
    assert remarks(tmp_path, text) == [
        f"test.csv is not in {tmp_path}/ (DATA_DIR), so there are no test rows."
    ]
    (tmp_path / "test.csv").touch()
    assert remarks(tmp_path, text) == []


def test_missing_gates_open_todos_and_absent_data_are_remarked(tmp_path: Path) -> None:
    text = TINY.replace("licence: none", "licence: none # TODO").lstrip() + "# TODO: gates\n"
    assert remarks(tmp_path, text) == [
        "It has no gates on metrics: a model of any quality is baked.",
        "TODO in lines 7, 17.",
        f"loans.csv is not in {tmp_path}/ (DATA_DIR), so no real data can be read.",
    ]


def test_remote_source_may_bring_the_data(tmp_path: Path) -> None:
    remote = f"[{{uri: loans.csv}}, {{uri: s3://loans/loans.csv, sha256: {'a' * 64}}}]"
    assert remarks(tmp_path, TINY.replace("[{uri: loans.csv}]", remote) + GATES) == []
