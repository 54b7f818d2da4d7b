"""Labels of a file that stand for one label: trained, counted, and read by the service alike."""

from pathlib import Path

import pytest

from app.core.baked_model import load_contract
from app.core.chunks import run_at_once
from app.core.validation import RowValidator
from app.prediction.csv_reader import CsvReader
from model_build import pipeline
from model_build.artifacts import Cleaning
from model_build.console import Progress
from model_build.data import dataset
from model_build.errors import DataError
from model_build.stage import Job
from tests.model_build.conftest import load_spec
from tests.support.tiny import TINY, loans

KEPT = TINY.replace("licence: none", "licence: none\n  drop_duplicates: false")
MERGED = KEPT.replace(
    'positive: "yes", threshold: 0.6}',
    'positive: "yes", threshold: 0.6, merge: {"yes": ["on time", late], "no": [never]}}',
)


def with_more_labels(text: str) -> str:
    """Return the file with three labels for yes and two for no."""
    header, *lines = text.splitlines()
    names = {"yes": ("yes", "on time", "late"), "no": ("no", "never")}
    cut = [line.rsplit(", ", 1) for line in lines]
    changed = [
        f"{row}, {names[label][number % len(names[label])]}" for number, (row, label) in enumerate(cut)
    ]
    return "\n".join([header, *changed]) + "\n"


def test_a_model_of_merged_labels_is_the_model_of_the_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, spec_text, text in (("plain", KEPT, loans()), ("merged", MERGED, with_more_labels(loans()))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "loans.csv").write_text(text)
        spec = load_spec(tmp_path / name, spec_text)
        job = Job(spec, tmp_path / name / "build", tmp_path / name, Progress(), "real")
        pipeline.bake(job, tmp_path / name / "model")
    plain, merged = (tmp_path / name / "model/model.onnx" for name in ("plain", "merged"))
    assert plain.read_bytes() == merged.read_bytes()
    counts = Cleaning.read(tmp_path / "merged/build/cleaning.json").merged_labels
    assert counts["yes"].keys() == {"on time", "late"}
    texts = with_more_labels(loans())
    assert counts["yes"]["late"] == texts.count(", late\n")
    assert counts["no"] == {"never": texts.count(", never\n")}
    sentence = f"label yes: on time {counts['yes']['on time']}, late {counts['yes']['late']}"
    assert sentence in capsys.readouterr().out
    card = (tmp_path / "merged/model/card.md").read_text()
    assert f"**Merged labels:** `yes`: `on time` {counts['yes']['on time']}, `late` " in card

    contract = load_contract(tmp_path / "merged/model")
    reader = CsvReader(contract, RowValidator(contract.features), 1000)
    csv = run_at_once(reader.read_in_chunks(texts.encode(), with_truth=True))
    assert csv.truth is not None
    assert csv.truth.tolist() == [int(line.endswith("yes")) for line in loans().splitlines()[1:]]


def test_rows_whose_labels_differed_are_no_duplicates_and_unknown_labels_stay_errors(tmp_path: Path) -> None:
    header = "years,rate,grade,secured,paid\n"
    spec = load_spec(tmp_path, MERGED.replace("drop_duplicates: false", "drop_duplicates: true"))
    rows = [f"1,1,A,true,{label}\n" for label in ("late", "yes", "late", "never")]
    (tmp_path / "loans.csv").write_text(header + "".join(rows))
    raw, origin = dataset.fetch_rows(spec, "real", tmp_path, pytest.fail)
    frame, cleaning = dataset.clean(raw, spec, origin.uri)
    assert (frame["paid"].tolist(), cleaning.duplicates) == (["yes", "yes", "no"], 1)
    (tmp_path / "loans.csv").write_text(header + "1,1,A,true,maybe\n")
    raw, origin = dataset.fetch_rows(spec, "real", tmp_path, pytest.fail)
    with pytest.raises(DataError, match="paid is 'maybe'; it must be one of no, yes"):
        dataset.build_dataset(dataset.clean(raw, spec, origin.uri)[0], spec)
