"""The text of a PDF that Chromium wrote."""

import re
import zlib
from collections.abc import Iterator

OBJECT = re.compile(rb"^(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL | re.MULTILINE)
STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
FONT_OR_GLYPHS = re.compile(rb"/(F\d+) \S+ Tf|<([0-9A-F]+)>(?=[^\n]* T[jJ])")

Objects = dict[int, bytes]


def pages(pdf: bytes) -> list[str]:
    """Return the text of each page, without spaces: where those are is left to the fonts."""
    objects = {int(number): content for number, content in OBJECT.findall(pdf)}
    return [_text(objects, each) for each in objects.values() if re.search(rb"/Type /Page\b", each)]


def _text(objects: Objects, page: bytes) -> str:
    fonts = {
        name: _characters(objects, int(place)) for name, place in re.findall(rb"/(F\d+) (\d+) 0 R", page)
    }
    font: dict[int, str] = {}
    found = []
    for name, glyphs in FONT_OR_GLYPHS.findall(_content(objects, "Contents", page)):
        if name:
            font = fonts[name]
        found += [font.get(int(glyphs[place : place + 4], 16), "") for place in range(0, len(glyphs), 4)]
    return "".join("".join(found).split())


def _characters(objects: Objects, font: int) -> dict[int, str]:
    """Return which character each glyph of a font is."""
    return dict(_ranges(_content(objects, "ToUnicode", objects[font])))


def _ranges(table: bytes) -> Iterator[tuple[int, str]]:
    for line in re.findall(rb"^<.*>$", table, re.MULTILINE)[1:]:
        first, *last, character = (int(each, 16) for each in re.findall(rb"[0-9A-F]+", line))
        yield from (
            (first + step, chr(character + step)) for step in range(last[0] - first + 1 if last else 1)
        )


def _content(objects: Objects, key: str, owner: bytes) -> bytes:
    place = re.search(rb"/%b (\d+) 0 R" % key.encode(), owner)
    assert place is not None
    stream = STREAM.search(objects[int(place[1])])
    assert stream is not None
    return zlib.decompress(stream[1])
