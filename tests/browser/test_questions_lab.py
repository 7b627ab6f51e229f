"""Questions in JupyterLab: answered where they are asked, in the timeline, and from a shell."""

from __future__ import annotations

import os
import sys

from playwright.sync_api import Page, expect

from duranb.store import store_path
from tests.browser.lab import Lab, Notebook
from tests.servers import forks

SETUP = """
%load_ext duranb
import asyncio, duranb
from typing import Literal
from pydantic import BaseModel, Field
class Trip(BaseModel):
    to: str
    seats: int = Field(ge=1, le=9)
    cabin: Literal['economy', 'business'] = 'economy'
"""

TRIP = (
    "%%durable trip\ntrip = duranb.ask('Where to?', Trip)\nprint(trip.to, trip.seats, trip.cabin)"
)
SEND = (
    "%%durable send\n"
    "said = duranb.ask('Send it?', approve={'to': 'ann', 'text': 'Hi'})\n"
    "print(said.verdict, said.payload['text'], said.why)"
)
BOTH = (
    "%%durable both\n"
    "a, b = await asyncio.gather(\n"
    "    duranb.ask('How many?', int), duranb.ask('Which?', choices=['red', 'blue'])\n"
    ")\n"
    "print(a, b)"
)


def notebook(lab: Lab, page: Page, *cells: str) -> Notebook:
    lab.write("people.ipynb", [SETUP, *cells])
    opened = lab.open(page, "people.ipynb")
    opened.run(0)
    return opened


def test_a_form_is_filled_in_where_it_is_asked(lab: Lab, page: Page) -> None:
    """While the cell waits: what does not fit is said, what fits goes on, and a line is left."""
    opened = notebook(lab, page, TRIP, SEND)
    opened.start(1)
    page.fill("textarea[aria-label='To']", "Oslo")
    page.fill("input[aria-label='Seats']", "12")
    page.click(".db-pick button:has-text('business')")
    page.click(".db-form button:has-text('Answer')")
    expect(page.locator(".db-problem")).to_contain_text("a whole number (at least 1, at most 9)")
    page.fill("input[aria-label='Seats']", "2")
    page.click(".db-form button:has-text('Answer')")
    expect(opened.output(1)).to_contain_text("Oslo 2 business")
    expect(opened.output(1).locator(".duranb-line")).to_contain_text("✓ Where to?")
    expect(page.locator(".db-form")).to_have_count(0)

    opened.start(2)
    expect(page.locator(".db-payload")).to_contain_text("Hi")
    page.click(".db-form button:has-text('Edit')")
    page.fill("textarea[aria-label='text']", "Hello")
    page.click(".db-form >> text=say why")
    page.fill(".db-whybox", "politer")
    page.click(".db-form button:has-text('Approve as edited')")
    expect(opened.output(2)).to_contain_text("edited Hello politer")


def test_several_wait_at_once_in_the_timeline_and_for_a_shell(lab: Lab, page: Page) -> None:
    """Both are shown; the step counts as waiting; each way of answering lets it go on."""
    opened = notebook(lab, page, "%duranb timeline", BOTH)
    opened.run(1)
    opened.start(2)
    expect(page.locator(".db-inline .db-form")).to_have_count(2)
    row = page.locator(".db-list .db-row", has_text="both")
    expect(row.locator(".db-badge")).to_have_text("waiting")
    expect(page.locator(".db-live")).to_contain_text("waiting")
    row.click()
    page.click(".db-inspector .db-form button:has-text('blue')")
    expect(page.locator(".db-inline .db-form")).to_have_count(1)
    command = [sys.executable, "-m", "duranb", "answer", str(lab.folder / "people.ipynb")]
    env = {**os.environ, "DURANB_HOME": str(lab.folder.parent / ".home")}
    wrong = forks.run([*command, "1", "many"], env=env, capture_output=True, text=True)
    assert wrong.returncode == 2 and "a whole number" in wrong.stderr
    forks.run([*command, "1", "7"], env=env, capture_output=True, text=True, check=True)
    expect(opened.output(2)).to_contain_text("7 blue")
    assert not list((store_path(lab.folder / "people.ipynb") / "answers").iterdir())
