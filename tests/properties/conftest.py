from pathlib import Path

import pytest

from tests.properties.census import Census


@pytest.fixture(scope="session")
def census(census_model: Path) -> Census:
    return Census(census_model)
