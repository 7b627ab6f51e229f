"""Which code a map calls, and whether that changes anything beside its result.

A record of an item holds its result. What the item did to itself, to variables, to objects of the
notebook or of its modules is in no record: it would be missing where the result is served. So the
record of an item stands for it only where nothing else was changed until it ended; any other runs
again, and its calls are answered from the journal.
"""

from __future__ import annotations

import enum
import functools
import threading
import time
import types
from collections.abc import Callable, Collection, Iterator
from typing import Any

import blake3

from duranb.code import identity
from duranb.code.looking import is_a, own_failure
from duranb.engine.decide import is_ignored, touched
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.record.model import ABSENT
from duranb.state import process
from duranb.state.beside import Beside
from duranb.state.inplace import can_change, numbered
from duranb.state.untold import Untold
from duranb.values.immutable import is_atom, is_immutable

BESIDE = "it may have changed something beside its result, which no record of an item holds"
"""Why an item's result does not stand for it."""

_CHEAP = 0.01
"""Seconds of the processor that a look may take after each item. From the third on, those that take
more (at gigabytes that the function reads) are a tenth of the time, and items in between run again.
"""

_GONE = object()


_CODE = (
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    types.CodeType,
    enum.Enum,
)
"""What two values may both hold and share no state by it that a step changes unseen."""


class Reached:
    """What a function reaches, called with ``given``: the identity of its ``code``, with the values
    that it reads and holds, and whether they are what they were. ``ignored`` names do not count.
    Safe from any thread."""

    def __init__(
        self,
        runtime: Runtime,
        fn: Callable[..., Any],
        ignored: Collection[str],
        given: Collection[object] = (),
    ) -> None:
        self._runtime = runtime
        self.fn = fn
        self._live = runtime.namespace.live
        uses = runtime.namespace.uses
        reach = uses.of_object(fn, given)
        self._opaque = bool(reach.opaque)
        self._itself = "its object" if is_a(fn, types.MethodType) else "what it holds itself"
        self._names = sorted(reach.data - set(ignored))
        self._bound = {n: self._live.get(n, _GONE) for n in reach.stores - set(ignored)}
        spec = Spec("", "", "", frozenset(), frozenset(), kind="function", ignore=tuple(ignored))
        held = touched(runtime, spec, reach, self._names)
        self._around = sorted(held.reads | held.sets)
        self._versions = self._now()
        inner, skip = _function_of(fn), functools.partial(is_ignored, ignore=ignored)
        values = [self._live[n] for n in self._names if n in self._live]
        beside = Beside.now(uses, inner, held, values, skip)
        self._untold = Untold.now(uses, inner, reach, beside)
        self._print = uses.fingerprint(fn)
        told = [self._print, *(f"{n}={reach.uses[n]}" for n in sorted(reach.uses))]
        told += [f"{n}:{v}" for n, v in self._versions.items() if n[1:] not in process.NAMES]
        self.code = blake3.blake3("\0".join(told).encode()).hexdigest(16)
        self._lock = threading.Lock()
        self._parts: list[object] | None = None
        self._is_whole = not self._opaque
        self._next = self._cheapest = 0.0
        self._looks = 0
        self._watched = False

    def _now(self) -> dict[str, str]:
        """The versions of what it reads and holds."""
        namespace = self._runtime.namespace
        found = {
            n: namespace.version_of(self._live[n]) if n in self._live else ABSENT
            for n in self._names
        }
        for number, value in enumerate(self._held()):
            found[f"\0{number}"] = namespace.version_of(value)
        around = self._runtime.surroundings.told(self._around)
        return found | {f"\0{n}": v for n, v in around.items()}

    def _held(self) -> list[object]:
        """What it holds itself: a partial, a bound method or an object is part of what it does."""
        fn = self.fn
        return identity.captured(fn) if isinstance(fn, types.FunctionType) else [fn]

    # -- afterwards ------------------------------------------------------------------------

    def is_as_it_was(self) -> bool:
        """Whether nothing of it has changed. False too where nobody can tell, and where a look
        would cost more than it saves. Items that end at once share a look, as transactions that
        commit at once share a sync."""
        begun_before = self._looks
        with self._lock:
            if self._looks > begun_before:  # it began after this item had ended
                return self._is_whole
            if not self._is_whole or time.monotonic() < self._next:
                return False
            self._looks += 1
            begun = time.thread_time()  # not while other threads have their turn
            try:
                self._is_whole = self._looks_the_same()
            except BaseException as error:  # of any kind: an item changes it while it is looked at
                if not own_failure(error):
                    raise
                self._is_whole = False
            took = time.thread_time() - begun
            self._cheapest = min(took, self._cheapest or took)
            if self._cheapest >= _CHEAP and self._looks > 1:
                self._next = time.monotonic() + 10 * self._cheapest
            return self._is_whole

    @identity.at_rest()
    def _looks_the_same(self) -> bool:
        return not any(self._differing(self._bound, self._versions, self._print))

    def _differing(
        self, bound: dict[str, object], versions: dict[str, str], code: str
    ) -> Iterator[str]:
        """The names of what is not as it was."""
        yield from (n for n, was in bound.items() if self._live.get(n, _GONE) is not was)
        now = self._now()
        for name in now.keys() | versions.keys():
            if now.get(name) != versions.get(name):
                told = name.removeprefix("\0")
                yield self._itself if told.isdigit() else told
        if self._runtime.namespace.uses.fingerprint(self.fn) != code:
            yield self._itself
        yield from self._untold.altered()

    def watch(self) -> Callable[[], list[str]]:
        """What gives, once the function has been called, the names of what it has changed: no more
        than can be seen, and than is worth its time. Raises nothing."""
        if time.monotonic() < self._next:
            return list
        begun = time.thread_time()
        bound = {n: self._live.get(n, _GONE) for n in self._bound}
        versions, code = self._now(), self._runtime.namespace.uses.fingerprint(self.fn)
        if (took := time.thread_time() - begun) >= _CHEAP and self._watched:
            self._next = time.monotonic() + 10 * took
        self._watched = True

        def changed() -> list[str]:
            try:
                return sorted(set(self._differing(bound, versions, code)))
            except BaseException as error:  # of any kind: another thread changes it meanwhile
                if not own_failure(error):
                    raise
                return []

        return changed

    def shares(self, value: Any, item: Any) -> bool:
        """Whether a result holds an object that its item, or anything else that is reached, holds
        too: what is served would be a copy of it."""
        if not can_change(value):
            return False
        with self._lock:
            if self._parts is None:
                values = (self._live[n] for n in self._names if n in self._live)
                self._parts = _parts((*values, *self._held()), self._live)
        others = [*_parts(item, self._live), *self._parts]
        return bool(others) and not {id(p) for p in others}.isdisjoint(
            map(id, _parts(value, self._live))
        )


