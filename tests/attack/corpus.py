"""Hostile requests, each with the statuses of its answers.

Where a request may look hostile and is answered with 200, a comment says why that does no harm. No status at
all means that the connection is closed without an answer.
"""

import gzip
import json
from collections.abc import Iterator
from typing import NamedTuple

from tests.attack.messages import (
    CHUNKED,
    HEALTH,
    HIDDEN,
    JSON,
    LAST_CHUNK,
    MARKER,
    MULTIPART,
    ONE_ROW,
    chunk,
    framed,
    get,
    head,
    post,
    post_csv,
    post_form,
    post_json,
)
from tests.support.bodies import form, part
from tests.support.tiny import HEADER, LINE, ROW, csv_body

Requests = dict[str, bytes]
Group = dict[tuple[int, ...], Requests]
"""Requests by the statuses of their answers."""

OK = (200,)
BAD = (400,)
MAXIMUM_HEAD = 64 * 1024


class Case(NamedTuple):
    """A hostile request."""

    name: str
    raw: bytes
    statuses: tuple[int, ...]


def lengths() -> Group:
    """Content-Length that is wrong, or contradicts another one or Transfer-Encoding."""
    wrong = {
        "signed": "+5",
        "negative": "-1",
        "hexadecimal": "0x5",
        "with a space within": "1 0",
        "with an underscore": "1_0",
        "with a fraction": "5.0",
        "with an exponent": "1e1",
        "empty": "",
        "a word": "five",
        "of two values": "5, 5",
        "of two unlike values": "5, 6",
        "with a semicolon": "5;5",
        "in quotes": '"5"',
        "in Arabic digits": "\xd9\xa5",
        "after a vertical tab": "\x0b5",
        "beyond 64 bits": "18446744073709551617",
        "that wraps to 5": "18446744073709551621",
    }
    return {
        BAD: {
            **{f"length {name}": framed(HIDDEN, f"Content-Length: {value}") for name, value in wrong.items()},
            "two equal lengths": framed(HIDDEN, "Content-Length: 34", "Content-Length: 34"),
            "two unlike lengths": framed(HIDDEN, "Content-Length: 0", "Content-Length: 34"),
            "length and chunks": framed(LAST_CHUNK + HIDDEN, "Content-Length: 5", CHUNKED),
            "chunks and length": framed(LAST_CHUNK + HIDDEN, CHUNKED, "Content-Length: 39"),
            "length, then chunks that hide a request": framed(
                LAST_CHUNK + HIDDEN, "Content-Length: 44", "Transfer-Encoding: chunked"
            ),
            "space before the colon of the length": framed(HIDDEN, "Content-Length : 34"),
            "tab before the colon of the length": framed(HIDDEN, "Content-Length\t: 34"),
            "length on a folded line": framed(HIDDEN, "Content-Length:", " 34"),
        },
        (413,): {
            "length over the limit": framed(b"{", "Content-Length: 10485761"),
            "length of terabytes": framed(b"{", "Content-Length: 9999999999999"),
        },
        (400, 400): {
            # The body is the first 5 bytes, and the rest "HTTP/1.1 …" is no request.
            "length that ends amid a request": framed(HIDDEN, "Content-Length: 10"),
        },
        # Zeros before the number change nothing: nothing else is read into it.
        OK: {
            "length with zeros before": framed(ONE_ROW, f"Content-Length: 000{len(ONE_ROW)}"),
            "length with 5,000 zeros before": framed(ONE_ROW, f"Content-Length: {'0' * 5_000}{len(ONE_ROW)}"),
        },
    }


def transfer_encodings() -> Group:
    """Transfer-Encoding that one parser may take for chunked and another one not."""
    wrong = {
        "unknown": "cow",
        "a prefix of it": "chunke",
        "a word with it": "xchunked",
        "gzip": "gzip",
        "identity": "identity",
        "chunked, then another": "chunked, gzip",
        "chunked, then identity": "chunked, identity",
        "empty": "",
        "in quotes": '"chunked"',
        "with a parameter": "chunked;q=1",
        "after a vertical tab": "\x0bchunked",
        "with a NUL": "chunked\x00",
        "with a bare CR": "chunked\rX: y",
    }
    body = chunk(ONE_ROW) + LAST_CHUNK
    return {
        BAD: {
            **{f"encoding {n}": framed(body, f"Transfer-Encoding: {value}") for n, value in wrong.items()},
            "space before the colon of the encoding": framed(body, "Transfer-Encoding : chunked"),
            "encoding on a folded line": framed(body, "Transfer-Encoding:", " chunked"),
            "name of the encoding behind a NUL": framed(body, "\x00Transfer-Encoding: chunked"),
            "encoding and a length behind a space": framed(body, CHUNKED, " Content-Length: 5"),
            "encoding in HTTP/1.0 with a length": head(
                "POST /predict HTTP/1.0", JSON, CHUNKED, "Content-Length: 5"
            )
            + body,
        },
        OK: {
            "chunks": framed(body, CHUNKED),
            "encoding in capitals": framed(
                body, "TRANSFER-ENCODING: CHUNKED"
            ),  # names and codings ignore case
            "encoding after a tab": framed(
                body, "Transfer-Encoding:\tchunked"
            ),  # white space, as RFC 9110 has it
        },
    }


