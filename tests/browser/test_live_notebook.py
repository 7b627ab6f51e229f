"""A durable notebook in JupyterLab, with its timeline: the whole of duranb, as a person uses it."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, Notebook

LOAD = "%load_ext duranb"
SETUP = """
import duranb
from pathlib import Path

def unsend(receipt, who):
    letters = Path("post.txt").read_text().split()
    letters.remove(who)
    Path("post.txt").write_text("\\n".join(letters))

@duranb.tool(compensate=unsend)
def send(who: str) -> str:
    "Send a letter."
    with open("post.txt", "a") as post:
        post.write(who + "\\n")
    return f"sent to {who}"
"""
COLLECT = "%%durable collect\nnames = ['ann', 'bob']\nprint('two names')"
LETTERS = "%%durable letters\nreceipts = [send(name) for name in names]"
COUNT = "%%durable count\ntotal = len(receipts)\ntotal"
SHOW = "%duranb timeline"
CELLS = [
    LOAD,
    SETUP,
    COLLECT,
    LETTERS,
    COUNT,
    SHOW,
    "print(open('post.txt').read().split(), 'total' in globals())",
]


def opened(lab: Lab, page: Page) -> Notebook:
    """The notebook, run once from top to bottom."""
    lab.write("letters.ipynb", CELLS)
    notebook = lab.open(page, "letters.ipynb")
    for index in range(len(CELLS)):
        notebook.run(index)
    page.wait_for_selector(".db-row")
    return notebook


def select(page: Page, text: str) -> None:
    page.locator(".db-row", has_text=re.compile(text)).last.click()


def use(page: Page, verb: str) -> str:
    """Use a verb on the selected row and confirm; what it said it did."""
    page.click(f'[data-verb="{verb}"]')
    page.click(".db-popover .db-primary")
    done = page.locator(".db-done")
    expect(done).to_be_visible()
    said = done.inner_text()
    page.keyboard.press("Escape")
    return said


def test_rewind_in_the_timeline_moves_the_kernel(lab: Lab, page: Page) -> None:
    """Rewinding a row brings the variables back as they were, and the row becomes the head."""
    notebook = opened(lab, page)
    expect(notebook.output(6)).to_contain_text("['ann', 'bob'] True")
    select(page, "letters")
    assert "rewound" in use(page, "rewind")
    expect(page.locator(".db-at-head")).to_contain_text("letters")
    notebook.run(6)
    expect(notebook.output(6)).to_contain_text("False")


def test_compensate_in_the_timeline_undoes_effects(lab: Lab, page: Page) -> None:
    """Compensating a row undoes what the step did; the row says so."""
    notebook = opened(lab, page)
    select(page, "letters")
    assert "compensated letters" in use(page, "compensate")
    expect(page.locator(".db-row .db-badge", has_text="undo")).to_have_count(1)
    notebook.run(6)
    expect(notebook.output(6)).to_contain_text("[] True")


def test_replay_in_the_timeline_runs_the_step(lab: Lab, page: Page) -> None:
    """Replaying a row adds one that is replayed, and does no effect a second time."""
    notebook = opened(lab, page)
    select(page, "letters")
    assert "replayed letters" in use(page, "replay")
    expect(page.locator(".db-row", has_text="replayed")).to_have_count(1)
    notebook.run(6)
    expect(notebook.output(6)).to_contain_text("['ann', 'bob']")


def test_restart_restores_all_and_the_timeline_comes_back(lab: Lab, page: Page) -> None:
    """After a restart through the menu, running all cells restores every step, and the timeline
    that is on the page is attached again with working buttons."""
    notebook = opened(lab, page)
    notebook.restart()
    notebook.run_all()
    expect(notebook.output(4)).to_contain_text("restored")
    expect(page.locator(".db-row .db-badge", has_text="restored")).to_have_count(3)
    expect(page.locator(".db-tiles")).to_contain_text("1 nothing lost")
    select(page, "collect")
    assert "rewound" in use(page, "rewind")


def test_timeline_fits_into_the_output(lab: Lab, page: Page) -> None:
    """The timeline is as wide as the cell's output, with no scroll bar across it."""
    opened(lab, page)
    root = page.locator(".db-root")
    assert root.evaluate("e => e.scrollWidth - e.clientWidth") == 0
    assert root.evaluate("e => e.getBoundingClientRect().height") > 300
