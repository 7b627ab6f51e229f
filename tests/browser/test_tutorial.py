"""The tutorial notebook in JupyterLab, cell by cell, as a reader goes through it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from duranb.demo.process import StandIn, start_standin
from duranb.demo.stage import NOTEBOOK, tutorial
from duranb.store import store_path
from duranb.store.lock import holder
from tests.browser.conftest import NewPage
from tests.browser.lab import Lab, Notebook

# The stand-in outlives whoever starts it, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

STEPS = ["collect", "analyse", "reconcile", "duties", "draft", "approve", "file_tickets", "publish"]


@pytest.fixture
def standin(lab: Lab) -> Iterator[StandIn]:
    """The stand-in for a model, at a quicker pace."""
    started = start_standin(lab.folder, pace=0.3)
    yield started
    started.stop()


@pytest.fixture
def reader(lab: Lab, new_page: NewPage, standin: StandIn) -> Notebook:
    """The tutorial, open in a JupyterLab window."""
    shutil.copyfile(tutorial(), lab.folder / NOTEBOOK)
    scale = 2 if os.environ.get("DURANB_SCREENSHOT") else 1  # four times as much to draw
    page = new_page(1360, 900, device_scale_factor=scale)
    page.set_default_timeout(120_000)
    return lab.open(page, NOTEBOOK)


def code_cells(notebook: Notebook) -> list[int]:
    found = notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets"
        ".flatMap((w, i) => w.model.type === 'code' ? [i] : [])"
    )
    return [int(i) for i in found]


def paid(standin: StandIn) -> int:
    """How many answers a provider would have billed."""
    return sum(request.answered for request in standin.requests())


def run_through(notebook: Notebook) -> None:
    """Run every cell, one after the other, and say yes when asked."""
    for index in code_cells(notebook):
        if index == notebook.index("approve"):
            notebook.start(index)
            notebook.page.click(".db-form button:has-text('Yes')")
            notebook.wait_ready()
        else:
            notebook.run(index)


def test_tutorial_survives_a_kill_and_a_restart(
    reader: Notebook, lab: Lab, standin: StandIn
) -> None:
    """The kernel is killed in the middle of a step; the reader runs on, restarts through the menu,
    runs all again: every step is restored, no call is paid for again, the timeline is attached
    again and its buttons work."""
    page = reader.page
    store = store_path(lab.folder / NOTEBOOK)
    for cell in ("load", "model", "ask", "limits", "collect"):
        reader.run(reader.index(cell))
    reader.start(reader.index("analyse"))
    _wait_for(page, lambda: paid(standin) >= 12)
    kernel = holder(store)
    assert kernel
    os.kill(kernel, 9)
    page.click(".jp-Dialog button:has-text('Ok')")
    reader.wait_ready()

    run_through(reader)
    page.wait_for_selector(".db-row")
    rows = page.locator(".db-list")
    expect(rows.locator(".db-row", has_text="killed")).to_have_count(1)
    expect(rows.locator(".db-row", has_text="resumed").first).to_contain_text("analyse")
    before = paid(standin)

    reader.restart()
    reader.run_all()
    expect(page.locator(".db-live")).to_contain_text("live")
    restored = page.locator(".db-row", has=page.locator(".db-badge", has_text="restored"))
    for step in STEPS:
        expect(restored.filter(has_text=step).first).to_be_attached()
    assert paid(standin) == before

    page.locator(".db-row", has_text="file_tickets").last.click()
    page.click('[data-verb="compensate"]')
    expect(page.locator(".db-plan")).to_contain_text("undoes")
    page.click(".db-popover .db-primary")
    expect(page.locator(".db-done")).to_contain_text("compensated file_tickets")
    page.keyboard.press("Escape")
    expect(page.locator(".db-popover")).to_have_count(0)
    _picture(page)
    page.locator(".db-row", has_text="duties").last.click()
    page.click('[data-verb="rewind"]')
    page.click(".db-popover .db-primary")
    expect(page.locator(".db-done")).to_contain_text("rewound")
    expect(page.locator(".db-at-head")).to_contain_text("duties")


def _picture(page: Page) -> None:
    """Keep a picture for the README where DURANB_SCREENSHOT names a file."""
    where = os.environ.get("DURANB_SCREENSHOT")
    if not where:
        return
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.locator(".db-scroll").evaluate("box => { box.scrollTop = 0 }")
    page.locator(".db-row", has_text="resumed").first.click()
    page.click('[data-tab="Calls"]')
    expect(page.locator(".db-callhead").first).to_be_visible()
    page.locator(".jp-NotebookPanel .db-root").evaluate("e => e.scrollIntoView({block: 'end'})")
    page.screenshot(path=where)


def _wait_for(page: Page, condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        page.wait_for_timeout(100)
    raise TimeoutError("it did not come to pass within a minute")
