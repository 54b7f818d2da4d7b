"""A table of many kinds of columns becomes a spec, and the spec a model that answers the printed request."""

import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from app.core.contract import Contract
from app.core.validation import RowValidator
from model_build import __main__ as command_line
from model_build import commands
from model_build.console import Progress
from model_build.drafting import draft, questions
from model_build.drafting.draft import draft_spec, next_commands, to_model_name
from model_build.drafting.render import to_title
from model_build.drafting.table import Location, read_table
from model_build.drafting.trial import Trial, TrialRows
from model_build.errors import DataError
from model_build.spec import model_spec
from model_build.spec.json_schema import MODELINE, render_schema
from model_build.spec.model_spec import ModelSpec


def orders(rows: int = 400, delimiter: str = ",", decimal: str = ".") -> str:
    """Return rows of made-up orders; a large amount and a gift make one late."""
    rng = np.random.default_rng(3)
    lines = [["Order ID", "ordered", "zip", "shop", "gift", "amount", "sex", "currency", "settled", "late"]]
    for number in range(rows):
        amount, gift = rng.lognormal(3, 1), rng.choice(["yes", "no"])
        late = int(amount / 10 + 2 * (gift == "yes") + rng.normal() > 4)
        day = f"2024-{1 + number % 12:02}-{1 + number % 28:02}"
        cell = "?" if number % 50 == 7 else f"{amount:.2f}".replace(".", decimal)
        shop, sex = rng.choice(["north", "south"]), rng.choice(["f", "m"])
        zip_code = f"{rng.integers(0, 40):05}"
        lines.append([f"A-{number}", day, zip_code, shop, gift, cell, sex, "EUR", f"{late}.5", str(late)])
    return "\n".join(delimiter.join(line) for line in lines) + "\n"


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["model_build", *arguments])
    return commands.run(command_line.parser().parse_args(arguments))


