import pytest

from app.routes import inline

OF_NOTHING = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
OF_ALERT = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"  # alert(1), as MDN has it


@pytest.mark.parametrize(
    ("page", "tag", "sources"),
    [
        ("<p>nothing</p>", "script", ""),
        ("<script></script>", "script", OF_NOTHING),
        ('<script type="module"></script>', "script", OF_NOTHING),
        ("<script>alert(1)</script>", "script", OF_ALERT),
        ("<script></script><p></p><script>alert(1)</script>", "script", f"{OF_NOTHING} {OF_ALERT}"),
        ('<script src="file.js"></script>', "script", ""),
        ('<script defer src="file.js"></script>', "script", ""),
        ("<style></style><script>alert(1)</script>", "style", OF_NOTHING),
    ],
)
def test_every_inline_script_or_style_has_its_hash(page: str, tag: str, sources: str) -> None:
    assert inline.hashes(page, tag) == sources


def test_a_script_of_several_lines_is_hashed_whole() -> None:
    assert inline.hashes("<script>\nalert(1)\n</script>", "script") not in {"", OF_NOTHING, OF_ALERT}
