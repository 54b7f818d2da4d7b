from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """The threads of a boosting wait for each other longer than they work when the cores are busy."""
    with threadpool_limits(1):
        yield
