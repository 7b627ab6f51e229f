"""Verbs that only look at a store, while its kernel runs and after it died."""

from __future__ import annotations

import sys
from pathlib import Path

from duranb.cli.main import refusal
from duranb.cli.saying import say
from duranb.errors import DuranbError, UsageError
from duranb.session.reader import open_reader
from duranb.verbs.declaration import Looks
from duranb.views.render import WIDTH, console_for


def look(verb: Looks, notebook: Path) -> None:
    """Print what a verb shows."""
    handler = verb.resolve_handler()
    try:
        with open_reader(notebook) as reader:
            view = handler(reader, verb)
    except (DuranbError, OSError) as error:
        said = refusal(error)
        if said is None:
            raise
        say(said, err=True)
        sys.exit(2 if isinstance(error, UsageError) else verb.refused)
    console = console_for()
    if not console.is_terminal:  # a pipe has no width that would have to cut something off
        console.width = max(console.width, WIDTH)
    view.print(console)
    if view.code:
        sys.exit(view.code)
