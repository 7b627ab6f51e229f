"""Fixtures for tests in headless Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.lab import Lab, leave

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


class Pages:
    """Those of a module, and what was raised on them since a test began."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.errors: list[str] = []
        self._lab: Page | None = None

    def make(self, width: int = 1440, height: int = 900, **options: object) -> Page:
        """A new page."""
        size = {"width": width, "height": height}
        page = self._browser.new_page(viewport=size, **options)  # type: ignore[arg-type]
        page.on("pageerror", self._note)
        page.set_default_timeout(180_000)
        return page

    def lab(self) -> Page:
        """The one in which JupyterLab stays loaded."""
        self._lab = self._lab or self.make()
        return self._lab

    def close_lab(self) -> None:
        """After a test that failed: nobody knows what is on the page."""
        if self._lab is not None:
            self._lab.close()
        self._lab = None

    def _note(self, error: Error) -> None:
        if not error.message.removeprefix("Error: ").startswith(LABS_OWN):
            self.errors.append(f"{error.message}\n{error.stack}")


@pytest.fixture(scope="module")
def pages(browser: Browser) -> Pages:
    """The pages of a module; they are closed with the browser."""
    return Pages(browser)


@pytest.fixture
def new_page(pages: Pages) -> Iterator[NewPage]:
    """Makes pages; an error that a page's own script raises fails the test."""
    made: list[Page] = []
    pages.errors.clear()

    def make(*size: int, **options: object) -> Page:
        made.append(pages.make(*size, **options))
        return made[-1]

    yield make
    for page in made:
        page.close()
    assert not pages.errors, "\n".join(pages.errors)


@pytest.fixture
def page(request: pytest.FixtureRequest, pages: Pages, new_page: NewPage) -> Iterator[Page]:
    """One page of a common size. JupyterLab takes long to load: its page stays for other tests of
    the module, without any notebook."""
    if "lab" not in request.fixturenames:
        yield new_page()
        return
    failed = request.session.testsfailed
    shown = pages.lab()
    yield shown
    if request.session.testsfailed > failed:
        pages.close_lab()
    else:
        leave(shown)


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
