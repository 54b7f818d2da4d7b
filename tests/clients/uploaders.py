"""Posts of a large body, with every client that is in wide use."""

import asyncio
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import requests

TIMEOUT = 30
Answer = tuple[int, str]
Upload = Callable[[str, str, int], Answer]
"""From URL, Content-Type and number of bytes to status and body."""


def with_urllib(url: str, content_type: str, size: int) -> Answer:
    request = urllib.request.Request(url, b" " * size, {"Content-Type": content_type})  # noqa: S310 - http
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - http
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.read().decode()


def with_http_client(url: str, content_type: str, size: int) -> Answer:
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT)
    try:
        connection.request("POST", parts.path, b" " * size, {"Content-Type": content_type})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def with_requests(url: str, content_type: str, size: int) -> Answer:
    answer = requests.post(url, b" " * size, headers={"Content-Type": content_type}, timeout=TIMEOUT)
    return answer.status_code, answer.text


def with_httpx(url: str, content_type: str, size: int) -> Answer:
    headers = {"Content-Type": content_type}
    answer = httpx.post(url, content=b" " * size, headers=headers, timeout=TIMEOUT)
    return answer.status_code, answer.text


def with_aiohttp(url: str, content_type: str, size: int) -> Answer:
    async def post() -> Answer:
        timeout = aiohttp.ClientTimeout(TIMEOUT)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=BytesIO(b" " * size), headers={"Content-Type": content_type}) as answer,
        ):
            return answer.status, await answer.text()

    return asyncio.run(post())


def with_node_http(url: str, content_type: str, size: int) -> Answer:
    return with_node("http", url, content_type, size)


def with_node_fetch(url: str, content_type: str, size: int) -> Answer:
    return with_node("fetch", url, content_type, size)


def with_node(client: str, url: str, content_type: str, size: int) -> Answer:
    script = Path(__file__).with_name("uploads.js")
    return printed(["node", str(script), client, url, content_type, str(size)])


def with_curl(url: str, content_type: str, size: int) -> Answer:
    return curl(url, content_type, size)


def with_curl_that_does_not_wait(url: str, content_type: str, size: int) -> Answer:
    """Send the body without waiting for 100 Continue."""
    return curl(url, content_type, size, "-H", "Expect:")


def with_curl_that_prefers_http_2(url: str, content_type: str, size: int) -> Answer:
    return curl(url, content_type, size, "--http2")


def curl(url: str, content_type: str, size: int, *options: str) -> Answer:
    command = ["curl", "-sS", "--max-time", str(TIMEOUT), "-o", "-", "-w", "\n%{http_code}", *options]
    command += [url, "-H", f"Content-Type: {content_type}", "--data-binary", "@-"]
    done = subprocess.run(command, input=b" " * size, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    body, _, status = done.stdout.decode().rpartition("\n")
    return int(status), body


def printed(command: list[str]) -> Answer:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * TIMEOUT)
    assert done.returncode == 0, done.stderr
    status, _, body = done.stdout.partition("\n")
    return int(status), body


UPLOADS: dict[str, Upload] = {
    "urllib": with_urllib,
    "http.client": with_http_client,
    "requests": with_requests,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "node http": with_node_http,
    "node fetch": with_node_fetch,
    "curl": with_curl,
    "curl without Expect": with_curl_that_does_not_wait,
    "curl --http2": with_curl_that_prefers_http_2,
}
