"""Which nodes run at once in a worker's process, and which may have changed what they share.

A node that changes a variable of ``steps.py`` in place fails, and the module is loaded anew. Not
under the hands of others: they hold functions and classes of it, and what they make must be of the
same ones. So that waits until none runs, and who comes meanwhile waits too. Where several that
reach the variable ran at once, nobody knows which of them it was: each is tried again by itself.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from duranb.errors import UsageError


class Disturbed(UsageError):
    """Something was changed while several nodes ran that could have done it."""


class Visit:
    """A node while it runs. ``reaches`` are the names of the module's variables that it can."""

    def __init__(self, node: str, *, alone: bool) -> None:
        self.node = node
        self.alone = alone
        self.reaches: frozenset[str] = frozenset()
        self.beside: set[Visit] = set()

    def others(self, names: frozenset[str]) -> list[str]:
        """The nodes that ran at the same time and reach any of these."""
        return sorted({each.node for each in list(self.beside) if names & each.reaches})


class Visits:
    """Those of one module; ``renew`` loads it anew."""

    def __init__(self, renew: Callable[[], object]) -> None:
        self._renew = renew
        self._changed = threading.Condition()
        self._running: set[Visit] = set()
        self._waiting = 0
        self._is_stale = False
        self._apart: set[str] = set()

    @contextlib.contextmanager
    def running(self, node: str) -> Iterator[Visit]:
        """While a node runs."""
        with self._changed:
            alone = node in self._apart
            self._waiting += alone
            try:
                self._changed.wait_for(lambda: self._may_begin(alone))
            finally:
                self._waiting -= alone
            if self._is_stale:
                self._renew()
                self._is_stale = False
            visit = Visit(node, alone=alone)
            for other in self._running:
                other.beside.add(visit)
                visit.beside.add(other)
            self._running.add(visit)
        try:
            yield visit
        finally:
            with self._changed:
                self._running.discard(visit)
                visit.beside.clear()  # or each held those before it, for as long as any runs
                self._changed.notify_all()

    def _may_begin(self, alone: bool) -> bool:
        if not self._running:
            return alone or not self._waiting
        others_wait = alone or self._is_stale or self._waiting
        return not others_wait and not any(each.alone for each in self._running)

    def changed(self, visit: Visit, names: frozenset[str]) -> None:
        """A node has found that these are not what they were when it began. Raises
        :class:`Disturbed` where another one may have changed them."""
        others = visit.others(names)
        with self._changed:
            self._is_stale = True
            if others:
                self._apart |= {visit.node, *others}
        if others:
            raise Disturbed(
                f"{', '.join(sorted(names))} changed in place while {visit.node} and "
                f"{', '.join(others)} ran at once, and nobody knows by which: it is tried again, "
                "with nothing beside it"
            )
