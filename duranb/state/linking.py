"""What a restored value shares with values that are alive.

A step made ``y = x[2:5]``, a view. When the step is restored, ``x`` is there already, made by the
cells above, and must stay the object it is: so the stored ``y`` is bound to the live ``x``. Both
were stored together. The stored ``x`` and the live one have equal content; walking both in the
same order finds for each part of the one its counterpart in the other, and the stored ``y`` is
copied with those in place.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Collection, Container, Mapping
from typing import Any

from duranb.pure import codec
from duranb.pure.immutable import ATOMS
from duranb.state import reconnect
from duranb.state.capture import Capture
from duranb.state.placeholder import Placeholder


def linked(
    capture: Capture, loaded: Mapping[str, Any], wanted: Collection[str], anchors: Collection[str]
) -> dict[str, Any] | None:
    """The ``wanted`` values of a stored group, sharing with the live values of ``anchors`` what
    they shared with the stored ones. None where the two are not built alike."""
    live = capture.live
    mine = capture.dump_values({n: loaded[n] for n in sorted(anchors)})
    theirs = capture.dump_values({n: live[n] for n in sorted(anchors)})
    values = {n: loaded[n] for n in sorted(wanted)}
    told = capture.dump_values(values)
    absent = theirs.missing.found if theirs.missing is not None else {}
    counterparts = _counterparts(_parts(mine), _parts(theirs), absent)
    if counterparts is None:
        return None
    own = mine.reached
    counterparts = {i: part for i, part in counterparts.items() if own.get(i, "") is None}
    if told.reached.keys().isdisjoint(counterparts):
        return values
    return _copied(capture, values, counterparts)


def _parts(dump: codec.Dump) -> list[object]:
    """The parts of a value in the order in which pickling met them, without what has no identity
    of its own."""
    met = sorted(dump.pickler.memo.copy().values(), key=lambda entry: entry[0])
    return [part for _, part in met if type(part) not in _WITHOUT_IDENTITY]


_WITHOUT_IDENTITY = ATOMS | {tuple, frozenset}


def _counterparts(
    mine: list[object], theirs: list[object], absent: Container[int]
) -> dict[int, object] | None:
    """The live part for each stored one, by the id of the latter. What is ``absent`` from the store
    (the ids of live parts) has a placeholder for a counterpart."""
    if len(mine) != len(theirs):
        return None
    found: dict[int, object] = {}
    for stored, alive in zip(mine, theirs, strict=True):
        stands_in = type(stored) is Placeholder and id(alive) in absent
        if type(stored) is not type(alive) and not stands_in:
            return None
        if stored is not alive:
            found[id(stored)] = alive
    return found


def _copied(capture: Capture, values: Any, parts: Mapping[int, object]) -> dict[str, Any]:
    """A copy of values in which some parts, by their ids, are other objects."""
    sink = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    pickler = _Linking(sink, capture.live, buffers.append, parts)
    pickler.dump(values)
    with codec.bound(capture.live):
        reader = _Linked(io.BytesIO(sink.getbuffer()), pickler.kept, buffers)
        copied: dict[str, Any] = reader.load()
    return copied


class _Linking(codec.NotebookPickler):
    """Passes by what has a counterpart, and what is to be one object wherever it is."""

    def __init__(
        self, file: Any, live: dict[str, Any], buffer_callback: Any, parts: Mapping[int, object]
    ) -> None:
        super().__init__(file, live, buffer_callback, reconnect.reduction)
        self._parts = parts
        self.kept: list[object] = []

    def persistent_id(self, obj: Any) -> int | None:
        """The number of an object that is not copied."""
        kind = type(obj)
        if id(obj) in self._parts:
            self.kept.append(self._parts[id(obj)])
        elif kind is Placeholder or issubclass(kind, type) or reconnect.is_handle(kind):
            self.kept.append(obj)
        else:
            return None
        return len(self.kept) - 1


class _Linked(pickle.Unpickler):
    def __init__(self, file: Any, kept: list[object], buffers: Any) -> None:
        super().__init__(file, buffers=buffers)
        self._kept = kept

    def persistent_load(self, pid: int) -> Any:
        """The object that was passed by."""
        return self._kept[pid]
