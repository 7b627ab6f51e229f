"""Each example notebook in JupyterLab, as a new user goes through it: all cells, a restart, and all
cells again.

``DURANB_SCREENSHOTS=FOLDER`` keeps a picture of each after both.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.lab import Lab, Notebook

BOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = (
    *("a_batch", "approval", "langgraph_agent", "remembering_agent", "thousand_documents"),
    "travel_saga",
)
FEW = "HOW_MANY = 60"

SAMPLE = ("approval",)
"""The one with forms. The others run headless in tests/unit/test_demo_notebook.py, and here with
``pytest -m soak tests/browser``."""

OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .filter(cell => !(cell.model.getMetadata('tags') ?? []).includes('raises-exception'))
  .map(cell => cell.model.sharedModel.outputs.map(output =>
    output.output_type === 'error' ? `error: ${output.ename}: ${output.evalue}`
    : output.name === 'stderr' ? `stderr: ${[output.text].flat().join('')}` : ''))"""

DONE = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter(cell => cell.model.type === 'code')
  .every(cell => cell.model.executionCount !== null)"""
"""Running all cells is over for JupyterLab's command as soon as one of them has failed. Cells that
are out of sight have no prompt on the page."""

# The stand-in outlives whoever starts it, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


def keep(page: Page, name: str) -> None:
    """Keep a picture, if somebody wants one."""
    if where := os.environ.get("DURANB_SCREENSHOTS"):
        page.wait_for_timeout(1000)
        page.screenshot(path=Path(where) / f"{name}.png")


def complaints(notebook: Notebook) -> list[str]:
    """What the outputs say that nobody should see."""
    found: list[list[str]] = notebook.page.evaluate(OUTPUTS)
    return [said for outputs in found for said in outputs if said]


def answer(page: Page) -> None:
    """Answer the questions of the approval notebook in their forms."""
    page.fill("textarea[aria-label='Component']", "parser")
    page.fill("textarea[aria-label='Version']", "2.1")
    page.click(".db-form button:has-text('customers')")
    page.click(".db-form button:has-text('Answer') >> nth=0")
    page.click(".db-form button:has-text('search')")
    page.click(".db-form button:has-text('Approve')")


@pytest.mark.parametrize(
    "name",
    [n if n in SAMPLE else pytest.param(n, marks=pytest.mark.soak) for n in NAMES],
)
def test_a_notebook_runs_as_it_is_and_again_after_a_restart(
    lab: Lab, new_page: NewPage, name: str
) -> None:
    """Nothing fails and nothing complains, and all is restored by a new kernel."""
    document = nbformat.read(BOOKS / f"{name}.ipynb", as_version=4)
    for cell in document.cells:
        cell.source = cell.source.replace("HOW_MANY = 1000", FEW).replace("HOW_MANY = 200", FEW)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(document, lab.folder / f"{name}.ipynb")
    page = new_page(1360, 5200)
    page.set_default_timeout(120_000)
    notebook = lab.open(page, f"{name}.ipynb")
    page.evaluate(
        "() => { window.ran = window.jupyterapp.commands.execute('notebook:run-all-cells') }"
    )
    if name == "approval":
        answer(page)
    page.evaluate("() => window.ran")
    page.wait_for_function(DONE)
    keep(page, f"{name}-1")
    assert complaints(notebook) == []
    notebook.restart()
    notebook.run_all()
    page.wait_for_function(DONE)
    keep(page, f"{name}-2")
    assert complaints(notebook) == []
    expect(page.locator(".jp-OutputArea-output", has_text="restored").first).to_be_attached()
