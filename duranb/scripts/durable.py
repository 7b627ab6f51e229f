"""duranb outside of notebooks: a script whose ``@duranb.step`` functions are durable."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from duranb import llm
from duranb.engine.progress import Display, Nowhere, Paced, Progress
from duranb.engine.runtime import Settings
from duranb.errors import Waiting
from duranb.session.places import store_path
from duranb.session.session import Session
from duranb.views.progress import line

WAITING = 75
"""Exit code of a script that waits for an answer: a temporary failure, in ``sysexits.h``."""


@contextlib.contextmanager
def durable(script: str | Path) -> Iterator[Session]:
    """Make the steps called inside durable; their store lies beside ``script``.

    Run the script again after a crash and it goes on where it stopped. A question is asked at
    the terminal; without one the process exits with 75, and goes on when it is answered. Raises
    :class:`duranb.errors.StoreLocked` while another process runs it, and
    :class:`duranb.errors.Untrusted` where somebody else wrote the store.
    """
    path = Path(script).resolve()
    headless = os.environ.get("DURANB_HEADLESS") == "1"
    settings = Settings(headless=headless, prompt=_ask_at_the_terminal, display=_at_the_terminal)
    session = Session.open(path, store_path(path), _globals(path), settings)
    llm.install()
    try:
        session.need_trust()
        yield session
    except Waiting as waiting:
        print(waiting, file=sys.stderr)
        raise SystemExit(WAITING) from None
    finally:
        llm.uninstall()
        session.close()


def _globals(script: Path) -> dict[str, Any]:
    """The globals of a script that is running or imported: what its functions see."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and os.path.basename(file) == script.name and Path(file).resolve() == script:
            return vars(module)
    return {}


def _at_the_terminal() -> Display:
    """One line on standard error that changes in place, where that is a terminal."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    if not console.is_terminal:
        return Nowhere()
    live = Live(console=console, auto_refresh=False)

    def show(now: Progress, first: bool) -> None:
        if first:
            live.start()
        live.update(Text(line(now), style="dim"), refresh=True)
        if now.over:
            live.stop()

    return Paced(show)


def _ask_at_the_terminal(question: str) -> str | None:
    try:
        return input(f"{question.rstrip()} ")
    except EOFError:
        return None
