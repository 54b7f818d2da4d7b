"""Request bodies: chunks and forms."""

from collections.abc import AsyncIterator

FORM = {"Content-Type": "multipart/form-data; boundary=frontier"}
DISPOSITION = b'form-data; name="file"; filename="people.csv"'


class Chunks:
    """A body in chunks, which counts how many were read."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk


def split(content: bytes, size: int) -> Chunks:
    return Chunks(*[content[start : start + size] for start in range(0, len(content), size)])


def part(content: bytes, disposition: bytes = DISPOSITION) -> bytes:
    """Return one part of a form with the boundary of FORM."""
    return b"--frontier\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join([*parts, b"--frontier--\r\n"])
