"""duranb outside of notebooks: a script whose ``@duranb.step`` functions are durable."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from duranb import llm
from duranb.code import identity
from duranb.engine import saga, telling
from duranb.engine.options import COMPENSATE
from duranb.engine.progress import Display, Nowhere, Paced, Progress
from duranb.engine.runtime import Settings
from duranb.errors import InDoubt, StepError, UsageError, Waiting
from duranb.session.places import store_path
from duranb.session.session import Session
from duranb.terminal import tame
from duranb.views.progress import line

WAITING = 75
"""Exit code of a script that waits for an answer: a temporary failure, in ``sysexits.h``."""


@contextlib.contextmanager
def durable(
    script: str | Path, *, on_failure: str = "", headless: bool | None = None
) -> Iterator[Session]:
    """Make the steps called inside durable; their store lies beside ``script``.

    Run the script again after a crash and it goes on where it stopped. A question is asked at
    the terminal; without one, or ``headless``, the process exits with 75, and goes on when it is
    answered.

    With ``on_failure="compensate"`` an exception that leaves the block undoes all that the run did,
    latest first, and is raised again. A process that dies in the middle of that leaves the rest to
    the next one, which ends with :class:`duranb.errors.StepError` once all is undone.

    Raises :class:`duranb.errors.StoreLocked` while another process runs it, and
    :class:`duranb.errors.Untrusted` where somebody else wrote the store.
    """
    if on_failure not in ("", COMPENSATE):
        raise UsageError(f"on_failure takes {COMPENSATE!r}, not {on_failure!r}")
    path = Path(script).resolve()
    if headless is None:
        headless = os.environ.get("DURANB_HEADLESS") == "1"
    settings = Settings(headless=headless, prompt=_ask_at_the_terminal, display=_at_the_terminal)
    session = Session.open(path, store_path(path), _globals(path), settings)
    llm.install()
    try:
        session.need_trust()
        telling.note_module(session.runtime)
        if on_failure and session.history.to_undo:
            saga.carry_on(session.runtime)
            raise StepError(
                f"an earlier run of {path.name} had failed, and not all that it did was undone. "
                "Now it is: run it again to begin anew"
            )
        with _undoing(session) if on_failure else contextlib.nullcontext():
            yield session
    except Waiting as waiting:
        print(tame(waiting.message), file=sys.stderr)
        raise SystemExit(WAITING) from None
    finally:
        llm.uninstall()
        session.close()


@contextlib.contextmanager
def _undoing(session: Session) -> Iterator[None]:
    """Undo all that the run did where an exception leaves this block. A doubt has to be settled
    first: what its error says."""
    try:
        yield
    except (Waiting, InDoubt):
        raise
    except Exception as error:
        undone = saga.after_failed_run(session.runtime)
        steps = ", ".join(dict.fromkeys(x.step for x in undone)) or "nothing had to be"
        error.add_note(f"duranb: what the run had done was undone, latest first: {steps}")
        raise


def _globals(script: Path) -> dict[str, Any]:
    """The globals of a script that is running or imported: what its functions see. Where the store
    lies beside another file, the script is the one that runs."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and os.path.basename(file) == script.name and Path(file).resolve() == script:
            identity.NOTEBOOKS.add(module.__name__)
            return vars(module)
    return vars(sys.modules["__main__"])


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
        return input(f"{tame(question).rstrip()} ")
    except EOFError:
        return None
