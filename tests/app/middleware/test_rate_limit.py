import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from app.core.errors import Problem
from app.main import create_app
from app.middleware import rate_limit
from app.middleware.auth import KEY_NAME
from app.middleware.rate_limit import RateLimit, bucket_of_client
from app.settings import Settings
from tests.support.asgi import http_scope, run_asgi
from tests.support.clients import client_of
from tests.support.headers import own
from tests.support.keys import KEY, KEY_OF_BOB, NEXT_KEY, PAIRS
from tests.support.problems import assert_problem, problem
from tests.support.prometheus import counts, requests
from tests.support.tiny import ROW

ADDRESS = "203.0.113.7"
POLICY = '"default";q=4;w=1'


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.seconds = 5_000_000.1

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limit, "monotonic", clock)
    return clock


async def answer(limit: RateLimit, host: str | None = ADDRESS, key: str | None = None) -> dict[str, str]:
    """Return the headers of the answer; raise the Problem in place of one."""
    scope: dict[str, Any] = http_scope("/predict") | {"client": host and (host, 50_000)}
    start = (await run_asgi(limit, scope | ({KEY_NAME: key} if key else {}), []))[0]
    return {name.decode(): value.decode() for name, value in start["headers"]}


async def count_answers(
    limit: RateLimit, tries: int, host: str | None = ADDRESS, key: str | None = None
) -> int:
    """Return how many of so many requests are answered."""
    answered = 0
    for _ in range(tries):
        with suppress(Problem):
            await answer(limit, host, key)
            answered += 1
    return answered


def limited(limit: str, *key_names: str) -> RateLimit:
    return RateLimit(PlainTextResponse("ok"), limit, key_names)


@pytest.mark.parametrize(("limit", "requests"), [("1/s", 1), ("7/s", 7), ("100/m", 100), ("1000/h", 1000)])
async def test_the_requests_of_a_period_may_come_at_once_and_no_more(
    clock: Clock, limit: str, requests: int
) -> None:
    limiter = limited(limit)
    assert await count_answers(limiter, requests + 20) == requests
    clock.seconds += 10 * 3600
    assert await count_answers(limiter, requests + 20) == requests


@pytest.mark.parametrize(("limit", "interval"), [("4/s", 0.25), ("60/m", 1), ("1/h", 3600)])
async def test_after_that_they_may_come_at_the_rate_of_the_limit(
    clock: Clock, limit: str, interval: float
) -> None:
    limiter = limited(limit)
    await count_answers(limiter, 100)
    for _ in range(20):
        clock.seconds += interval * 0.98
        assert await count_answers(limiter, 1) == 0
        clock.seconds += interval * 0.02
        assert await count_answers(limiter, 3) == 1


async def test_a_refused_request_costs_no_token(clock: Clock) -> None:
    limiter = limited("1/m")
    await count_answers(limiter, 1000)
    clock.seconds += 60
    assert await count_answers(limiter, 10) == 1


async def test_clients_do_not_share_a_bucket(clock: Clock) -> None:
    assert clock
    limiter = limited("2/s", "alice", "bob")
    clients: list[tuple[str | None, str | None]] = [(ADDRESS, None), ("203.0.113.8", None), (None, None)]
    clients += [(ADDRESS, "alice"), (ADDRESS, "bob")]
    assert [await count_answers(limiter, 5, *client) for client in clients] == [2, 2, 2, 2, 2]


async def test_a_key_has_one_bucket_at_every_address(clock: Clock) -> None:
    assert clock
    limiter = limited("2/s", "alice")
    assert await count_answers(limiter, 2, ADDRESS, "alice") == 2
    assert await count_answers(limiter, 2, "203.0.113.8", "alice") == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:DB8:0:0:1::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:203.0.113.7", ADDRESS, True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("not an address", "another", True),
        ("not an address", "1" * 60_000, True),
        ("not an address", "", True),
        ("not an address", "203.0.113.007", True),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits(
    one: str, other: str, is_same: bool
) -> None:
    assert (bucket_of_client((one, 1)) == bucket_of_client((other, 2))) is is_same


async def test_more_addresses_need_no_more_memory(clock: Clock) -> None:
    assert clock
    limiter = limited("1/h")
    answered = [await count_answers(limiter, 1, f"10.1.{n >> 8}.{n & 255}") for n in range(2000)]
    assert 1900 < sum(answered) <= 2000
    assert limiter._full_at.nbytes == 2**20