def chunks() -> Group:
    """Chunks whose size, end or trailer is wrong."""
    sizes = {
        "signed": b"+5",
        "negative": b"-1",
        "with a prefix": b"0x5",
        "empty": b"",
        "a word": b"xyz",
        "with an underscore": b"1_0",
        "with a space before": b" 5",
        "beyond 64 bits": b"fffffffffffffffff",
        "of the largest 64 bits": b"ffffffffffffffff0",
        "with a NUL": b"5\x00",
        "with a comma": b"5,5",
    }
    return {
        BAD: {
            **{
                f"chunk size {name}": framed(size + b"\r\nhello\r\n" + LAST_CHUNK + HIDDEN, CHUNKED)
                for name, size in sizes.items()
            },
            "chunk longer than its size": framed(b"3\r\nhello\r\n" + LAST_CHUNK + HIDDEN, CHUNKED),
            "chunk without an end of line": framed(b"5\r\nhello0\r\n\r\n" + HIDDEN, CHUNKED),
            "chunk that ends with LF": framed(b"5\r\nhello\n0\r\n\r\n" + HIDDEN, CHUNKED),
            "chunk size that ends with LF": framed(b"5\nhello\r\n0\r\n\r\n" + HIDDEN, CHUNKED),
            "chunk size that ends with CR": framed(b"5\rhello\r\n0\r\n\r\n" + HIDDEN, CHUNKED),
            "extension with a LF": framed(b"5;a\nb\r\nhello\r\n" + LAST_CHUNK, CHUNKED),
            "extension of 100 kB": framed(b"5;" + b"a" * 100_000 + b"\r\nhello\r\n" + LAST_CHUNK, CHUNKED),
            "trailer without a colon": framed(chunk(ONE_ROW) + b"0\r\nnonsense\r\n\r\n", CHUNKED),
            "trailer with a NUL": framed(chunk(ONE_ROW) + b"0\r\nA: \x00\r\n\r\n", CHUNKED),
            "trailers of 100 kB": framed(
                chunk(ONE_ROW) + b"0\r\n" + b"A: bbbbbbbbbb\r\n" * 7_000 + b"\r\n", CHUNKED
            ),
            "trailer that names a length": framed(
                chunk(ONE_ROW) + b"0\r\nContent-Length: 5\r\n\r\n", CHUNKED
            ),
            "no content": framed(LAST_CHUNK, CHUNKED),
        },
        OK: {
            # Extensions and trailers that are valid are ignored; no header comes from them.
            "extension": framed(chunk(ONE_ROW, ";a=b") + LAST_CHUNK, CHUNKED),
            "trailer": framed(chunk(ONE_ROW) + b"0\r\nA: b\r\n\r\n", CHUNKED),
            "trailer that names a key": framed(chunk(ONE_ROW) + b"0\r\nX-API-Key: a\r\n\r\n", CHUNKED),
            "chunks of a byte": framed(
                b"".join(chunk(ONE_ROW[i : i + 1]) for i in range(len(ONE_ROW))) + LAST_CHUNK, CHUNKED
            ),
            "size with zeros before": framed(b"000" + chunk(ONE_ROW) + LAST_CHUNK, CHUNKED),
        },
    }


def lines() -> Group:
    """Heads whose lines end, begin or fold in a wrong way."""
    start = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    return {
        BAD: {
            "LF alone in the head": b"GET /health HTTP/1.1\nHost: x\n\n",
            "LF alone after one line": start + b"A: b\n\r\n",
            "LF alone hides a request": start + b"A: b\n\n" + HIDDEN,
            "CR alone in the head": start + b"A: b\rC: d\r\n\r\n",
            "CR alone at the end": start + b"A: b\r\r\n\r\n",
            "folded line": start + b"A: b\r\n c\r\n\r\n",
            "folded line with a tab": start + b"A: b\r\n\tc\r\n\r\n",
            "first line folded": b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n",
            "space before a colon": start + b"A : b\r\n\r\n",
            "space in a name": start + b"A B: c\r\n\r\n",
            "no colon": start + b"nonsense\r\n\r\n",
            "no name": start + b": b\r\n\r\n",
            "NUL in a name": start + b"A\x00B: c\r\n\r\n",
            "NUL in a value": start + b"A: b\x00c\r\n\r\n",
            "control byte in a value": start + b"A: b\x01c\r\n\r\n",
            "delete in a value": start + b"A: b\x7fc\r\n\r\n",
            "8 bits in a name": start + "Ä: b\r\n\r\n".encode(),
            "parenthesis in a name": start + b"A(: b\r\n\r\n",
            "quote in a name": start + b'"A": b\r\n\r\n',
            "NUL at the beginning": b"\x00" + HEALTH,
            "garbage": b"garbage\r\n\r\n",
            "garbage with 8 bits": bytes(range(128, 256)) + b"\r\n\r\n",
            "TLS": bytes.fromhex("16030100a5010000a10303") + b"a" * 160,
            "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
            "SOCKS": b"\x05\x01\x00" + b"\r\n\r\n",
            "PROXY protocol": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + HEALTH,
            "PROXY protocol in binary": b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c" + b"a" * 12 + HEALTH,
            "SMTP": b"EHLO x\r\nMAIL FROM:<a@b>\r\n",
            "Redis": b"*1\r\n$4\r\nPING\r\n",
        },
        OK: {
            # RFC 9112, 2.2: empty lines before a request are ignored.
            "empty lines before": b"\r\n\r\n" + HEALTH,
            "8 bits in a value": start + "A: ä\r\n\r\n".encode(),
            "tab in a value": start + b"A: b\tc\r\n\r\n",
            "no value": start + b"A:\r\n\r\n",
        },
    }


