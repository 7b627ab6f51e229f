"""The plain table and the standalone file, as text."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from duranb.errors import DuranbError
from duranb.record import events as e
from duranb.record.fold import Fold
from duranb.timelines import bundle, html
from duranb.timelines.html import timeline_html
from duranb.timelines.model import Model
from duranb.timelines.table import table_html, table_text
from tests.browser import story


def test_table_escapes_what_was_recorded() -> None:
    """A step's name that is markup stays text in the table."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.start("<img src=x onerror=alert(1)>", "…")
    found = table_html(Model(Fold(told.events).history, nullcontext()).since(-1), "c")
    assert "<img" not in found
    assert "&lt;img" in found


def test_table_text_lists_every_step() -> None:
    """The text has a summary and one line for each execution."""
    lines = table_text(
        Model(Fold(story.agent().events).history, nullcontext()).since(-1)
    ).splitlines()
    assert "2 restarts survived" in lines[0]
    assert len(lines) == 20


def test_inlined_data_cannot_leave_its_element() -> None:
    """No recorded text can close the script element that the data lies in."""
    told = story.Story()
    told.tell(e.RunStarted(run="r"))
    told.start("s", "</script><b>", reason="<!--<script>")
    page = timeline_html(Fold(told.events).history, told, "</title>")
    assert "</script><b>" not in page
    assert "<!--<script>" not in page
    assert page.count("</title>") == 1


def test_file_has_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the oldest executions keep their rows and lose their details."""
    monkeypatch.setattr(html, "MOST_BYTES", 20_000)
    told = story.long(200)
    page = timeline_html(Fold(told.events).history, told, "long")
    assert 'data-execution="200"' in page
    assert 'data-execution="1"' not in page
    assert '"values":["step_0",' in page


def test_missing_front_end_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A copy of duranb whose front end was not built says so and how to build it."""
    monkeypatch.setattr(bundle, "FOLDER", tmp_path)
    with pytest.raises(DuranbError, match="pip install"):
        bundle.bundled.__wrapped__("timeline.js")
