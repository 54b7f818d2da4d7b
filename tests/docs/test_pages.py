"""Everything that a page refers to exists."""

import re
from itertools import chain
from pathlib import Path

import pytest

from tests.docs import references
from tests.docs.markdown import PAGES, ROOT, read

WRONG = """
[a page](docs/nowhere.md), [a heading](README.md#nowhere), [here](#nowhere), [there](README.md#start)
`make nonsense`, `DATA_SOURCE=real make image`, `NO_SUCH_VARIABLE`
`docs/nowhere.md`, `nowhere.yaml`, `README.md`

```sh
make bake \\
  SOURCE=real && make more-nonsense # make no sense
python -m model_build traim census
python -m model_build train census --searching 'a
b'
python -m app.nowhere
python nowhere.py
./push_to_ecr.sh --deploy --nonsense
infra/nowhere.sh
```
"""


def test_a_wrong_reference_is_reported() -> None:
    page = ROOT / "README.md"
    assert references.broken_links(WRONG, page) == ["docs/nowhere.md", "README.md#nowhere", "#nowhere"]
    assert references.unknown_make_targets(WRONG) == ["more-nonsense", "nonsense"]
    assert references.wrong_training_commands(WRONG) == [
        "traim census",
        "train census --searching a\nb",
    ]
    assert references.missing_programs(WRONG) == ["app.nowhere", "nowhere.py"]
    assert references.wrong_scripts(WRONG) == ["./push_to_ecr.sh --nonsense", "infra/nowhere.sh"]
    assert references.unknown_paths(WRONG, page) == [
        "docs/nowhere.md",
        "nowhere.yaml",
        "nowhere.py",
        "infra/nowhere.sh",
    ]
    assert references.unknown_variables(WRONG) == ["NO_SUCH_VARIABLE"]


def test_a_command_that_does_not_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not end: echo 'open"):
        references.unknown_make_targets("```sh\necho 'open\n```\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_that_a_page_refers_to_exists(page: Path) -> None:
    text = page.read_text()
    wrong = {
        "links": references.broken_links(text, page),
        "make targets": references.unknown_make_targets(text),
        "training commands": references.wrong_training_commands(text),
        "programs": references.missing_programs(text),
        "scripts": references.wrong_scripts(text),
        "paths": references.unknown_paths(text, page),
        "variables": references.unknown_variables(text),
    }
    assert {kind: names for kind, names in wrong.items() if names} == {}


@pytest.mark.parametrize("tree", ["app", "model_build", "notebooks"])
def test_every_make_target_that_a_message_names_exists(tree: str) -> None:
    paths = chain((ROOT / tree).rglob("*.py"), (ROOT / tree).rglob("*.ipynb"))
    named = {target for path in paths for target in re.findall(r"`make ([a-z-]+)", path.read_text())}
    assert named <= references.make_targets()


def test_every_make_target_is_on_a_page() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    assert {target for target in references.make_targets() if f"make {target}" not in text} == set()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_the_readme_leads_to_every_page_of_docs(page: Path) -> None:
    assert f"](docs/{page.name})" in read("README.md")


def test_a_change_has_its_place_in_the_changelog() -> None:
    assert re.search(r"^## \[Unreleased\]\n### (Added|Changed)\n- ", read("CHANGELOG.md"), re.MULTILINE)