def start_lines() -> Group:
    """Start lines: versions, targets of other forms, white space."""
    rest = b"\r\nHost: x\r\n\r\n"
    return {
        BAD: {
            "HTTP/0.9": b"GET /health\r\n\r\n",
            "HTTP/0.9 with headers": b"GET /health\r\nHost: x\r\n\r\n",
            "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
            "HTTP/2": b"GET /health HTTP/2" + rest,
            "HTTP/2.0": b"GET /health HTTP/2.0" + rest,
            "HTTP/3.0": b"GET /health HTTP/3.0" + rest,
            "HTTP/1.2": b"GET /health HTTP/1.2" + rest,
            "HTTP/1": b"GET /health HTTP/1" + rest,
            "HTTP/1.10": b"GET /health HTTP/1.10" + rest,
            "HTTP/11": b"GET /health HTTP/11" + rest,
            "HTTP/-1.1": b"GET /health HTTP/-1.1" + rest,
            "HTTP/x.y": b"GET /health HTTP/x.y" + rest,
            "http/1.1": b"GET /health http/1.1" + rest,
            "HTP/1.1": b"GET /health HTP/1.1" + rest,
            "no target": b"GET HTTP/1.1" + rest,
            "two targets": b"GET /health /card HTTP/1.1" + rest,
            "tab as a separator": b"GET\t/health\tHTTP/1.1" + rest,
            "space in the target": b"GET /hea lth HTTP/1.1" + rest,
            "NUL in the target": b"GET /health\x00 HTTP/1.1" + rest,
            "8 bits in the target": get("/\xe4"),
            "control byte in the target": b"GET /\x01 HTTP/1.1" + rest,
            "space before the method": b" GET /health HTTP/1.1" + rest,
            "target without a slash": get("health"),
            "target with a backslash": get("\\health"),
            "authority as the target": get("x:80"),
            "URL without a path": get("http://"),
            "URL with a wrong port": get("http://x:port/health"),
            "URL of no scheme": get("://x/health"),
            "URL of a file": get("file:///etc/passwd"),
            "method in small letters": b"get /health HTTP/1.1" + rest,
            "method with a digit": b"GET1 /health HTTP/1.1" + rest,
            "method unknown": b"HACK /health HTTP/1.1" + rest,
            "method empty": b" /health HTTP/1.1" + rest,
            "method of 1 kB": b"A" * 1000 + b" /health HTTP/1.1" + rest,
        },
        (404,): {
            "target *": get("*"),
            "target * of OPTIONS": get("*", method="OPTIONS"),
            "target * of POST": get("*", method="POST"),
        },
        # The parser reads other protocols of version 1.0 as HTTP/1.0: one request, then it closes.
        (405,): {"ICE/1.0": b"SOURCE /health ICE/1.0" + rest},
        OK: {
            "RTSP/1.0": b"GET /health RTSP/1.0" + rest,
            # RFC 9112, 3.2.2: a server must accept the absolute form. Its host selects nothing here.
            "URL as the target": get("http://x/health"),
            "URL of another host": get("http://metadata.internal/health"),
            "URL with a password": get("http://a:b@x/health"),
            "URL in TLS": get("https://x/health"),
            "HTTP/1.0": b"GET /health HTTP/1.0\r\n\r\n",
            "HTTP/1.0 that stays": b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            # No route depends on Host, so it may be absent, double or strange.
            "no host": b"GET /health HTTP/1.1\r\n\r\n",
            "two hosts": b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
            "empty host": b"GET /health HTTP/1.1\r\nHost:\r\n\r\n",
            "host with a path": b"GET /health HTTP/1.1\r\nHost: x/../card\r\n\r\n",
            "host of a script": b"GET /health HTTP/1.1\r\nHost: <script>" + MARKER + b"\r\n\r\n",
        },
    }


def methods() -> Group:
    """Methods that a path does not have."""
    others = ["PUT", "DELETE", "PATCH", "TRACE", "POST", "PROPFIND", "PURGE", "LOCK", "M-SEARCH", "MKCOL"]
    return {
        (405,): {
            **{f"{method} /health": get("/health", method=method) for method in others},
            **{f"{method} /predict": get("/predict", method=method) for method in ("GET", "PUT", "DELETE")},
            "CONNECT": get("x:443", method="CONNECT"),
            "CONNECT with a path": get("/health", method="CONNECT"),
            "CONNECT, then a request": get("x:443", method="CONNECT") + HIDDEN,
            "TRACE with a secret": get("/health", f"Cookie: {MARKER.decode()}", method="TRACE"),
            "HEAD /predict": get("/predict", method="HEAD"),
            "PUT with a body": head("PUT /health HTTP/1.1", "Content-Length: 34") + HIDDEN,
        },
        (204,): {
            "OPTIONS /predict": get("/predict", method="OPTIONS"),
            "OPTIONS /health": get("/health", method="OPTIONS"),
        },
        OK: {
            "HEAD /health": get("/health", method="HEAD"),
            # The body is read and dropped.
            "GET with a body": head("GET /health HTTP/1.1", "Content-Length: 34") + HIDDEN,
            "method overridden": get("/health", "X-HTTP-Method-Override: DELETE"),
        },
        (404,): {"OPTIONS /nothing": get("/nothing", method="OPTIONS")},
    }


