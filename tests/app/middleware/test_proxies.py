from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.main import create_app
from app.middleware.proxies import Proxies
from app.settings import Settings
from tests.support.asgi import http_scope, run_asgi
from tests.support.clients import client_of
from tests.support.tiny import ROW

PROXY, INNER_PROXY, CLIENT = "10.0.1.2", "10.0.7.7", "203.0.113.7"
NETWORKS = [ip_network("10.0.0.0/16"), ip_network("2001:db8:1::/48")]


async def client_and_scheme(peer: str | None, *headers: tuple[str, str]) -> tuple[str | None, str]:
    """Return what the application is told of a request that came from `peer`."""
    scopes: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scopes.append(scope)

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope: dict[str, Any] = http_scope("/", "GET", raw) | {"client": peer and (peer, 1234)}
    await run_asgi(cast(ASGIApp, Proxies(app, NETWORKS)), scope, [])
    client = scopes[0]["client"]
    return client and client[0], scopes[0]["scheme"]


def forwarded_for(value: str) -> tuple[str, str]:
    return "X-Forwarded-For", value


@pytest.mark.parametrize("peer", [CLIENT, "127.0.0.1", "10.1.0.1", "::1", None])
async def test_a_client_that_is_no_trusted_proxy_is_not_believed(peer: str | None) -> None:
    headers = [forwarded_for("198.51.100.1"), ("X-Forwarded-Proto", "https")]
    assert await client_and_scheme(peer, *headers) == (peer, "http")


@pytest.mark.parametrize("proxy", [PROXY, "::ffff:10.0.1.2", "2001:db8:1::5"])
async def test_a_trusted_proxy_says_who_the_client_is_and_whether_it_uses_tls(proxy: str) -> None:
    headers = [forwarded_for(CLIENT), ("X-Forwarded-Proto", "https")]
    assert await client_and_scheme(proxy, *headers) == (CLIENT, "https")


@pytest.mark.parametrize(
    ("headers", "client"),
    [
        ([CLIENT], CLIENT),
        ([f"198.51.100.1, {CLIENT}"], CLIENT),
        ([f"198.51.100.1, {CLIENT}, {INNER_PROXY}"], CLIENT),
        ([f"{INNER_PROXY}, {CLIENT}"], CLIENT),
        ([f"{INNER_PROXY},{PROXY}"], INNER_PROXY),
        (["198.51.100.1", CLIENT], CLIENT),
        ([f"{CLIENT}:50000"], CLIENT),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]:50000"], "2001:db8::7"),
        ([f"198.51.100.1 ,\t{CLIENT} , ::ffff:10.0.7.7"], CLIENT),
    ],
)
async def test_the_client_is_the_last_address_that_is_no_trusted_proxy(
    headers: list[str], client: str
) -> None:
    assert await client_and_scheme(PROXY, *map(forwarded_for, headers)) == (client, "http")


@pytest.mark.parametrize("value", ["", ",", " , ,", f"{CLIENT},", "\t"])
async def test_an_empty_entry_leaves_the_proxy_as_the_client(value: str) -> None:
    assert (await client_and_scheme(PROXY, forwarded_for(value)))[0] == PROXY


@pytest.mark.parametrize("value", ["HTTPS, http", "", "ftp", "\xe9", "https\x00", "a" * 60_000])
async def test_another_scheme_is_ignored(value: str) -> None:
    assert await client_and_scheme(PROXY, ("X-Forwarded-Proto", value)) == (PROXY, "http")


@pytest.mark.parametrize(
    "value",
    [
        "unknown",
        "[::1",
        "1:2:3",
        "\xb9:\xb2",
        "%",
        "[]:9",
        f"1:{'9' * 5000}",
        "::ffff:999.1.1.1",
        "a" * 60_000,
    ],
)
async def test_a_malformed_value_neither_fails_nor_makes_a_5xx(tiny_model: Path, value: str) -> None:
    service = create_app(Settings(model_dir=tiny_model, trusted_proxies="127.0.0.1", rate_limit="2/h"))
    headers = [("X-Forwarded-For", value), ("X-Forwarded-Proto", value)]
    async with client_of(service) as client:
        raw = [(name.encode(), text.encode("latin-1")) for name, text in headers]
        statuses = [(await client.post("/predict", json=ROW, headers=raw)).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_behind_a_proxy_every_client_has_a_rate_limit_of_its_own_and_hsts(tiny_model: Path) -> None:
    service = create_app(Settings(model_dir=tiny_model, trusted_proxies="127.0.0.0/8", rate_limit="1/h"))
    async with client_of(service) as client:
        answers = [
            await client.get("/card", headers={"X-Forwarded-For": address, "X-Forwarded-Proto": "https"})
            for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1", "spoofed, 203.0.113.1")
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert {answer.headers["strict-transport-security"] for answer in answers} == {"max-age=31536000"}
