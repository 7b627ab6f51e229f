"""The verbs that only look: what each shows of a history.

Each imports its view when it is used: a command of the shell begins sooner without the others.
"""

from __future__ import annotations

from duranb.session.reader import Reader
from duranb.verbs.table import Diff, Log, Scan, Show, Status
from duranb.views.render import View


def status(reader: Reader, given: Status) -> View:
    """Where everything stands."""
    from duranb.engine.inbox import answered
    from duranb.store.paths import room
    from duranb.views.status import view

    size = room(reader.store_path)
    with reader.lock:
        left = answered(reader.store_path)
        return view(
            reader.history, reader.holder, left, is_encrypted=reader.is_encrypted, size=size
        )


def log(reader: Reader, given: Log) -> View:
    """The latest lines of the history."""
    from duranb.views.log import view

    events = list(reader.events())
    with reader.lock:
        return view(reader.history, events, given.n)


def show(reader: Reader, given: Show) -> View:
    """Everything about a step or an execution."""
    from duranb.views.show import view

    with reader.lock:
        return view(reader.history, given.step, reader.artifacts)


def diff(reader: Reader, given: Diff) -> View:
    """What differs between two executions."""
    from duranb.views.diff import view

    with reader.lock:
        return view(reader.history, given.a, given.b)


def scan(reader: Reader, given: Scan) -> View:
    """The secrets in a store."""
    from duranb.views.scan import view

    return view(reader)