def paths() -> Group:
    """Paths that are written in another way, or lead elsewhere."""
    nothing = [
        "/nothing",
        "//health",
        "/health/",
        "/HEALTH",
        "/./health",
        "/x/../health",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cetc%5cpasswd",
        "/..\\..\\etc\\passwd",
        "/health%00",
        "/%00",
        "/health%2f",
        "/%2fhealth",
        "/%252e%252e/health",
        "/%c0%ae%c0%ae/etc/passwd",
        "/%c0%af",
        "/%ff%fe",
        "/%ed%a0%80",
        "/%u002e",
        "/%",
        "/%g1",
        "/%1",
        "/health;a=b",
        "/predict%20",
        "/predict%0d%0aX:%20y",
        "/static/swagger/",
        "/static/swagger/../../docs.html",
        "/static/swagger/%2e%2e/docs.html",
        "/static/swagger/..%2fdocs.html",
        "/static/swagger/%2e%2e%2f%2e%2e%2fmain.py",
        "/static/swagger//etc/passwd",
        "/static/swagger/%00",
        "/static/swagger/" + "a" * 300,
        "/static/swagger/" + "a/" * 2_000,
        "/.git/config",
        "/.env",
        f"/{MARKER.decode()}",
        "/" + "a" * 8_000,
        "/" + "%41" * 2_600,
    ]
    return {
        (404,): {
            **{f"path {path[:40]} ({len(path)})": get(path) for path in nothing},
            "metrics behind a proxy": get("/metrics", "X-Forwarded-For: 1.2.3.4"),
            "metrics, percent-encoded, behind a proxy": get("/%6detrics", "X-Forwarded-For: 1.2.3.4"),
            "metrics behind a proxy, by a URL": get("http://x/metrics", "X-Forwarded-For: 1.2.3.4"),
            "metrics behind a proxy without an address": get("/metrics", "X-Forwarded-For:"),
        },
        OK: {
            "path percent-encoded": get("/%68ealth"),
            "path with a query": get(f"/health?{MARKER.decode()}=%00%ff&a[]=<script>"),
            "path with a fragment": get("/health#/card"),
            "path with two queries": get("/health?a?b"),
            "query of 8 kB": get("/health?" + "a" * 8_000),
        },
        (414,): {
            "path of 9 kB": get("/" + "a" * 9_000),
            "query of 9 kB": get("/health?" + "a" * 9_000),
            "path of 60 kB": get("/" + "a" * 60_000),
        },
    }


def heads() -> Group:
    """Heads of many lines, or of long ones."""
    return {
        (431,): {
            "101 lines": get("/health", *["A: b"] * 100),
            "10,000 lines": get("/health", *[f"A{i}: b" for i in range(10_000)]),
            "value of 65 kB": get("/health", "A: " + "b" * (MAXIMUM_HEAD + 1)),
            "value of 1 MB": get("/health", "A: " + "b" * 2**20),
            "name of 65 kB": get("/health", "A" * (MAXIMUM_HEAD + 1) + ": b"),
            "cookie of 100 kB": get("/health", "Cookie: " + f"{MARKER.decode()};" * 8_000),
            "8 values of 9 kB": get("/health", *["A: " + "b" * 9_000] * 8),
        },
        OK: {
            "99 lines": get("/health", *["A: b"] * 98),
            "value of 60 kB": get("/health", "A: " + "b" * 60_000),
        },
    }


def connections() -> Group:
    """Pipelines, upgrades, Expect and the options of Connection."""
    bad = b"garbage\r\n\r\n"
    upgrade = ["Connection: Upgrade", "Upgrade: h2c"]
    return {
        (200, 200, 200): {
            "pipeline": HEALTH * 3,
            "pipeline of kinds": HEALTH + post_json(ONE_ROW) + HEALTH,
        },
        (200, 422, 404, 200): {
            "pipeline with refused requests": HEALTH + post_json("{}") + get("/nothing") + HEALTH,
        },
        (200, 400): {
            "pipeline with garbage within": HEALTH + bad + HIDDEN,
            "pipeline with a wrong length within": HEALTH + framed(HIDDEN, "Content-Length: x") + HIDDEN,
            "pipeline with two lengths within": HEALTH
            + framed(b"", "Content-Length: 0", "Content-Length: 34")
            + HIDDEN,
        },
        (200, 413): {
            "pipeline with too large a body within": HEALTH
            + framed(b"", "Content-Length: 99999999")
            + HIDDEN,
        },
        (200, 405): {"pipeline with CONNECT within": HEALTH + get("x:1", method="CONNECT") + HIDDEN},
        (200,) * 32: {"pipeline of 32": HEALTH * 32},
        OK: {
            "close, then another request": get("/health", "Connection: close") + HIDDEN,
            "HTTP/1.0, then another request": b"GET /health HTTP/1.0\r\n\r\n" + HIDDEN,
            "upgrade": get("/health", *upgrade),
            "upgrade to a WebSocket": get(
                "/health", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"
            ),
            "upgrade with a body": post_json(ONE_ROW, *upgrade, "HTTP2-Settings: AAMAAABkAAQAAP__"),
            "upgrade with chunks": framed(chunk(ONE_ROW) + LAST_CHUNK, *upgrade, CHUNKED),
            "upgrade without Connection": get("/health", "Upgrade: h2c"),
            "upgrade to TLS": get("/health", "Connection: Upgrade", "Upgrade: TLS/1.0"),
            "upgrade to several": get("/health", "Connection: Upgrade", "Upgrade: a, b/2, c"),
            "Connection: upgrade without Upgrade": get("/health", "Connection: upgrade"),
            "Connection that names headers": get("/health", "Connection: Host, X-Forwarded-For"),
            "Connection that is empty": get("/health", "Connection:"),
            "close and keep-alive": get("/health", "Connection: close, keep-alive"),
            "Keep-Alive": get("/health", "Keep-Alive: timeout=99999999999"),
            "expect continue": post_json(ONE_ROW, "Expect: 100-continue"),
            "expect in capitals": post_json(ONE_ROW, "Expect: 100-CONTINUE"),
            # RFC 9110, 10.1.1 allows 417, and also to ignore what is not known.
            "expect something else": post_json(ONE_ROW, "Expect: 200-ok"),
            "expect nothing": post_json(ONE_ROW, "Expect:"),
            "expect continue of GET": get("/health", "Expect: 100-continue"),
            "range": get("/health", "Range: bytes=0-10"),
            "range of gigabytes": get("/health", "Range: bytes=0-99999999999999"),
            "range that is wrong": get("/health", "Range: bytes=9-1,,x"),
            "condition": get("/health", f'If-None-Match: "{MARKER.decode()}"'),
            "condition on a date": get("/health", "If-Modified-Since: never"),
        },
        BAD: {
            "upgrade whose body is a request": post_json(HIDDEN, *upgrade),
            "upgrade with two lengths": framed(HIDDEN, *upgrade, "Content-Length: 0", "Content-Length: 34"),
        },
        (400, 200): {"body that is a request, then a request": post_json(HIDDEN) + HEALTH},
    }


