"""Models that many tests share, each baked once a session."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from app.main import Service, create_app
from app.settings import Settings
from model_build.console import Progress
from model_build.spec import model_spec
from model_build.spec.model_spec import ModelSpec
from tests.support.bakes import bake
from tests.support.clients import client_of
from tests.support.service_process import ServiceProcess, Start
from tests.support.tiny import TINY, loans


@pytest.fixture(scope="session")
def quiet() -> Progress:
    return Progress(Console(quiet=True))


@pytest.fixture(scope="session")
def tiny_spec(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    path = tmp_path_factory.mktemp("specs") / "tiny.yaml"
    path.write_text(TINY)
    return model_spec.load(str(path))


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    (directory / "loans.csv").write_text(loans())
    return directory


@pytest.fixture(scope="session")
def tiny_model(
    tiny_spec: ModelSpec,
    tiny_data: Path,
    quiet: Progress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The directory of the baked model; copy it before changing it."""
    out = tmp_path_factory.mktemp("baked") / "model"
    bake(tiny_spec, "real", out, tiny_data, quiet)
    return out


@pytest.fixture(scope="session")
def census_model(quiet: Progress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The census model, baked from synthetic data: no file is needed."""
    out = tmp_path_factory.mktemp("census") / "model"
    bake(model_spec.load("census"), "synthetic", out, out.parent, quiet)
    return out


@pytest.fixture
def service(tiny_model: Path) -> Service:
    """The service of the tiny model, with low limits."""
    return create_app(Settings(model_dir=tiny_model, max_rows=5, max_body_bytes=2000))


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service in this process, which gets a response for an exception too."""
    async with (
        service.router.lifespan_context(service),
        client_of(service, raise_app_exceptions=False) as client,
    ):
        yield client


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start services with these settings, and kill them after the test."""
    services: list[ServiceProcess] = []

    def start(
        *, log: int | None = None, limits: Mapping[int, int] | None = None, **settings: str | Path
    ) -> ServiceProcess:
        file = tmp_path / f"{len(services)}.log"
        services.append(ServiceProcess(file if log is None else log, settings, limits))
        return services[-1]

    yield start
    for service in services:
        service.kill()
