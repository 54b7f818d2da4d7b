from pathlib import Path

import pytest

from app.core.contract import Contract
from app.core.model import Model


@pytest.fixture(scope="session")
def model(tiny_model: Path) -> Model:
    return Model.load(tiny_model)


@pytest.fixture(scope="session")
def contract(model: Model) -> Contract:
    return model.contract
