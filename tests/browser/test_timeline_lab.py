"""The timeline's widget in JupyterLab, over a made-up history in a real kernel."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab, Notebook

SETUP = """
import time
from pathlib import Path
from duranb.record import events as e
from duranb.timelines import kernel
from duranb.timelines.widget import Timeline
from tests.browser import fakes, story

host = fakes.Host(story.agent(time.time_ns() // 1000 - 90_000_000), Path.cwd())
made = []

def timeline():
    made or made.append(Timeline(host))
    return made[0]

kernel.listen(get_ipython().kernel, timeline)
"""

BUSY = """
host.tell(e.ExecutionStarted(execution=50, step="busy", run="a1b2c3d4", branch="concise"))
while not Path("enough").exists():
    sum(range(1000))
host.tell(e.ExecutionEnded(execution=50, status="cancelled", attempts=1))
print("the cell is done", host.done)
"""


def show(lab: Lab, page: Page, *more: str) -> Notebook:
    """A notebook whose second cell shows the timeline."""
    lab.write("agent.ipynb", [SETUP, "timeline()", *more])
    notebook = lab.open(page, "agent.ipynb")
    notebook.run(0)
    notebook.run(1)
    page.wait_for_selector(".db-row")
    return notebook


def test_live_view_hides_the_plain_table(lab: Lab, page: Page) -> None:
    """The cell shows the timeline once: the table for when there is no kernel is hidden."""
    show(lab, page)
    expect(page.locator(".db-live")).to_contain_text("waiting, 19 executions")
    expect(page.locator(".duranb-static")).to_have_count(1)
    expect(page.locator(".duranb-static")).to_be_hidden()


def test_table_is_there_when_the_notebook_is_opened_again(lab: Lab, page: Page) -> None:
    """A saved notebook, opened with a kernel that knows nothing, shows the rows as a table."""
    show(lab, page)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    lab.open(page, "agent.ipynb")
    table = page.locator(".duranb-static")
    expect(table).to_be_visible()
    expect(table).to_contain_text("file_tickets")
    expect(table).to_contain_text("calls saved ($")
    expect(table.locator("mjx-container")).to_have_count(0)


def test_timeline_answers_while_a_cell_runs(lab: Lab, page: Page) -> None:
    """Rows come in, the inspector and plans answer while the main thread is busy; what changes
    the notebook is done when the cell is."""
    notebook = show(lab, page, BUSY)
    notebook.start(2)
    expect(page.locator("#db-row-50")).to_contain_text("running")
    page.click("#db-row-17")
    page.click('[data-tab="Code"]')
    expect(page.locator(".db-panel")).to_contain_text("words=150")
    page.click('[data-verb="rewind"]')
    expect(page.locator(".db-plan")).to_contain_text("'step': 'draft@17'")
    page.click(".db-popover .db-primary")
    expect(page.locator(".db-popover")).to_contain_text("waits for the running cell")
    (lab.folder / "enough").touch()
    expect(page.locator(".db-done")).to_have_text("rewind was done")
    expect(notebook.output(2)).to_contain_text("the cell is done []")


def test_cancelling_what_waits_for_a_cell_leaves_it_undone(lab: Lab, page: Page) -> None:
    """A verb that was confirmed while a cell runs can be cancelled until the cell is done."""
    notebook = show(lab, page, BUSY, "print(host.done)")
    notebook.start(2)
    expect(page.locator("#db-row-50")).to_contain_text("running")
    page.click("#db-row-17")
    page.click('[data-verb="rewind"]')
    page.click(".db-popover .db-primary")
    expect(page.locator(".db-popover")).to_contain_text("waits for the running cell")
    page.click(".db-popover button:has-text('Cancel')")
    expect(page.locator(".db-popover")).to_have_count(0)
    (lab.folder / "enough").touch()
    expect(notebook.output(2)).to_contain_text("the cell is done []")
    notebook.run(3)
    expect(notebook.output(3)).to_contain_text("[]")


def test_kernel_that_was_shut_down_is_noticed(lab: Lab, page: Page) -> None:
    """The view says that its kernel is gone, and offers nothing that needs one."""
    show(lab, page)
    page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")
    expect(page.locator(".db-live")).to_contain_text("kernel not connected")
    expect(page.locator(".db-action:enabled")).to_have_count(0)


def test_options_of_a_verb_change_its_plan(lab: Lab, page: Page) -> None:
    """Each option asks for the plan anew; a fork needs a name first; Escape leaves it undone."""
    notebook = show(lab, page, "print(host.done)")
    page.click("#db-row-10")
    page.click('[data-verb="replay"]')
    page.click("text=and what follows")
    page.check("text=make its calls anew, and pay for them")
    page.fill(".db-popover textarea", "words = 80 + 70")
    plan = page.locator(".db-plan")
    expect(plan).to_contain_text("'from_': 'draft@10'")
    expect(plan).to_contain_text("'live': True, 'with_': {'words': '80 + 70'}")
    page.keyboard.press("Escape")
    expect(page.locator(".db-popover")).to_have_count(0)
    page.click('[data-verb="fork"]')
    expect(page.locator(".db-popover .db-primary")).to_be_disabled()
    page.fill(".db-popover input", "shorter")
    page.click(".db-popover .db-primary")
    expect(page.locator(".db-done")).to_be_visible()
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("[('fork', {'name': 'shorter', 'at': 'draft@10'})]")


def test_question_is_answered_in_the_inspector(lab: Lab, page: Page) -> None:
    """A step that waits for an answer can be given one; JSON arrives as a value."""
    notebook = show(lab, page, "print(host.answered)")
    page.click("#db-row-19")
    page.fill(".db-waiting input", '{"ok": true}')
    page.click(".db-waiting form button:has-text('Answer')")
    expect(page.locator(".db-waiting .db-done")).to_contain_text("answered question")
    notebook.run(2)
    expect(notebook.output(2)).to_contain_text("{'ok': True}")


def test_timeline_attaches_again_after_a_restart(lab: Lab, page: Page) -> None:
    """After a restart the view on the page finds the new kernel's timeline by itself."""
    notebook = show(lab, page)
    notebook.restart()
    expect(page.locator(".db-live")).to_contain_text("kernel not connected")
    expect(page.locator(".db-action:enabled")).to_have_count(0)
    notebook.run(0)
    expect(page.locator(".db-live")).to_contain_text("waiting")
    page.click("#db-row-17")
    page.click('[data-verb="rewind"]')
    expect(page.locator(".db-plan")).to_contain_text("draft@17")


def test_keys_stay_in_the_timeline(lab: Lab, page: Page) -> None:
    """Typing in the timeline does not trigger the notebook's shortcuts."""
    show(lab, page)
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    page.locator(".db-scroll").focus()
    for key in ("d", "d", "a", "b", "x"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    expect(page.locator(".db-row").first).to_be_visible()
