"""duranb outside of notebooks: a script whose ``@duranb.step`` functions are durable."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from duranb import llm
from duranb.engine import questions
from duranb.engine.runtime import Settings
from duranb.errors import UsageError, Waiting
from duranb.session.session import Session
from duranb.store import store_path

WAITING = 75
"""Exit code of a script that waits for an answer: a temporary failure, in ``sysexits.h``."""

_current: Session | None = None


@contextlib.contextmanager
def durable(script: str | Path) -> Iterator[Session]:
    """Make the steps called inside durable; their store lies beside ``script``.

    Run the script again after a crash and it goes on where it stopped. A question is asked at
    the terminal; without one the process exits with 75, and goes on when it is answered. Raises
    :class:`duranb.errors.StoreLocked` while another process runs it.
    """
    path = Path(script).resolve()
    headless = os.environ.get("DURANB_HEADLESS") == "1"
    session = Session.open(path, store_path(path), _globals(path), Settings(headless=headless))
    llm.install()
    questions.prompt_with(_ask_at_the_terminal)
    make_current(session)
    try:
        yield session
    except Waiting as waiting:
        print(waiting, file=sys.stderr)
        raise SystemExit(WAITING) from None
    finally:
        make_current(None)
        llm.uninstall()
        session.close()


def _globals(script: Path) -> dict[str, Any]:
    """The globals of a script that is running or imported: what its functions see."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and os.path.basename(file) == script.name and Path(file).resolve() == script:
            return vars(module)
    return {}


def current() -> Session:
    """The session of this kernel or script, with the verbs of ``%duranb`` as its methods.

    ``status()``, ``log()``, ``show(step)`` and ``diff(a, b)`` give something to look at;
    ``rewind``, ``replay``, ``fork``, ``switch``, ``compensate`` and ``resolve`` give a plan, which
    says what it would do: ``await plan.apply()`` does it. ``answer(number, value)`` and
    ``trust()`` do it at once.

    Raises :class:`duranb.errors.UsageError` when none is open.
    """
    if _current is None:
        raise UsageError(
            "no store is open: it is once a durable cell has run, or inside duranb.durable()"
        )
    return _current


def make_current(session: Session | None) -> None:
    """Set what :func:`current` gives; the surface that opens a session does."""
    global _current
    _current = session


def _ask_at_the_terminal(question: str) -> object:
    try:
        return input(f"{question.rstrip()} ")
    except EOFError:
        return questions.NO_ANSWER
