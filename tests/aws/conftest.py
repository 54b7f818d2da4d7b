"""The pretended account of a test, and once for all tests an image that push_to_ecr.sh built and pushed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.account import Account, empty, moto_server
from tests.aws.registry import (
    Checkout,
    Pushed,
    Registry,
    check_out,
    ecr_password,
    push,
    remove_images,
    stand_in_for_ecr,
)
from tests.container.docker import Container, inspect, run, running


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def account(moto_url: str, tmp_path: Path) -> Account:
    """An empty account."""
    return empty(moto_url, tmp_path / "home")


@pytest.fixture(scope="session")
def registry(moto_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    directory = tmp_path_factory.mktemp("registry")
    with stand_in_for_ecr(directory, ecr_password(Account(moto_url, directory)), "_") as registry:
        yield registry


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    checkout = check_out(tmp_path_factory.mktemp("checkout"))
    yield checkout
    remove_images(checkout)


@pytest.fixture(scope="session")
def pushed(
    moto_url: str, registry: Registry, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Pushed:
    """The image of the checkout, pushed without any option."""
    account = Account(moto_url, tmp_path_factory.mktemp("home"))
    return Pushed(account, checkout, push(account, checkout, ECR_REGISTRY=registry.host).stdout)


@pytest.fixture(scope="session")
def replica(pushed: Pushed) -> Iterator[Container]:
    """The image, pulled from the registry and running."""
    run("docker", "image", "rm", "--force", inspect("image", pushed.image)["Id"])
    pushed.account.run("docker", "pull", pushed.image)
    with running(pushed.image, "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL") as container:
        container.wait_ready()
        yield container
