"""CSV of other origins: other columns, delimiters, encodings and compression, at both routes."""

import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.support.clients import client_of
from tests.support.tiny import HEADER, LINE, ROW

OTHER = f"id,{HEADER},note\n1001,{LINE},a\n1002,{LINE},b\n".encode()
PLAIN = f"{HEADER}\n{LINE}\n{LINE}\n".encode()
LIMIT = 10 * 2**20  # bytes


@pytest.fixture(name="client")
async def client_with_default_limits(tiny_model: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(Settings(model_dir=tiny_model))) as client:
        yield client


async def ask(client: httpx.AsyncClient, route: str, content: bytes, **headers: str) -> httpx.Response:
    """Send CSV to a route, with a query or without."""
    if route.startswith("/predict/file"):
        return await client.post(route, files={"file": content}, headers=headers)
    return await client.post(route, content=content, headers={"Content-Type": "text/csv"} | headers)


def predictions(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["probabilities"]


@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(b",", b";").replace(b"2.5", b"2,5"),
        PLAIN.replace(b",", b"\t").replace(b"2.5", b"2,5"),
        PLAIN.replace(b",", b"|"),
        b"sep=;\r\n" + PLAIN.replace(b",", b";"),
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.decode().encode("utf-16"),
        PLAIN.decode().upper().replace("TRUE", "true").encode(),
        gzip.compress(PLAIN),
        gzip.compress(PLAIN[:10]) + gzip.compress(PLAIN[10:]) + b"\0\0",
        gzip.compress(PLAIN.decode().encode("utf-16")),
        f"{HEADER},\n{LINE},\n{LINE},\n,,,,\n".encode(),
        f"{HEADER},rate\n{LINE},2.5\n{LINE},2.5\n".encode(),
        OTHER,
    ],
    ids=[
        "semicolon",
        "tab",
        "bar",
        "declared",
        "mark",
        "UTF-16",
        "capitals",
        "gzip",
        "gzip of two parts",
        "gzip of UTF-16",
        "comma at the end",
        "equal columns",
        "other columns",
    ],
)
async def test_file_of_another_origin_is_answered_as_a_plain_one(
    client: httpx.AsyncClient, route: str, content: bytes
) -> None:
    plain = predictions(await ask(client, route, PLAIN))
    assert predictions(await ask(client, route, content)) == plain


async def test_compressed_json_and_csv_are_read(client: httpx.AsyncClient) -> None:
    compressed = {"Content-Encoding": "gzip"}
    plain = predictions(await ask(client, "/predict", PLAIN))
    assert predictions(await ask(client, "/predict", gzip.compress(PLAIN), **compressed)) == plain
    body = gzip.compress(json.dumps({"inputs": [ROW]}).encode())
    answer = await client.post("/predict", content=body, headers=compressed)
    assert len(predictions(answer)) == 1


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (gzip.compress(b" " * (LIMIT + 1)), 413, "body-too-large"),
        (gzip.compress(PLAIN)[:-9], 400, "invalid-gzip"),
        (b"\x1f\x8b nothing", 400, "invalid-gzip"),
        (gzip.compress(b"") * 1000, 400, "invalid-gzip"),
    ],
    ids=["too large", "cut", "no gzip", "parts"],
)
@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
async def test_wrong_gzip_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int, name: str, headers: dict[str, str]
) -> None:
    response = await ask(client, "/predict", body, **headers)
    assert (response.status_code, response.json()["type"]) == (status, f"urn:problem:{name}")
    assert status == 400 or "MAX_BODY_BYTES" in response.json()["detail"]


@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
async def test_ignored_columns_are_listed(client: httpx.AsyncClient, route: str) -> None:
    answer = (await ask(client, route, OTHER)).json()
    assert (answer["ignored_columns"], answer["ignored_columns_count"]) == (["id", "note"], 2)
    as_csv = await ask(client, route, OTHER, Accept="text/csv")
    assert as_csv.headers["Ignored-Columns"] == "id, note"
    assert "Ignored-Columns" not in (await ask(client, route, PLAIN, Accept="text/csv")).headers
    assert "ignored_columns" not in (await ask(client, route, PLAIN)).json()


@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
async def test_only_the_first_ignored_columns_are_listed(client: httpx.AsyncClient, route: str) -> None:
    names = [f"größe {number}" for number in range(25)]
    content = f"{HEADER},{','.join(names)}\n{LINE}{',1' * 25}\n".encode()
    answer = (await ask(client, route, content)).json()
    assert (answer["ignored_columns"], answer["ignored_columns_count"]) == (names[:20], 25)
    as_csv = await ask(client, route, content, Accept="text/csv")
    assert as_csv.headers["Ignored-Columns"].endswith("gr%C3%B6%C3%9Fe 19, and 5 more")


@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
async def test_strict_refuses_other_columns(client: httpx.AsyncClient, route: str) -> None:
    refused = await ask(client, f"{route}?strict=true", OTHER)
    assert refused.status_code == 422
    assert refused.json()["detail"] == ("At line 1: Unknown columns, which strict=true refuses: id, note.")
    assert len(predictions(await ask(client, f"{route}?strict=true", PLAIN))) == 2