@pytest.mark.parametrize(("delimiter", "decimal"), [(",", "."), (";", ",")])
def test_a_drafted_spec_bakes_and_the_model_takes_the_printed_row(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    delimiter: str,
    decimal: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_DIR", raising=False)
    (tmp_path / "orders.csv").write_text(orders(delimiter=delimiter, decimal=decimal))
    assert run("init", "orders.csv", "--target", "late", "--yes", monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr().out
    bake, serve, curl = printed.splitlines()[-3:]
    assert (bake.split()[-2:], serve.strip()) == (["bake", "orders.yaml"], "./run.sh")
    for sentence in (
        "target: late, labels 0, 1, positive is 1",
        "id: Order ID",
        "left out: currency every row with a value has EUR",
        "settled alone gives the target away, so it is no feature.",
        "protected features: sex",
    ):
        assert sentence in printed
    draft = (tmp_path / "orders.yaml").read_text()
    assert draft.startswith(MODELINE)
    document = json.loads(json.dumps(YAML(typ="safe", pure=True).load(draft), default=str))
    Draft202012Validator(json.loads(render_schema())).validate(document)
    assert run(*shlex.split(bake)[3:], "--out", "model", monkeypatch=monkeypatch) == 0
    contract = Contract.model_validate_json((tmp_path / "model/contract.json").read_bytes())
    assert [(feature.name, feature.type) for feature in contract.features] == [
        ("ordered", "datetime"),
        ("zip", "category"),
        ("shop", "category"),
        ("gift", "boolean"),
        ("amount", "number"),
        ("sex", "category"),
    ]
    body = shlex.split(curl)[4]
    assert len(RowValidator(contract.features).parse(body.encode())) == 1


def test_a_spec_is_not_overwritten_unless_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "orders.csv").write_text(orders(60))
    spec = tmp_path / "orders.yaml"
    spec.write_text("mine")
    table = str(tmp_path / "orders.csv")
    assert run("init", table, "--yes", monkeypatch=monkeypatch) == 1
    assert f"{spec} is there already; --force replaces it" in capsys.readouterr().out
    assert spec.read_text() == "mine"
    assert run("init", table, "--yes", "--force", monkeypatch=monkeypatch) == 0
    assert model_spec.load(str(spec)).name == "orders"


def test_answers_at_the_terminal_decide(tmp_path: Path, quiet: Progress) -> None:
    (tmp_path / "orders.csv").write_text(orders(200))
    answers = {"column": "Shop", "label": "north", "features": "gift, sex"}
    spec = draft_spec(
        *(Location.of(tmp_path / "orders.csv"), tmp_path / "x.yaml", "x", None),
        lambda question, _: answers[question.split()[1]],
        quiet,
    )
    assert (spec.target.labels, spec.target.positive) == (("south", "north"), "north")
    assert set(spec.evaluation.fairness) == {"gift", "sex"}


def test_an_answer_that_can_not_be_is_asked_for_again(tmp_path: Path, quiet: Progress) -> None:
    (tmp_path / "orders.csv").write_text(orders(200))
    answers = iter(["shopp", "amount", "Shop", "west", "north", "sx, gift", "sex, gift"])
    questions_asked: list[str] = []

    def answer(question: str, _: str) -> str:
        questions_asked.append(question)
        return next(answers)

    spec = draft_spec(*(Location.of(tmp_path / "orders.csv"), tmp_path / "x.yaml", "x", None), answer, quiet)
    assert (spec.target.name, spec.target.positive) == ("shop", "north")
    assert set(spec.evaluation.fairness) == {"sex", "gift"}
    assert questions_asked[1].startswith("The table has no column shopp (did you mean 'shop'?); it has ")
    assert questions_asked[2].startswith("amount can't be the target: it has ")
    assert questions_asked[4] == "shop has no label west; it has north and south. Which one?"
    assert questions_asked[6].startswith("sx is no category or boolean (did you mean 'sex'?); there are ")


def test_signs_in_cells_do_not_break_the_comments(tmp_path: Path, quiet: Progress) -> None:
    rows = ['"called\ragain",no', "fine,yes", "fine,no", "fine,yes"] * 8 + ['"once\n\x07more",no']
    (tmp_path / "notes.csv").write_text("note,left\n" + "\n".join(rows) + "\n", newline="")
    draft_spec(
        *(Location.of(tmp_path / "notes.csv"), tmp_path / "x.yaml", "x", None), questions.take_guess, quiet
    )
    note = model_spec.load(str(tmp_path / "x.yaml")).features[0]
    assert set(note.levels) == {"called\ragain", "fine", "once\n\x07more"}


RARE = "x,fraud\n" + "\n".join(f"{number % 7}.5,{number % 30 == 0}" for number in range(900)) + "\n"


@pytest.mark.parametrize("weights_help", [True, False])
def test_rare_positives_get_weights_if_that_finds_more_of_them(
    tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch, weights_help: bool
) -> None:
    def try_model(spec: ModelSpec, _: TrialRows) -> Trial:
        is_weighted = "class_weight" in spec.estimator.parameters
        return Trial(0.99 - 0.1 * is_weighted, 0.5 + 0.1 * (is_weighted == weights_help), 0.9)

    monkeypatch.setattr(draft, "try_model", try_model)
    (tmp_path / "rare.csv").write_text(RARE)
    spec = draft_spec(
        Location.of(tmp_path / "rare.csv"), tmp_path / "rare.yaml", "rare", None, questions.take_guess, quiet
    )
    weights = {"class_weight": "balanced"} if weights_help else {}
    assert (spec.target.positive, spec.estimator.parameters) == ("True", weights)
    assert spec.training.threshold == "f1"
    assert json.loads(shlex.split(next_commands(spec, tmp_path / "rare.yaml")[2])[4]).keys() == {"x"}


def test_equal_lines_of_a_small_table_are_kept(tmp_path: Path, quiet: Progress) -> None:
    (tmp_path / "few.csv").write_text("plan,left\n" + "a,no\nb,yes\na,no\nb,no\n" * 30)
    spec = draft_spec(
        Location.of(tmp_path / "few.csv"), tmp_path / "few.yaml", "few", None, questions.take_guess, quiet
    )
    assert not spec.data.drop_duplicates


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n", "has a header line, and no rows."),
        ("1,2\n3,4\n", "has no header line: its first line holds numbers."),
        ("a,y\n" + "7,no\n7,yes\n" * 20, "can be a feature."),
    ],
)
def test_a_file_that_is_no_table_is_an_error(
    tmp_path: Path, quiet: Progress, text: str, sentence: str
) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match=sentence):
        draft_spec(
            Location.of(tmp_path / "x.csv"), tmp_path / "x.yaml", "x", None, questions.take_guess, quiet
        )


def test_names_for_models_and_people() -> None:
    assert [to_model_name(text) for text in ("Adult Data_2", "größe", "漢")] == [
        "adult-data-2",
        "groe",
        "model",
    ]
    assert [to_title(text) for text in ("hours_per_week", "MajorAxisLength", "#")] == [
        "Hours per week",
        "Major Axis Length",
        "#",
    ]


def test_a_sample_is_drawn_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a\n" + "\n".join(f"n{number}" for number in range(1_000)))
    sample = read_table(Location.of(tmp_path / "x.csv")).sample(100, 1, "a")
    assert len(sample) == 100
    assert list(sample.index) == sorted(sample.index)


def test_a_sample_has_all_rows_of_a_rare_label(tmp_path: Path) -> None:
    labels = ["1" if number % 50 == 0 else "0" for number in range(1_000)]
    lines = [f"{number},{label}" for number, label in enumerate(labels)]
    (tmp_path / "x.csv").write_text("\n".join(["x,y", *lines]))
    sample = read_table(Location.of(tmp_path / "x.csv")).sample(100, 1, "y")
    assert sample["y"].value_counts().to_dict() == {"0": 80, "1": 20}
    assert list(sample.index) == sorted(sample.index)


def test_equal_columns_of_one_name_count_once_and_different_ones_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "equal.csv").write_text("Age,x,age\n1,2,1\n3,4,3\n")
    table = read_table(Location.of(tmp_path / "equal.csv"))
    assert (table.names, list(table.rows)) == (["Age", "x"], ["age", "x"])
    (tmp_path / "different.csv").write_text("Age,x,age\n1,2,1\n3,4,5\n")
    with pytest.raises(DataError, match="two columns age, at the positions 1 and 3, and they differ"):
        read_table(Location.of(tmp_path / "different.csv"))
