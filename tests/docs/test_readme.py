"""The README is short, and the model that it sketches can be baked."""

from pathlib import Path

import numpy as np

from model_build.console import Progress
from model_build.spec import model_spec
from tests.docs.markdown import blocks, commands, read
from tests.support.bakes import bake

README = read("README.md")
MOST_BYTES = 8000


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= MOST_BYTES


def churn(rows: int = 400) -> str:
    """Return the rows of the README's example: new customers with the basic plan leave."""
    rng = np.random.default_rng(0)
    lines = ["customer,months,plan,churned"]
    for customer in range(rows):
        months, plan = rng.integers(1, 60), rng.choice(["basic", "plus", "pro"])
        leaves = 2 * (plan == "basic") - months / 20 + rng.normal(0.5, 0.5) > 0
        lines.append(f"{customer},{months},{plan},{'yes' if leaves else 'no'}")
    return "\n".join(lines) + "\n"


def test_the_spec_in_the_readme_bakes_as_it_stands(tmp_path: Path, quiet: Progress) -> None:
    (spec,) = [block.text for block in blocks(README) if block.language == "yaml"]
    name = spec.splitlines()[0].removeprefix("# ")
    assert ["python", "-m", "model_build", "bake", name] in commands(README)
    (tmp_path / name).write_text(spec)
    (tmp_path / "churn.csv").write_text(churn())
    contract = bake(model_spec.load(str(tmp_path / name)), "real", tmp_path / "model", tmp_path, quiet)
    assert [feature.name for feature in contract.features] == ["months", "plan"]