class Reaches:
    """Those of the functions of a map. Items that hold code of the notebook, or are of its classes,
    reach what that reads too."""

    def __init__(self, runtime: Runtime, ignored: Collection[str]) -> None:
        self._runtime = runtime
        self._ignored = ignored
        self._fn: Callable[..., Any] | None = None
        self._known: dict[str, Reached] = {}

    def of(self, fn: Callable[..., Any], item: Any) -> Reached:
        """That of ``fn`` called with an item."""
        if fn is not self._fn:  # a map has one; of a gathering each is called once
            self._fn, self._known = fn, {}
        told, given = "", []
        if item is not fn and not is_atom(item):
            its = self._runtime.namespace.uses.of_object(None, [item])
            if its.uses or its.data or its.stores or its.opaque:
                told, given = repr((its.uses, sorted(its.data), sorted(its.stores))), [item]
        if told not in self._known:
            self._known[told] = Reached(self._runtime, fn, self._ignored, given)
        return self._known[told]


def _function_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that is called in the end, as far as that has a name and attributes."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if is_a(fn, types.FunctionType, types.MethodType, type):
        return fn
    return type(fn).__call__


def _parts(value: Any, live: dict[str, Any]) -> list[object]:
    """The objects in a value that can change."""
    if not can_change(value):
        return []
    found = numbered((value,), live)
    return [p for p in found if not is_a(p, *_CODE) and not is_immutable(p)]