def forms() -> Group:
    """Forms with a file."""
    file = csv_body(LINE)
    end = b"--frontier--\r\n"
    long = "b" * 5_000

    def file_part(disposition: bytes) -> bytes:
        return form(part(file, b"form-data; " + disposition))

    return {
        OK: {
            "file in UTF-16": post_form(form(part(file.decode().encode("utf-16")))),
            # The name of the file is not read.
            "file name that leads elsewhere": post_form(
                file_part(b'name="file"; filename="../../etc/passwd"')
            ),
            "file name with a NUL": post_form(file_part(b'name="file"; filename="a%00.csv"')),
            "file name that is empty": post_form(file_part(b'name="file"; filename=""')),
            "file name twice": post_form(file_part(b'name="file"; filename="a"; filename="b"')),
            "file name in 8 bits": post_form(file_part('name="file"; filename="ä"'.encode())),
            # No text of the form is decoded with the charset, and the field's name alone counts.
            "charset that is unknown": post_form(form(part(file)), f"{MULTIPART}; charset=nonsense"),
            "charset that is no text": post_form(form(part(file)), f"{MULTIPART}; charset=base64"),
            "disposition of an attachment": post_form(
                form(part(file, b'attachment; name="file"; filename="a"'))
            ),
            "file name extended": post_form(file_part(b"name=\"file\"; filename=a; filename*=UTF-8''%00")),
        },
        BAD: {
            "no boundary": post_form(form(part(file)), "Content-Type: multipart/form-data"),
            "boundary that is empty": post_form(
                form(part(file)), "Content-Type: multipart/form-data; boundary="
            ),
            "boundary that is another": post_form(
                form(part(file)), "Content-Type: multipart/form-data; boundary=x"
            ),
            "boundary of 5 kB": post_form(
                form(part(file)), f"Content-Type: multipart/form-data; boundary={long}"
            ),
            "boundary in quotes that never end": post_form(
                form(part(file)), 'Content-Type: multipart/form-data; boundary="frontier'
            ),
            "boundary of control bytes": post_form(
                form(part(file)), "Content-Type: multipart/form-data; boundary=\t"
            ),
            "file name of 5 kB": post_form(file_part(b'name="file"; filename="' + long.encode() + b'"')),
            "text around the parts": post_form(b"before\r\n" + form(part(file)) + b"after"),
            "nothing": post_form(b""),
            "no part": post_form(end),
            "no end": post_form(part(file)),
            "no end and no line end": post_form(part(file)[:-2]),
            "parts after the end": post_form(end + part(file) + end),
            "two files": post_form(form(part(file), part(file))),
            "5,000 parts": post_form(form(*[part(b"")] * 5_000)),
            "5,000 fields": post_form(form(*[part(b"a", b'form-data; name="a"')] * 5_000)),
            "another field": post_form(file_part(b'name="' + MARKER + b'"; filename="a.csv"')),
            "no name": post_form(file_part(b'filename="a.csv"')),
            "field without a file name": post_form(file_part(b'name="file"')),
            "no disposition": post_form(b"--frontier\r\n\r\n" + file + b"\r\n" + end),
            "disposition that is empty": post_form(file_part(b"")),
            "form within a form": post_form(
                b"--frontier\r\nContent-Disposition: form-data; name=file\r\n"
                b"Content-Type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\n\r\nx\r\n--inner--\r\n"
                + end
            ),
            "header of a part without a colon": post_form(b"--frontier\r\nnonsense\r\n\r\nx\r\n" + end),
            "header of a part of 100 kB": post_form(
                b"--frontier\r\nA: " + b"b" * 100_000 + b"\r\n\r\nx\r\n" + end
            ),
            "10,000 headers of a part": post_form(
                b"--frontier\r\n" + b"A: b\r\n" * 10_000 + b"\r\nx\r\n" + end
            ),
            "LF alone": post_form(form(part(file)).replace(b"\r\n", b"\n")),
            "file that is an archive": post_form(form(part(b"PK\x03\x04" + bytes(range(256)) * 4))),
        },
        (415,): {
            "form in JSON": post(form(part(file)), JSON, path="/predict/file"),
            "form of another kind": post_form(
                form(part(file)), "Content-Type: multipart/mixed; boundary=frontier"
            ),
            "form without a type": post(form(part(file)), path="/predict/file"),
            "form compressed": post(
                form(part(file)), MULTIPART, "Content-Encoding: gzip", path="/predict/file"
            ),
            "form for rows": post(form(part(file)), MULTIPART),
        },
        (422,): {
            "file that is empty": post_form(form(part(b""))),
            "file of lines only": post_form(form(part(b"\r\n" * 1_000))),
        },
    }


