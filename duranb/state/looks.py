"""The dumps of one look at a namespace: each value is pickled once, whatever is asked of it."""

from __future__ import annotations

from collections.abc import Collection

from duranb.state.capture import Capture
from duranb.text.known import KNOWN
from duranb.values.codec import Dump
from duranb.values.walks import Descriptions

_MOST = 1 << 24
"""Bytes of pickles that are held on to. (The buffers beside them are the values' own memory.)"""


class Looks:
    """Dumps of a namespace's values. While it is entered, no code of the user's changes any of
    them, and a dump that was made serves once more."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._dumps: dict[frozenset[str], Dump] = {}
        self._left = 0
        self._known = 0

    def __enter__(self) -> None:
        self._begin(_MOST)
        self._capture.described, self._capture.definitions = Descriptions(), {}

    def __exit__(self, *error: object) -> None:
        self._begin(0)
        self._capture.described = self._capture.definitions = None

    def _begin(self, most: int) -> None:
        self._dumps.clear()
        self._left = most
        self._known = KNOWN.learned

    def dump(self, names: Collection[str]) -> Dump:
        """The values of some names, together (:meth:`Capture.dump`)."""
        if self._dumps and self._known != KNOWN.learned:
            self._begin(_MOST)  # what was learned since may stand in them
            self._capture.definitions = {}
        group = frozenset(names)
        found = self._dumps.get(group)
        if found is None:
            found = self._capture.dump(group)
            size = sum(map(len, found.body))
            if size <= self._left:
                self._left -= size
                self._dumps[group] = found
        return found
