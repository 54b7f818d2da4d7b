"""The text of a PDF that Chromium wrote."""

import re
import zlib
from collections.abc import Iterator

OBJECT = re.compile(rb"^(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL | re.MULTILINE)
STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
FONT_OR_GLYPHS = re.compile(rb"/(F\d+) \S+ Tf|<([0-9A-F]+)>(?=[^\n]* T[jJ])")

Objects = dict[int, bytes]


def pages(pdf: bytes) -> list[str]:
    """Return the text of each page without spaces, because the PDF has none."""
    objects = {int(number): content for number, content in OBJECT.findall(pdf)}
    return [_text(objects, page) for page in objects.values() if re.search(rb"/Type /Page\b", page)]


def _text(objects: Objects, page: bytes) -> str:
    fonts = {
        name: _characters(objects, int(number)) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", page)
    }
    font: dict[int, str] = {}
    text = []
    for name, glyphs in FONT_OR_GLYPHS.findall(_content(objects, "Contents", page)):
        if name:
            font = fonts[name]
        text += [font.get(int(glyphs[start : start + 4], 16), "") for start in range(0, len(glyphs), 4)]
    return "".join("".join(text).split())


def _characters(objects: Objects, font: int) -> dict[int, str]:
    """Return which character each glyph of a font is."""
    return dict(_ranges(_content(objects, "ToUnicode", objects[font])))


def _ranges(table: bytes) -> Iterator[tuple[int, str]]:
    for line in re.findall(rb"^<.*>$", table, re.MULTILINE)[1:]:
        first, *last, character = (int(code, 16) for code in re.findall(rb"[0-9A-F]+", line))
        yield from (
            (first + step, chr(character + step)) for step in range(last[0] - first + 1 if last else 1)
        )


def _content(objects: Objects, key: str, owner: bytes) -> bytes:
    reference = re.search(rb"/%b (\d+) 0 R" % key.encode(), owner)
    assert reference is not None
    stream = STREAM.search(objects[int(reference[1])])
    assert stream is not None
    return zlib.decompress(stream[1])
