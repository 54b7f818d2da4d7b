"""GET /docs and its files: Swagger's own, unchanged, and a page without a script of its own."""

import base64
import hashlib
import json
import re
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
VENDORED = ROOT / "app/static/swagger"
LOCK = ROOT / "infra/swagger/package-lock.json"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tiny loans</title>
<link rel="icon" type="image/png" href="static/swagger/favicon-32x32.png">
<link rel="stylesheet" href="static/swagger/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="static/swagger/swagger-ui-bundle.js"></script>
<script src="static/swagger/initializer.js"></script>
</body>
</html>
"""
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".png": "image/png",
}


def checksums() -> dict[str, str]:
    """Return the SHA-256 of each file that `make swagger` copied, by name."""
    lines = (ROOT / "infra/swagger/SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


async def test_page_holds_no_script_of_its_own(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert response.text == PAGE


@pytest.mark.parametrize("name", re.findall(r'(?:src|href)="(.+?)"', PAGE))
async def test_a_file_of_the_page_is_served_as_it_is(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get(f"/{name}")
    path = ROOT / "app" / name
    assert (response.status_code, response.headers["content-type"]) == (200, MEDIA_TYPES[path.suffix])
    assert response.content == path.read_bytes()


def test_the_vendored_files_are_those_of_the_release() -> None:
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.iterdir()
        if path.name != "initializer.js"
    }
    assert digests == checksums()
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js"} <= set(digests)


def test_the_release_is_named_by_version_and_sha512() -> None:
    locked = json.loads(LOCK.read_text())["packages"]["node_modules/swagger-ui-dist"]
    named = json.loads(LOCK.with_name("package.json").read_text())["dependencies"]["swagger-ui-dist"]
    algorithm, _, digest = locked["integrity"].partition("-")
    assert (locked["version"], locked["license"], algorithm) == (named, "Apache-2.0", "sha512")
    assert len(base64.b64decode(digest)) == 64
    assert f'"{named}"' in (VENDORED / "swagger-ui-bundle.js").read_text()


@pytest.mark.parametrize("part_of_it", ["bytes=0-9", "bytes=abc", "bytes=99999999-"])
async def test_a_range_of_an_asset_is_answered_with_the_whole(
    client: httpx.AsyncClient, part_of_it: str
) -> None:
    path = "/static/swagger/initializer.js"
    whole = await client.get(path)
    response = await client.get(path, headers={"Range": part_of_it})
    assert (response.status_code, response.content) == (200, whole.content)
