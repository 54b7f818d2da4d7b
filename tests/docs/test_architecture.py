"""docs/architecture.md: the import order is the one that holds, and everything is where the page says."""

import re

import pytest

from tests.docs.markdown import ROOT, blocks, read, spans, table
from tests.test_imports import APP_TIERS, MODEL_BUILD_TIERS

PAGE = read("docs/architecture.md")
INDEX = table(PAGE, "where …")


@pytest.mark.parametrize(("package", "tiers"), [("app", APP_TIERS), ("model_build", MODEL_BUILD_TIERS)])
def test_the_import_order_is_the_one_that_is_enforced(
    package: str, tiers: tuple[tuple[str, ...], ...]
) -> None:
    texts = [block.text for block in blocks(PAGE) if block.text.startswith(f"{package}: ")]
    order = [tier.replace(",", " ").split() for tier in texts[0].partition(": ")[2].split("<")]
    rooms = [[room.removeprefix(f"{package}.") for room in tier] for tier in tiers]
    assert order == [["__init__" if room == package else room for room in tier] for tier in rooms]


def test_every_path_in_the_pictures_exists() -> None:
    pictures = [block.text for block in blocks(PAGE) if block.language == "mermaid"]
    paths = [path for picture in pictures for path in re.findall(r"\b(?:app|model_build)/[\w./]*", picture)]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_pictures_have_the_whole_middleware() -> None:
    modules = {f"app/middleware/{path.name}" for path in (ROOT / "app/middleware").glob("[!_]*.py")}
    assert set(re.findall(r"app/middleware/\w+\.py", PAGE.split("## A training row", 1)[0])) == modules


@pytest.mark.parametrize(
    ("file", "phrase"),
    [(row[1].strip("`"), row[2].strip("`")) for row in INDEX],
    ids=[row[0] for row in INDEX],
)
def test_what_the_index_names_is_in_its_file(file: str, phrase: str) -> None:
    assert phrase in read(file)


def test_the_index_counts_its_right_guesses() -> None:
    right = sum(guess == "same" for *_, guess in INDEX)
    assert f"The guess is right for {right} of {len(INDEX)} questions." in PAGE
    guesses = {name for *_, guess in INDEX for name in spans(guess)}
    assert [name for name in guesses if not (ROOT / name).is_file()] == []


def test_eleven_decisions_are_recorded() -> None:
    decisions = PAGE.split("## Eleven decisions", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^(\d+)\. \*\*", decisions, re.MULTILINE) == [str(number) for number in range(1, 12)]


def test_the_image_bakes_with_the_shared_room_alone() -> None:
    assert "COPY app/core/ app/core/\n" in read("Dockerfile")
    assert "model_inputs=(model_build app/core)\n" in read("infra/build_image.sh")
