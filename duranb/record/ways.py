"""Ways by which something leaves a step that are not recorded, as they are told to people."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec


class How(StrEnum):
    """One kind of way. It is recorded as its name."""

    CONNECTION = "connection"
    DATAGRAM = "datagram"
    WEBSOCKET = "websocket"
    PROCESS = "process"
    FORK = "fork"
    TASK = "task"
    THREAD = "thread"
    UNREAD = "unread"
    TOO_LONG = "too long"
    AGAIN = "again"
    MISSING = "missing"
    CHANGED = "changed"
    ALIKE = "alike"


class Way(msgspec.Struct, frozen=True, gc=False):
    """What left a step unrecorded, ``count`` times at least: ``how`` is a :class:`How`, ``to`` the
    host and port, the program, the pool or the thread. Of what was sent ``again``, ``to`` is the
    request: it was begun before, and how that ended was not recorded. What is ``missing`` is the
    change that an effect made in the notebook, ``to`` both: only its result was replayed. What was
    ``changed`` are items of the map ``to``, by tries that failed: the next ones found them so.
    Those ``alike`` have the key of another one there, and another content."""

    how: str
    to: str
    count: int


_WORDS = {
    How.CONNECTION: ("connection to {}", "connections to {}"),
    How.DATAGRAM: ("datagram to {}", "datagrams to {}"),
    How.WEBSOCKET: ("websocket to {}", "websockets to {}"),
    How.PROCESS: ("process ({})", "processes ({})"),
    How.FORK: ("forked child", "forked children"),
    How.TASK: ("task for another process ({})", "tasks for other processes ({})"),
    How.THREAD: ("thread that goes on ({})", "threads that go on ({})"),
    How.AGAIN: ("request sent again ({})", "requests sent again ({})"),
    How.MISSING: ("effect ({})", "effects ({})"),
    How.CHANGED: ("item of the map of {}", "items of the map of {}"),
    How.ALIKE: ("item of the map of {}", "items of the map of {}"),
    How.UNREAD: ("answer of {} left half read", "answers of {} left half read"),
    How.TOO_LONG: ("answer of {} too long to be kept", "answers of {} too long to be kept"),
}

_SAID = (How.AGAIN, How.MISSING, How.CHANGED, How.ALIKE)

MOST = 6
"""Ways that are named in one sentence."""


def told(ways: Sequence[Way]) -> str:
    """``2 connections to example.com:443 and 1 process (curl)``."""
    parts = [_told(way) for way in ways[:MOST]]
    if len(ways) > MOST:
        parts.append(f"{sum(way.count for way in ways[MOST:])} more")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def _told(way: Way) -> str:
    one, several = _WORDS.get(How(way.how) if way.how in set(How) else How.PROCESS, ("{}", "{}"))
    return f"{way.count} {(one if way.count == 1 else several).format(way.to)}"


def not_recorded(ways: Sequence[Way]) -> list[Way]:
    """Those that are in no record, so that a step that is restored did not do them. What was sent
    ``again`` is none of them: the second answer is recorded, and restored like any other. Nor is
    what is ``missing``, was ``changed`` or is ``alike``: that was said when the step ran."""
    return [way for way in ways if way.how not in _SAID]


def account(ways: Sequence[Way], more: str = "") -> str:
    """What became of all that left an execution; ``more`` is added to what is ``not_recorded``."""
    said = []
    if left := not_recorded(ways):
        said.append(f"{told(left)}, not recorded{more}")
    if again := [way for way in ways if way.how == How.AGAIN]:
        said.append(f"{told(again)}: the process had died before the answer was recorded")
    if missing := [way for way in ways if way.how == How.MISSING]:
        said.append(
            f"{told(missing)} answered from the journal, without the change in the notebook that "
            "it made when it was done: have it return what to change, and change it in the step"
        )
    if changed := [way for way in ways if way.how == How.CHANGED]:
        said.append(
            f"{told(changed)} tried again as a try that failed had left it: what that changes in "
            "an item is not put back, so change it last, or change a copy"
        )
    if alike := [way for way in ways if way.how == How.ALIKE]:
        said.append(
            f"{told(alike)} with the key of another one and another content, told apart by their "
            "order only: change that, and each is given another's result. Have the key tell them "
            "apart"
        )
    return "; ".join(said)


def sentence(step: str, ways: Sequence[Way]) -> str:
    """What is said when a step has run."""
    return f"{step}: {account(ways, ': whenever the step runs, it happens again')}"