@pytest.mark.parametrize("rows", [2, 900])
@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
async def test_kept_columns_come_back(client: httpx.AsyncClient, route: str, rows: int) -> None:
    lines = [f'{number},{LINE},"a ""{number}"", b"' for number in range(rows)]
    content = "\n".join([f"id,{HEADER},note", *lines]).encode()
    answer = (await ask(client, f"{route}?keep=note,id", content)).json()
    assert answer["kept"] == [{"note": f'a "{number}", b', "id": str(number)} for number in range(rows)]
    assert "ignored_columns" not in answer
    as_csv = await ask(client, f"{route}?keep=note&keep=id", content, Accept="text/csv")
    header, *cells = csv.reader(io.StringIO(as_csv.text, newline=""))
    assert header == ["note", "id", "prediction", "probability no", "probability yes"]
    assert [line[:2] for line in cells] == [[f'a "{number}", b', str(number)] for number in range(rows)]
    assert [line[2] for line in cells] == answer["predictions"]


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("strict=perhaps", 400, "strict= must be true or false."),
        ("keep=" + "a," * 20, 400, "keep= may name at most 20 columns."),
        ("&".join("abc=1" for _ in range(101)), 400, "The query may have at most 100 fields."),
        ("keep=age", 422, "At body: The column age, which keep= names, is missing."),
    ],
)
async def test_wrong_query_is_refused(
    client: httpx.AsyncClient, query: str, status: int, detail: str
) -> None:
    refused = await ask(client, f"/predict?{query}", OTHER)
    assert (refused.status_code, refused.json()["detail"]) == (status, detail)


async def test_nothing_is_kept_of_json(client: httpx.AsyncClient) -> None:
    refused = await client.post("/predict?keep=id", json=ROW)
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:problem:invalid-query")


async def test_long_cell_is_not_kept(client: httpx.AsyncClient) -> None:
    content = f"id,{HEADER}\n{'x' * 1001},{LINE}\n".encode()
    refused = await ask(client, "/predict?keep=id", content)
    assert refused.json()["detail"] == "At line 2: A cell that keep= names may have 1000 characters."


@pytest.mark.parametrize("charset", ["windows-1252", "cp1252", '"Windows-1252"'])
async def test_declared_encoding_is_read(client: httpx.AsyncClient, charset: str) -> None:
    content = f"größe,{HEADER}\nä,{LINE}\n".encode("cp1252")
    headers = {"Content-Type": f"text/csv; charset={charset}"}
    answer = await client.post("/predict?keep=größe", content=content, headers=headers)
    assert answer.json()["kept"] == [{"größe": "ä"}]
    upload = {"file": ("people.csv", content, f"text/csv; charset={charset}")}
    answer = await client.post("/predict/file?keep=größe", files=upload)
    assert answer.json()["kept"] == [{"größe": "ä"}]


async def test_unknown_encoding_of_a_file_is_415(client: httpx.AsyncClient) -> None:
    upload = {"file": ("people.csv", PLAIN, "text/csv; charset=koi8-r")}
    assert (await client.post("/predict/file", files=upload)).status_code == 415


@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 rest", "an Excel workbook or another zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"\x28\xb5\x2f\xfd rest", "compressed with Zstandard"),
        (gzip.compress(b"PK\x03\x04 rest", mtime=0), "an Excel workbook or another zip archive"),
    ],
)
async def test_binary_file_is_named(
    client: httpx.AsyncClient, route: str, content: bytes, words: str
) -> None:
    refused = await ask(client, route, content)
    assert (refused.status_code, refused.json()["detail"]) == (
        400,
        f"The body is not CSV. It is {words}, not text. Save the table as CSV in UTF-8, and send that.",
    )


@pytest.mark.parametrize(
    ("line", "delimiter", "cause"),
    [
        ('5,"2,5",B,true', ",", "Write the number with a decimal point and without a sign for thousands."),
        ("5;1.234,5;B;true", ";", "Write the number with a decimal point and without a sign for thousands."),
        ("5;1,234,5;B;true", ";", "A comma in a number is a decimal comma here, not a sign for thousands."),
        (
            "5\t1,234\tB\ttrue",
            "\t",
            "The comma may be a decimal one or stand for thousands; write a decimal point.",
        ),
        ("5,'2.5',B,true", ",", "The cell stands in single quotes; CSV quotes with double ones."),
    ],
)
async def test_error_of_a_number_says_the_likely_cause(
    client: httpx.AsyncClient, line: str, delimiter: str, cause: str
) -> None:
    content = f"{HEADER.replace(',', delimiter)}\n{line}\n".encode()
    refused = await ask(client, "/predict", content)
    (error,) = refused.json()["errors"]
    assert error["loc"] == ["line", 2, "rate"]
    assert error["msg"].endswith(f" {cause}")
    assert refused.json()["detail"].endswith(f" {cause}")


@pytest.mark.parametrize("route", ["/predict", "/predict/file"])
async def test_different_columns_of_one_name_are_refused(client: httpx.AsyncClient, route: str) -> None:
    content = f"{HEADER},Rate\n{LINE},2.5\n{LINE},2.6\n".encode()
    refused = await ask(client, route, content)
    assert refused.json()["detail"] == (
        "At line 3 rate: The columns 2 and 5 are both rate, and differ. Remove one."
    )
