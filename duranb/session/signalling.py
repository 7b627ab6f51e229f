"""``duranb.signal``: tell a notebook from any process that something happened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duranb.engine import inbox
from duranb.errors import UsageError
from duranb.record.kinds import Kind
from duranb.session.reader import open_reader
from duranb.session.session import current
from duranb.verbs.table import Signal


@dataclass(frozen=True)
class Sent:
    """What a signal met: whether a step waits for it, and the pid of the kernel that has the store
    open (None for none)."""

    is_awaited: bool
    holder: int | None


def signal(notebook: str | Path, name: str, value: Any = None, *, by: str = "") -> None:
    """Tell a notebook that something happened outside: what ``duranb.wait_for(name)`` waits for.

    ``value`` is JSON. It works from any process of this user, whether or not the notebook runs just
    now; ``by`` says who sends it, if not the user. Raises :class:`UsageError` for a notebook that
    has never run.
    """
    path = Path(notebook)
    try:
        session = current()
    except UsageError:
        session = None
    if session is not None and session.notebook == path.resolve():
        session.act(Signal(name=name, value=value, by=by))
    else:
        send(path, Signal(name=name, value=value, by=by))


def send(notebook: Path, given: Signal) -> Sent:
    """Leave a signal where the notebook finds it. Raises :class:`UsageError` where there is none,
    and :class:`duranb.errors.Untrusted`."""
    with open_reader(notebook) as reader:
        reader.need_trust()
        history = reader.history
        by = given.by or inbox.who()
        inbox.check_public(f"the signal {given.name!r}", given.value)
        inbox.post_signal(reader.store_path, history, given.name, given.value, by)
        waiting = [
            call
            for step in history.steps
            for call in history.waits_for(history.executions_of(step)[-1].id)
            if call.kind is Kind.SIGNAL and call.preview == given.name
        ]
        return Sent(bool(waiting), reader.holder)
