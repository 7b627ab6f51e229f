"""Verbs that only look at a store, while its kernel runs and after it died."""

from __future__ import annotations

from pathlib import Path

from duranb.session.reader import open_reader
from duranb.verbs.declaration import Looks
from duranb.views.render import WIDTH, console_for


def look(verb: Looks, notebook: Path) -> None:
    """Print what a verb shows."""
    handler = verb.resolve_handler()
    with open_reader(notebook) as reader:
        view = handler(reader, verb)
    console = console_for()
    if not console.is_terminal:  # a pipe has no width that would have to cut something off
        console.width = max(console.width, WIDTH)
    view.print(console)
