"""The verbs that only look: what each shows of a history."""

from __future__ import annotations

from duranb.session.reader import Reader
from duranb.verbs.table import Diff, Log, Show, Status
from duranb.views import diff as diffs, log as logs, show as steps, status as overview
from duranb.views.render import View


def status(reader: Reader, given: Status) -> View:
    """Where everything stands."""
    with reader.lock:
        return overview.view(reader.history, reader.holder)


def log(reader: Reader, given: Log) -> View:
    """The latest lines of the history."""
    events = list(reader.events())
    with reader.lock:
        return logs.view(reader.history, events, given.n)


def show(reader: Reader, given: Show) -> View:
    """Everything about a step or an execution."""
    with reader.lock:
        return steps.view(reader.history, given.step)


def diff(reader: Reader, given: Diff) -> View:
    """What differs between two executions."""
    with reader.lock:
        return diffs.view(reader.history, given.a, given.b)