def json_bodies() -> Group:
    """Bodies that are no JSON, or JSON of another shape."""
    deep = 100_000
    row = json.dumps(ROW)
    valid = ONE_ROW.decode()
    return {
        BAD: {
            "JSON that is empty": post_json(""),
            "JSON of white space": post_json(" " * 1_000),
            "JSON that ends early": post_json(valid[:-1]),
            "JSON with text after": post_json(valid + "x"),
            "two documents": post_json(valid + valid),
            "arrays 100,000 deep": post_json("[" * deep),
            "objects 20,000 deep": post_json('{"a":' * 20_000),
            "inputs 100,000 deep": post_json('{"inputs":' + "[" * deep),
            "comment": post_json("/* a */" + valid),
            "comma at the end": post_json('{"inputs":[' + row + ",]}"),
            "single quotes": post_json("{'inputs': []}"),
            "key without quotes": post_json("{inputs: []}"),
            "UTF-16": post_json(valid.encode("utf-16")),
            "UTF-16 without a mark": post_json(valid.encode("utf-16-le")),
            "UTF-32": post_json(valid.encode("utf-32")),
            "Latin-1": post_json('{"ä": 1}'.encode("latin-1")),
            "overlong UTF-8": post_json(b'{"a": "\xc0\x80"}'),
            "surrogate in UTF-8": post_json(b'{"a": "\xed\xa0\x80"}'),
            "NUL": post_json("\x00"),
            "NUL within": post_json('{"a": "\x00"}'),
            "line end within a text": post_json('{"a": "\n"}'),
            "escape that is unknown": post_json('{"a": "\\x41"}'),
            "escape that ends early": post_json('{"a": "\\u12"}'),
            "number with a zero before": post_json('{"a": 01}'),
            "value of 10,000 digits": post_json(row.replace("2.5", "9" * 10_000)),
            "category a lone surrogate": post_json(row.replace('"B"', '"\\ud800"')),
            "key a lone surrogate": post_json('{"\\ud800": 1}'),
            "number in hexadecimal": post_json('{"a": 0x10}'),
            "number with a plus": post_json('{"a": +1}'),
            "number without digits": post_json('{"a": .}'),
            "True": post_json("True"),
            "XML": post_json('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
            "YAML": post_json("inputs: !!python/object/apply:os.system [id]"),
            "pickle": post_json(b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00cos\nsystem\n"),
            "random bytes": post_json(bytes(range(256)) * 10),
        },
        (422,): {
            "null": post_json("null"),
            "true": post_json("true"),
            "number": post_json("1"),
            "text": post_json(f'"{MARKER.decode()}"'),
            "array": post_json("[]"),
            "empty object": post_json("{}"),
            "no rows": post_json('{"inputs": []}'),
            "rows null": post_json('{"inputs": null}'),
            "rows an object": post_json('{"inputs": {}}'),
            "rows a text": post_json(f'{{"inputs": "{MARKER.decode()}"}}'),
            "row an array": post_json('{"inputs": [[]]}'),
            "row null": post_json('{"inputs": [null]}'),
            "rows beside another key": post_json('{"inputs": [' + row + '], "outputs": 1}'),
            "rows beside a prototype": post_json('{"inputs": [' + row + '], "__proto__": {"a": 1}}'),
            "values an object": post_json(row.replace("5,", '{"$gt": 0},', 1)),
            "value an array": post_json(row.replace("5,", "[5],", 1)),
            "value a text": post_json(row.replace("5,", '"5",', 1)),
            "value a secret": post_json(row.replace("5,", f'"{MARKER.decode()}",', 1)),
            "value true": post_json(row.replace("5,", "true,", 1)),
            "value null": post_json(row.replace("5,", "null,", 1)),
            "value with a fraction": post_json(row.replace("5,", "5.5,", 1)),
            "value nearly whole": post_json(row.replace("5,", "5.0000000001,", 1)),
            "value NaN": post_json(row.replace("2.5", "NaN")),
            "value Infinity": post_json(row.replace("2.5", "Infinity")),
            "value -Infinity": post_json(row.replace("2.5", "-Infinity")),
            "value 1e999": post_json(row.replace("2.5", "1e999")),
            "value beyond 64 bits": post_json(row.replace("5,", "18446744073709551621,", 1)),
            "value negative zero": post_json(row.replace("5,", "-0,", 1)),
            "category with a NUL": post_json(row.replace('"B"', '"B\\u0000"')),
            "category of 1 MB": post_json(row.replace('"B"', f'"{"B" * 2**20}"')),
            "category a query": post_json(row.replace('"B"', '"\' OR 1=1 --"')),
            "category a script": post_json(row.replace('"B"', '"<script>alert(1)</script>"')),
            "category a template": post_json(row.replace('"B"', '"{{7*7}} ${jndi:ldap://x}"')),
            "boolean a number": post_json(row.replace("true", "2")),
            "boolean a text": post_json(row.replace("true", '"perhaps"')),
            "1,000 unknown keys": post_json(json.dumps({f"key{i}": i for i in range(1_000)})),
            "key of 100 kB": post_json(json.dumps({"k" * 100_000: 1})),
            "10,001 rows": post_json('{"inputs": [' + ",".join([row] * 10_001) + "]}"),
            "1 MB of objects": post_json('{"years": [' + ",".join(["{}"] * 350_000) + "]}"),
            "1 MB of arrays": post_json('{"inputs": [' + ",".join(["[]"] * 350_000) + "]}"),
        },
        (413,): {"11 MB of brackets": post_json("[" * 11_000_000)},
        OK: {
            "byte order mark": post_json(b"\xef\xbb\xbf" + ONE_ROW),
            "array of rows": post_json(f"[{row}]"),
            # 5.0 is the whole number 5, and 2.5e0 the number 2.5.
            "whole number with a fraction of 0": post_json(row.replace("5,", "5.0,", 1)),
            "number with an exponent": post_json(row.replace("2.5", "2.5e0")),
            "white space between": post_json(valid.replace(" ", " \r\n\t")),
            "escaped letters": post_json(row.replace("years", "\\u0079ears")),
        },
    }


def csv_bodies() -> Group:
    """Bodies that are no CSV, or CSV of another shape."""

    def table(line: str, header: str = HEADER) -> bytes:
        return post_csv(f"{header}\n{line}\n")

    return {
        BAD: {
            "quote that never ends": table('5,2.5,"B,true'),
            "text after a quote": table('5,2.5,"B"x,true'),
            "JSON as CSV": post_csv(ONE_ROW),
            "CSV in half of UTF-16": post_csv(csv_body(LINE).decode().encode("utf-16")[:-1]),
            "gzip that is none": post_csv(b"\x1f\x8b nothing"),
            "gzip of thousands of parts": post_csv(gzip.compress(b"") * 50_000),
            "gzip of an archive": post_csv(gzip.compress(b"PK\x03\x04")),
            "CSV in Latin-1": post_csv(csv_body("5,2.5,ä,true").decode().encode("latin-1")),
            "1 MB of line ends": post_csv("\n" * 2**20),
            "1 MB of commas": post_csv("," * 2**20),
            "cell of 1 MB": table(f"5,2.5,{'B' * 2**20},true"),
        },
        (422,): {
            "CSV that is empty": post_csv(""),
            "CSV of a header only": post_csv(f"{HEADER}\n"),
            "CSV without a header": post_csv(f"{LINE}\n{LINE}\n"),
            "formula": table("=1+1,2.5,B,true"),
            "formula of a command": table("5,2.5,=cmd|'/c calc'!A0,true"),
            "secret in a cell": table(f"5,2.5,{MARKER.decode()},true"),
            "NaN in a cell": table("5,NaN,B,true"),
            "infinity in a cell": table("5,1e999,B,true"),
            "number with underscores": table("1_0,2.5,B,true"),
            "number of 10,000 digits": table(f"{'9' * 4_000},2.5,B,true"),
            "number in Arabic digits": table("\u0665,2.5,B,true"),
            "too few cells": table("5,2.5,B"),
            "too many cells": table(f"{LINE},1"),
            "column twice": table(f"{LINE},6", f"{HEADER},years"),
            "column under two names": table(f"{LINE},6", f"{HEADER},duration-years"),
            "10,000 columns": table(",".join("1" * 10_000), ",".join(f"c{i}" for i in range(10_000))),
            "CSV with a NUL": table("5,2.5,B\x00,true"),
            "number with two commas": table("5;1,2,5;B;true", HEADER.replace(",", ";")),
            "10,001 lines": post_csv(csv_body(*[LINE] * 10_001)),
        },
        (413,): {"gzip of 64 MB": post_csv(gzip.compress(b"\0" * 2**26, 1))},
        OK: {
            "semicolons": table("5;2.5;B;true", HEADER.replace(",", ";")),
            "tabs": table("5\t2.5\tB\ttrue", HEADER.replace(",", "\t")),
            "column that is unknown": table(f"{LINE},5", f"{HEADER},<b>"),
            "CSV in UTF-16": post_csv(csv_body(LINE).decode().encode("utf-16")),
            "CSV with a byte order mark": post_csv(b"\xef\xbb\xbf" + csv_body(LINE)),  # as Excel writes it
            "CSV with CR alone": post_csv(csv_body(LINE).replace(b"\n", b"\r")),  # an old Mac's line ends
            "CSV in quotes": table('"5","2.5","B","true"'),
            "CSV with spaces": table("5, 2.5, B, true"),
        },
    }


def negotiations() -> Group:
    """Content types, encodings, Accept, keys and what proxies add."""
    types = [
        "text/plain",
        "application/xml",
        "application/jsonp",
        "*/*",
        "application",
        "/",
        ";",
        "a" * 1_000,
    ]
    types += [
        "application/json; charset=utf-16",
        "application/json; charset=nonsense",
        "application/json, a/b",
    ]
    types += [
        "application/x-www-form-urlencoded",
        "text/csv; header=absent",
        "application/json\x7f"[:-1] + "x",
    ]
    encodings = ["deflate", "br", "zstd", "compress", "gzip, gzip", "nonsense"]
    accepts = [
        "text/html",
        "*/*",
        "",
        "nonsense",
        "text/csv;q=0",
        "text/csv;q=nan",
        "text/csv;q=1e9",
        ";;;,,,",
    ]
    accepts += [
        "text/csv;q=" + "9" * 5_000,
        "a/b," * 5_000,
        "text/csv;q=.",
        "text/csv;q=\xb2",
        "text/csv;q=-1",
    ]
    keys = [f"X-API-Key: {MARKER.decode()}", "X-API-Key:", "X-API-Key: \xff\xfe", "Authorization: Basic YTpi"]
    keys += [f"Authorization: Bearer {MARKER.decode()}", "Authorization: Bearer", "Authorization:"]
    keys += ["X-API-Key: " + "a" * 50_000, "Authorization: " + "Bearer " * 5_000]
    addresses = [
        "1.2.3.4",
        "127.0.0.1",
        "::1",
        "[::1]:80",
        "unknown",
        ",,,",
        "1.2.3.4, " * 5_000,
        "999.9.9.9",
    ]
    addresses += [f"{MARKER.decode()}", "\xff", "1.2.3.4:99999", "fe80::1%eth0", "0x7f.1", "_hidden"]
    proxies = [
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-Host: evil",
        "Forwarded: for=1.2.3.4",
        "X-Real-IP: 1",
    ]
    proxies += ["X-Original-URL: /card", "X-Rewrite-URL: /card", "X-Forwarded-Prefix: /../"]
    others = ["Origin: http://evil", "Origin: null", "Cookie: a=b", "Referer: javascript:alert(1)"]
    others += ["User-Agent: () { :; }; echo", "Content-Length: 0", "TE: trailers", "Max-Forwards: -1"]
    return {
        BAD: {"body in no gzip": post_json(ONE_ROW, "Content-Encoding: gzip")},
        (415,): {
            **{f"type {value[:50]}": post(ONE_ROW, f"Content-Type: {value}") for value in types},
            **{f"body in {value}": post_json(ONE_ROW, f"Content-Encoding: {value}") for value in encodings},
            "CSV without a header, as declared": post(
                csv_body(LINE), "Content-Type: text/csv; header=absent"
            ),
            "two types": post(ONE_ROW, JSON, "Content-Type: text/plain"),
        },
        OK: {
            "no type": post(ONE_ROW),
            "type in capitals": post(ONE_ROW, "CONTENT-TYPE: APPLICATION/JSON; CHARSET=UTF-8"),
            "body in identity": post_json(ONE_ROW, "Content-Encoding: identity"),
            **{
                f"accept {value[:30]} ({len(value)})": post_json(ONE_ROW, f"Accept: {value}")
                for value in accepts
            },
            # Without API_KEYS and TRUSTED_PROXIES, keys and addresses count for nothing.
            **{f"{value[:40]} ({len(value)})": post_json(ONE_ROW, value) for value in keys},
            **{
                f"from {value[:30]} ({len(value)})": post_json(ONE_ROW, f"X-Forwarded-For: {value}")
                for value in addresses
            },
            **{value: post_json(ONE_ROW, value) for value in proxies},
            **{value: get("/health", value) for value in others},
        },
    }


def unfinished() -> Group:
    """Requests that never end: the service stops to wait after SLOW_SECONDS."""
    return {
        (408,): {
            "half a start line": b"GET /hea",
            "half a head": b"GET /health HTTP/1.1\r\nHost: x\r\n",
            "half a header": b"GET /health HTTP/1.1\r\nHo",
            "CR at the end": b"GET /health HTTP/1.1\r\n\r",
            "half a body": framed(ONE_ROW[:9], f"Content-Length: {len(ONE_ROW)}"),
            "no body": framed(b"", "Content-Length: 5"),
            "body shorter by a byte": framed(ONE_ROW, f"Content-Length: {len(ONE_ROW) + 1}"),
            "half a chunk": framed(b"5\r\nhel", CHUNKED),
            "no last chunk": framed(chunk(ONE_ROW), CHUNKED),
            "half a chunk size": framed(chunk(ONE_ROW) + b"0", CHUNKED),
            "half a trailer": framed(chunk(ONE_ROW) + b"0\r\nA: b", CHUNKED),
            "half a form": head("POST /predict/file HTTP/1.1", MULTIPART, "Content-Length: 999")
            + part(b"years")[:60],
            "expect, then nothing": framed(b"", "Expect: 100-continue", "Content-Length: 5"),
            "upgrade, then half a body": framed(
                ONE_ROW[:9], "Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(ONE_ROW)}"
            ),
        },
        (200, 408): {"half a request in a pipeline": HEALTH + b"GET /card HT"},
        (): {"nothing at all": b"", "empty lines": b"\r\n" * 3},
    }


GROUPS = (
    lengths,
    transfer_encodings,
    chunks,
    lines,
    start_lines,
    methods,
    paths,
    heads,
    connections,
    forms,
    json_bodies,
    csv_bodies,
    negotiations,
)


def cases(groups: tuple[object, ...] = GROUPS) -> Iterator[Case]:
    """Yield every request of the groups."""
    for group in groups:
        for statuses, requests in group().items():  # type: ignore[operator]
            for name, raw in requests.items():
                yield Case(f"{group.__name__}: {name}", raw, statuses)  # type: ignore[attr-defined]
