"""The bytes of a text file: what they are, how they are compressed and encoded."""

import zlib

GZIP = b"\x1f\x8b"
ZSTANDARD = b"\x28\xb5\x2f\xfd"
BINARY = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"FEA1": "a Feather file",
    b"%PDF": "a PDF",
    b"SQLite format 3": "an SQLite database",
    ZSTANDARD: "compressed with Zstandard",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    GZIP: "compressed with gzip",
}
UTF_8_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "utf-16": "utf-16",
    "cp1252": "cp1252",
    "windows-1252": "cp1252",
}
"""The codec of each encoding that may be declared, by its name in lower case."""

MOST_MEMBERS = 20  # of a gzip file: what follows each of them is copied


class TextFileError(ValueError):
    """The bytes can't be read as text. The message says what they are."""


class TooLargeError(TextFileError):
    """The bytes are too many when they are decompressed."""


def name_binary(head: bytes) -> str | None:
    """Return what a file is that begins with these bytes, if it is known and no text."""
    return next((words for start, words in BINARY.items() if head.startswith(start)), None)


def find_encoding(head: bytes, declared: str = "utf-8") -> str:
    """Return the codec of a file that begins with these bytes: a byte order mark counts more than a name."""
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    return "utf-8-sig" if head.startswith(UTF_8_MARK) else declared


def transcode(body: bytes, declared: str = "utf-8") -> bytes:
    """Return text in UTF-8, without a mark; what is declared to be UTF-8 is not checked.

    Raises:
        TextFileError: the bytes are no text, or not in the encoding.
    """
    words = name_binary(body)
    if words:
        raise TextFileError(f"It is {words}, not text.")
    encoding = find_encoding(body, declared)
    if encoding == "utf-8":
        return body
    if encoding == "utf-8-sig":
        return body.removeprefix(UTF_8_MARK)
    try:
        return body.decode(encoding).encode()
    except UnicodeError as error:
        raise TextFileError(f"It is not text in {encoding.upper()}.") from error


def decompress(body: bytes, limit: int) -> bytes:
    """Return what gzip holds.

    Raises:
        TooLargeError: there are more than `limit` bytes.
        TextFileError: it is not gzip, or cut, or of too many parts.
    """
    pieces: list[bytes] = []
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            pieces.append(member.decompress(body, limit + 1))
        except zlib.error as error:
            raise TextFileError("It can't be decompressed as gzip.") from error
        limit -= len(pieces[-1])
        if limit < 0:
            raise TooLargeError
        if not member.eof:
            raise TextFileError("The gzip data ends too early.")
        body = member.unused_data
        if not body.strip(b"\0"):
            return b"".join(pieces)
    raise TextFileError(f"The gzip data has more than {MOST_MEMBERS} parts.")