async def test_workers_share_the_buckets(clock: Clock) -> None:
    assert clock
    limiter = limited("3/s", "alice")
    pid = os.fork()
    if pid == 0:
        answered = await count_answers(limiter, 2) + await count_answers(limiter, 2, key="alice")
        os._exit(answered)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
    assert await count_answers(limiter, 3) == 1
    assert await count_answers(limiter, 3, key="alice") == 1


async def test_a_client_with_less_than_half_of_its_tokens_learns_how_many(clock: Clock) -> None:
    limiter = limited("4/s")
    answers = [(await answer(limiter)).get("ratelimit") for _ in range(4)]
    assert answers == [None, None, '"default";r=1;t=1', '"default";r=0;t=1']
    clock.seconds += 0.25
    assert await answer(limiter) == {
        "content-length": "2",
        "content-type": "text/plain; charset=utf-8",
        "ratelimit": '"default";r=0;t=1',
        "ratelimit-policy": POLICY,
    }


@pytest.mark.parametrize(
    ("limit", "elapsed", "wait", "detail"),
    [
        ("4/s", 0, 1, "The limit is 4 requests per second. Send again in 1 second."),
        ("6/m", 0, 10, "The limit is 6 requests per minute. Send again in 10 seconds."),
        ("6/m", 3.5, 7, "The limit is 6 requests per minute. Send again in 7 seconds."),
        ("1/h", 0, 3600, "The limit is 1 request per hour. Send again in 3600 seconds."),
    ],
)
async def test_a_refusal_says_how_long_to_wait_and_the_next_request_is_answered(
    clock: Clock, limit: str, elapsed: float, wait: int, detail: str
) -> None:
    limiter = limited(limit)
    await count_answers(limiter, 100)
    clock.seconds += elapsed
    with pytest.raises(Problem) as refused:
        await answer(limiter)
    assert refused.value.document() == problem(429, "too-many-requests", detail)
    assert refused.value.headers == {
        "Retry-After": str(wait),
        "RateLimit": f'"default";r=0;t={wait}',
        "RateLimit-Policy": limiter._policy,
    }
    clock.seconds += wait
    assert await count_answers(limiter, 1) == 1


async def test_a_key_over_the_limit_is_logged_once_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = limited("1/h", "alice", "bob")
    for key in ("alice", "bob", None):
        await count_answers(limiter, 50, key=key)
    clock.seconds += 61
    await count_answers(limiter, 50, key="alice")
    assert {record.getMessage() for record in caplog.records} == {"the rate limit refuses requests"}
    assert [vars(record)["key"] for record in caplog.records] == ["alice", "bob", "alice"]


async def test_the_service_answers_429_and_never_to_health_checks(tiny_model: Path, clock: Clock) -> None:
    assert clock
    service = create_app(Settings(model_dir=tiny_model, rate_limit="4/s"))
    async with client_of(service) as client:
        first = await client.get("/card")
        statuses = [(await client.post("/predict", json=ROW)).status_code for _ in range(3)]
        refused = await client.get("/card")
        checks = [(await client.get("/health")).status_code for _ in range(20)]
    assert "ratelimit" not in own(first)
    assert (statuses, checks) == ([200] * 3, [200] * 20)
    detail = "The limit is 4 requests per second. Send again in 1 second."
    limits = {"retry-after": "1", "ratelimit": '"default";r=0;t=1', "ratelimit-policy": POLICY}
    assert_problem(refused, problem(429, "too-many-requests", detail), limits)
    assert counts(service.metrics)[requests("/card", 429)] == 1


async def test_all_keys_of_one_name_share_a_bucket_and_a_public_path_has_that_of_the_address(
    tiny_model: Path, clock: Clock
) -> None:
    assert clock
    settings = Settings(model_dir=tiny_model, rate_limit="2/m", api_keys=PAIRS, public="/metrics")
    async with client_of(create_app(settings)) as client:

        async def status(path: str, key: str | None) -> int:
            headers = {"X-API-Key": key} if key else {}
            response: httpx.Response = await client.get(path, headers=headers)
            return response.status_code

        of_alice = [await status("/card", key) for key in (KEY, NEXT_KEY, KEY, NEXT_KEY)]
        of_bob = [await status("/card", KEY_OF_BOB) for _ in range(3)]
        of_nobody = [await status("/card", None) for _ in range(5)]
        of_address = [await status("/metrics", key) for key in (None, KEY, None)]
    assert of_alice == [200, 200, 429, 429]
    assert of_bob == [200, 200, 429]
    assert of_nobody == [401] * 5
    assert of_address == [200, 200, 429]
