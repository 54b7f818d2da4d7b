from collections.abc import AsyncIterator

import pytest

from app.core.contract import Contract
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, running


@pytest.fixture
def metrics(contract: Contract) -> Metrics:
    return Metrics(contract)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def server(echo: Echo, metrics: Metrics) -> AsyncIterator[Server]:
    async with running(echo, metrics) as server:
        yield server
