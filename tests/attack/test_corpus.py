"""Each hostile request gets the answers that it should, and nothing hidden in it is executed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attack import corpus
from tests.attack.corpus import Case
from tests.attack.messages import HIDDEN
from tests.attack.target import DOCUMENTED, Target, assert_proper
from tests.attack.wire import Client, Exchange
from tests.support.prometheus import requests
from tests.support.service_process import ServiceProcess

CASES = list(corpus.cases())
UNFINISHED = list(corpus.cases((corpus.unfinished,)))
LEAST_CASES = 300


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hostile_request_is_answered_as_it_should_be(target: Target, case: Case) -> None:
    before = target.executed()
    exchange = attack(target, case)
    after = target.executed()
    assert exchange.statuses == case.statuses
    assert_proper(exchange)
    rise = {name: count - before.get(name, 0) for name, count in after.items()}
    assert sum(rise.values()) <= len(exchange.answers)
    assert not [name for name, count in rise.items() if count and 'route="/card"' in name]


def test_requests_that_never_end_are_closed(target: Target) -> None:
    with ThreadPoolExecutor(len(UNFINISHED)) as pool:
        exchanges = list(pool.map(lambda case: attack(target, case, to_the_end=True), UNFINISHED))
    answers = {case.name: exchange.statuses for case, exchange in zip(UNFINISHED, exchanges, strict=True)}
    assert answers == {case.name: case.statuses for case in UNFINISHED}
    for exchange in exchanges:
        assert_proper(exchange)


def test_service_is_unharmed_after_all(target: Target) -> None:
    target.assert_unharmed()


def test_no_hostile_request_gets_past_the_keys(service_with_keys: ServiceProcess) -> None:
    target = Target(service_with_keys)
    for case in CASES:
        assert_proper(attack(target, Case(case.name, case.raw, case.statuses[:1])))
    public = ('route="/health"', 'route="/ready"', 'route="/metrics"')
    executed = {name for name, count in target.executed().items() if count}
    assert {name for name in executed if not any(route in name for route in public)} == {
        requests("/predict", 401),
        requests("/predict/file", 401),
        requests("other", 401),
    }
    target.assert_unharmed()
    target.close()


def test_hidden_request_would_be_noticed(target: Target) -> None:
    before = target.executed()
    attack(target, Case("open", HIDDEN, (200,)))
    rise = {name: count - before.get(name, 0) for name, count in target.executed().items()}
    assert [name for name, count in rise.items() if count] == [requests("/card", 200)]


def test_corpus_is_large_and_expects_documented_answers_only() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= LEAST_CASES
    assert len({case.raw for case in CASES}) == len(CASES)
    assert {status for case in [*CASES, *UNFINISHED] for status in case.statuses} <= DOCUMENTED


def attack(target: Target, case: Case, *, to_the_end: bool = False) -> Exchange:
    """Send the request, and read all answers; `to_the_end` until the service closes."""
    client = Client(target.port, head_only=case.raw.startswith(b"HEAD "))
    try:
        client.send([case.raw])
        if to_the_end:
            client.wait_for_close()
        else:
            client.wait_for_answers(len(case.statuses))
            target.wait_until_idle()  # one answer too many would be there now
            client.read_what_is_there()
        return client.exchange
    finally:
        client.close()
