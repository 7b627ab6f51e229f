"""Fixtures for tests in headless Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.lab import Lab

ROOT = Path(__file__).parents[2]

# A machine may be busy; what does come to pass is not waited for any longer than it takes.
expect.set_options(timeout=180_000)

LABS_OWN = "Canceled future for "
"""How JupyterLab's own rejections begin that nobody handles, when a kernel it asked has died."""

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless.

    One for each module: while Playwright is open, its event loop counts as running, and no other
    test could use ``asyncio.run``.
    """
    path = chromium.find()
    if not path:
        pytest.fail(chromium.MISSING)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Makes pages; an error that a page's own script raises fails the test."""
    pages: list[Page] = []
    errors: list[str] = []

    def note(error: Error) -> None:
        if not error.message.startswith(LABS_OWN):
            errors.append(f"{error.message}\n{error.stack}")

    def make(width: int = 1440, height: int = 900, **options: object) -> Page:
        size = {"width": width, "height": height}
        page = browser.new_page(viewport=size, **options)  # type: ignore[arg-type]
        page.on("pageerror", note)
        page.set_default_timeout(180_000)
        pages.append(page)
        return page

    yield make
    for page in pages:
        page.close()
    assert not errors, "\n".join(errors)


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """One page of a common size."""
    return new_page()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab whose kernels can import these tests."""
    folder = tmp_path_factory.mktemp("lab")
    env = {"PYTHONPATH": str(ROOT), "DURANB_HOME": str(folder / ".home")}
    with Lab(folder, env) as started:
        yield started


@pytest.fixture
def lab(server: Lab, request: pytest.FixtureRequest) -> Lab:
    """That JupyterLab, in a folder of the test's own and without any other kernel."""
    server.move_to(request.node.name)
    return server
