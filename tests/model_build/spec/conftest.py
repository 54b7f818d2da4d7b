import re
from collections.abc import Callable
from pathlib import Path

import pytest

from model_build.errors import SpecError
from model_build.spec import model_spec
from tests.support.tiny import TINY

SpecErrorOf = Callable[[str], str]


def changed(old: str, new: str) -> str:
    """Return the text of the tiny spec with `old`, which occurs once, replaced by `new`."""
    assert TINY.count(old) == 1
    return TINY.replace(old, new)


@pytest.fixture
def spec_error(tmp_path: Path) -> SpecErrorOf:
    """Return a function from the text of a spec to its error, without the file and the position."""

    def load(text: str) -> str:
        path = tmp_path / "tiny.yaml"
        path.write_text(text)
        with pytest.raises(SpecError) as caught:
            model_spec.load(str(path))
        sentence = str(caught.value)
        assert sentence.startswith(str(path))
        return re.sub(r"^(:\d+:\d+)?: ", "", sentence.removeprefix(str(path)))

    return load
