"""Hostile bodies: a start, a fragment that is repeated, and an end."""

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.bodies import FORM, part

JSON, CSV = "application/json", "text/csv"


class Hostile(NamedTuple):
    """A body of any size, and where it is sent."""

    path: str
    content_type: str
    start: bytes
    repeated: bytes
    end: bytes

    def body(self, size: int) -> bytes:
        count = (size - len(self.start) - len(self.end)) // max(1, len(self.repeated))
        return self.start + self.repeated * count + self.end


def json_bodies(example: dict[str, Any]) -> SearchStrategy[Hostile]:
    row = json.dumps(example).encode()
    name = next(iter(example)).encode()
    values = [
        b"{}",
        b"[]",
        b"1",
        b'""',
        b"null",
        b'{"":1}',
        b"[[[[]]]]",
        b"1e9",
        b"9" * 99,
        row,
        b"-",
        b"nan",
    ]
    members = [b'"":1', b'"x":[]', b'"\\u0061":{}', b'"%b":1' % name, b'"%b":[1]' % name]
    texts = [
        b"x",
        b"\\n",
        b"\\ud83d\\ude00",
        "ö".encode(),
        "😀".encode(),
        b"}, {",
        b"[",
        b" ",
        b"\0",
        b"\xff",
        b"\\",
    ]
    array = [b"[", b'{"inputs":[', b'{"%b":[' % name, b'{"inputs":[%b,{"%b":[' % (row, name), b'{"x":[']
    batch_with_more = [b'{"inputs":[%b],"x":[' % row, b'{"inputs":[[']
    return st.one_of(
        hostile(
            JSON,
            [*array, *batch_with_more],
            [value + b"," for value in values],
            [b"1]}", b"{}]}]}", b"]", b""],
        ),
        hostile(
            JSON,
            [b"{", b'{"inputs":[{', b'{"inputs":1,'],
            [key + b"," for key in members],
            [b'"x":1}', b'"x":1}]}', b""],
        ),
        hostile(
            JSON,
            [b'{"%b":"' % name, b'{"inputs":[%b,{"x":"' % row, b'{"', b'"', b""],
            texts,
            [b'"}', b'":1}]}', b""],
        ),
    )


def csv_contents(example: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    header, line = ",".join(example).encode() + b"\n", ",".join(map(str, example.values())).encode() + b"\n"
    commas = b"," * (len(example) - 1)
    cells = [b",", b'""', b'"', b"x", b"1,", b"\0", b" ", b"\xff", "ö,".encode(), "😀".encode(), b'"ab\n",']
    return [b"", header, header + line, header + line + b'"', header * 2], [
        *cells,
        b"\n",
        b"\r",
        b" \n",
        b",\n",
        commas + b"\n",
        b"1" + commas + b"\n",
        line,
        b'"\n',
        b'"\r\n",',
    ]


def csv_bodies(example: dict[str, Any]) -> SearchStrategy[Hostile]:
    starts, repeated = csv_contents(example)
    return hostile(CSV, starts, repeated, [b"", b"\n", b'"'])


def forms(example: dict[str, Any]) -> SearchStrategy[Hostile]:
    starts, repeated = csv_contents(example)
    separators = [
        b"--frontier",
        b"\r\n--frontie",
        b"\r\n--",
        b"\r\n",
        b"--frontier\r\n\r\n\r\n",
        b"A: b\r\n",
        part(b""),
    ]
    file = part(b"")[:-2]
    return hostile(
        FORM["Content-Type"],
        [b"", b"--frontier\r\n", *[file + start for start in starts], file + b"\r\n--frontier--"],
        [*repeated, *separators],
        [b"", b"\r\n--frontier--\r\n"],
        "/predict/file",
    )


def hostile(
    content_type: str, starts: list[bytes], repeated: list[bytes], ends: list[bytes], path: str = "/predict"
) -> SearchStrategy[Hostile]:
    return st.builds(
        Hostile,
        st.just(path),
        st.just(content_type),
        st.sampled_from(starts),
        st.lists(st.sampled_from(repeated), min_size=1, max_size=2).map(b"".join),
        st.sampled_from(ends),
    )


def hostile_bodies(example: dict[str, Any]) -> SearchStrategy[Hostile]:
    return st.one_of(json_bodies(example), csv_bodies(example), forms(example))
