from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from app.core.contract import Contract
from app.monitoring.metrics import Metrics
from tests.support.echo import Echo, Server, running


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], uvloop.Loop]]:
    """Test with the loop of the service, whose transports differ from asyncio's."""
    return {"uvloop": uvloop.new_event_loop}


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
