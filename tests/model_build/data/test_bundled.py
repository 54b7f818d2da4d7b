"""Tables that scikit-learn brings along."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from model_build.data import dataset
from model_build.data.bundled import LOADERS, load_bundled
from model_build.spec import model_spec
from model_build.spec.source import BUNDLED, Source


def test_every_name_of_a_table_has_its_loader() -> None:
    assert sorted(LOADERS) == sorted(BUNDLED)
    for name in BUNDLED:
        assert load_bundled(name).names[-1] == "target"


def test_iris_is_read_by_its_spec_without_a_file(tmp_path: Path) -> None:
    spec = model_spec.load("iris")
    raw, origin = dataset.fetch_rows(spec, "real", tmp_path, pytest.fail)
    frame, cleaning = dataset.clean(raw, spec, origin.uri)
    rows = dataset.build_dataset(frame, spec)
    assert (origin.source, origin.uri, len(raw)) == ("real", "sklearn://iris", 150)
    assert (cleaning.duplicates, len(rows.rows)) == (1, 149)
    assert rows.rows[0] == {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    assert dataset.fetch_rows(spec, "real", tmp_path, pytest.fail)[1] == origin


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"uri": "sklearn://digits"}, "must be sklearn:// and one of breast_cancer, iris, wine"),
        ({"uri": "sklearn://iris/1"}, "must be sklearn:// and one of breast_cancer, iris, wine"),
        ({"uri": "sklearn://iris", "sha256": "0" * 64}, "a table of scikit-learn has no sha256 and no sheet"),
    ],
)
def test_another_table_is_refused(keys: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Source.model_validate(keys)
    assert problem in str(caught.value)
