"""A browser, and the pages of the census model."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from model_build.console import Progress
from model_build.spec import model_spec
from tests.support.bakes import bake
from tests.support.keys import PAIRS
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0
ARGUMENTS = [
    "--no-sandbox",  # a container's root needs it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OPTIONS = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}

Pages = dict[str, str]
Visit = Callable[..., "Visitor"]


class Visitor:
    """An open page, with its requests and its errors."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(url)

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as the system has it."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert chromium, "Chromium is not installed"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build")


@pytest.fixture(scope="session")
def census_model(quiet: Progress, build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The census model, baked from synthetic data; `build` has the report on the data."""
    out = tmp_path_factory.mktemp("census") / "model"
    bake(model_spec.load("census"), "synthetic", out, out.parent, quiet, build)
    return out


@pytest.fixture(scope="session")
def service(census_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of run.sh with the census model."""
    with run_service(census_model, tmp_path_factory.mktemp("service") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def protected_service(census_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same with API keys, and with /docs for everybody."""
    settings = {"API_KEYS": PAIRS, "PUBLIC": "/docs"}
    with run_service(census_model, tmp_path_factory.mktemp("service") / "log", **settings) as address:
        yield address


@contextmanager
def run_service(model: Path, log_file: Path, **settings: str) -> Iterator[str]:
    port = free_port()
    settings |= {"MODEL_DIR": str(model), "PORT": str(port), "PYTHON": sys.executable}
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [ROOT / "run.sh"], env={"PATH": os.environ["PATH"]} | settings, stdout=log, stderr=log
        )
    try:
        _wait(f"http://127.0.0.1:{port}/ready", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        assert process.poll() is None, "the service ended"
        time.sleep(0.1)
    pytest.fail(f"not ready in {DEADLINE} s")


@pytest.fixture(scope="session")
def pages(service: str, protected_service: str, build: Path) -> Pages:
    """The address of every page, by name."""
    served = {"root": f"{service}/", "card": f"{service}/card", "docs": f"{service}/docs"}
    return served | {"protected docs": f"{protected_service}/docs", "eda": (build / "eda.html").as_uri()}


@pytest.fixture
def visit(browser: Browser, pages: Pages) -> Iterator[Visit]:
    """Open a page by name; the options are those of a context of Playwright."""
    contexts = []

    def visit(name: str, **options: Any) -> Visitor:
        contexts.append(browser.new_context(**(OPTIONS | options)))
        return Visitor(contexts[-1].new_page(), pages[name])

    yield visit
    for context in contexts:
        context.close()
