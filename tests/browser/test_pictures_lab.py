"""Widgets that a restored step shows, in JupyterLab."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.lab import Lab

CELLS = [
    "%load_ext duranb",
    "%%durable shown\nimport ipywidgets as w\nfrom IPython.display import display\n"
    "bar, out = w.IntSlider(value=3, description='how many'), w.Output()\n"
    "display(w.VBox([bar, out]))\nwith out:\n    print('inside the output')\nbar.value = 8",
    "%%durable later\nwith out:\n    print('and from below')",
]


def test_widgets_of_a_restored_step_are_on_the_page(lab: Lab, page: Page) -> None:
    """After a restart a restored step shows its widgets as they were, what was printed into one
    of them included."""
    lab.write("widgets.ipynb", CELLS)
    notebook = lab.open(page, "widgets.ipynb")
    for index in range(len(CELLS)):
        notebook.run(index)
    shown, below = notebook.output(1), notebook.output(2)
    as_it_was = re.compile(r"how many\s*8\s*inside the output\s*and from below")
    expect(shown).to_contain_text(as_it_was)
    notebook.restart()
    notebook.run_all()
    expect(below).to_contain_text("restored")
    expect(below).not_to_contain_text("and from below")
    expect(shown).to_contain_text(as_it_was)
    expect(shown).to_contain_text("its widgets are a picture")
