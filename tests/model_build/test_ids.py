"""Ids in the data: not read, not checked, and no unknown columns."""

from pathlib import Path

import pytest

from app.core.baked_model import load_contract
from app.core.ids import Id
from app.main import create_app
from app.settings import Settings
from model_build.artifacts import Cleaning
from model_build.console import Progress
from model_build.errors import SpecError
from tests.model_build.conftest import load_spec
from tests.support.bakes import bake
from tests.support.clients import client_of
from tests.support.tiny import ROW, TINY, loans

SPEC = TINY + "ids: [{name: loan_id, aliases: [nr], title: Loan}, {name: branch}]\n"


async def test_ids_are_not_read_and_come_back(quiet: Progress, tmp_path: Path) -> None:
    header, *lines = loans().splitlines()
    numbered = [f"{line}, N{number}" for number, line in enumerate(lines)]
    (tmp_path / "loans.csv").write_text("\n".join([f"{header}, Nr", *numbered, ""]))
    spec = load_spec(tmp_path, SPEC)
    bake(spec, "real", tmp_path / "model", tmp_path, quiet, tmp_path / "build")
    assert Cleaning.read(tmp_path / "build" / "cleaning.json").unknown_columns == ()
    assert load_contract(tmp_path / "model").ids == (
        Id(name="loan_id", aliases=("nr",), title="Loan"),
        Id(name="branch"),
    )
    assert (
        "which are ids of a row; an answer repeats them: `loan_id`, `branch`."
        in (tmp_path / "build" / "card.md").read_text()
    )
    async with client_of(create_app(Settings(model_dir=tmp_path / "model"))) as client:
        answer = (await client.post("/predict", json=ROW | {"nr": "N7"})).json()
        assert answer["ids"] == [{"loan_id": "N7", "branch": None}]
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    assert schemas["Row"]["required"] == [*ROW]
    assert [*schemas["Row"]["properties"]] == [*ROW, "loan_id", "branch"]
    assert schemas["PredictResponse"]["properties"]["ids"]["items"]["$ref"].endswith("/Ids")
    assert [*schemas["Ids"]["properties"]] == ["loan_id", "branch"]


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ("[{name: rate}]", "feature name or alias 'rate' is taken already by feature 'rate'"),
        (
            "[{name: nr, aliases: [grade]}]",
            "feature name or alias 'grade' is taken already by feature 'grade'",
        ),
        ("[{name: paid}]", "target 'paid' is also an id"),
        ("[{name: Secured}]", "'secured' and 'Secured' both match the column 'secured'"),
        ("[nr]", "ids.0: must be a mapping with the keys name, aliases, title"),
    ],
)
def test_an_id_has_a_name_of_its_own(tmp_path: Path, ids: str, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path, f"{TINY}ids: {ids}\n")
    assert sentence in str(caught.value)
