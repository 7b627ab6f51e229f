"""One live namespace, followed, and brought back to where it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from duranb.pure.errors import StoreError
from duranb.pure.events import Binding
from duranb.pure.immutable import is_atom
from duranb.pure.looking import own_failure
from duranb.state import randomness
from duranb.state.capture import not_loaded
from duranb.state.hidden import is_hidden
from duranb.state.pending import is_pending, is_used, lazily
from duranb.state.placeholder import Placeholder, why
from duranb.state.tracking import GONE, Mark, Tracked, Tracking, could_change

LATE = 1 << 20
"""Bytes from which a stored value is loaded when it is first needed, not when it is bound."""


class Namespace(Tracking):
    """Follows ``live``, and brings back what it was. Not for more than one thread at a time."""

    def rollback(
        self,
        mark: Mark,
        loads: Collection[str] | None,
        only: Collection[str] | None = None,
    ) -> list[str]:
        """Go back to a mark, after code that loads ``loads`` ran; the names that could not be.

        Objects whose content is what it was stay themselves; what was changed in place comes from
        its artifact. ``only`` leaves all other names alone.
        """
        self.touched(loads)
        wanted = None if only is None else set(only)
        for name in [n for n in self.live if n not in mark.tracked and not is_hidden(n)]:
            if wanted is None or name in wanted:
                del self.live[name]
        damaged = self._put_back(mark, wanted)
        lost = self._load_groups({n: mark.tracked[n].binding for n in damaged})
        randomness.set_state(mark.random)
        return sorted(lost)

    def _put_back(self, mark: Mark, wanted: Collection[str] | None) -> set[str]:
        """Bind the marked objects again; the names whose objects were changed in place."""
        self._widen()
        marked = mark.tracked
        suspects = set(marked) if self._anything else self._touched & marked.keys()
        suspects |= {n for n, s in marked.items() if self.live.get(n, GONE) is not s.value}
        if wanted is not None:
            suspects &= set(wanted)
        for name in list(suspects):
            suspects |= marked[name].group & marked.keys()
        for name in suspects:
            self.live[name] = marked[name].value
            self._tracked[name] = marked[name]
        return {n for n in suspects if not self._intact(marked[n])}

    def _intact(self, seen: Tracked) -> bool:
        if is_pending(seen.value):
            return not is_used(seen.value)
        if not could_change(seen):
            return True
        return seen.group <= self.live.keys() and self._unchanged(seen.group)

    def restore(
        self,
        target: Mapping[str, Binding],
        *,
        delete: Collection[str] = (),
        random: str = "",
    ) -> list[str]:
        """Bind names as ``target`` says and remove ``delete``; the names left as placeholders.

        Large values are loaded when they are needed (see :meth:`need`). Live objects that are
        right already stay. Nothing is bound before everything else is loaded, so a store that
        fails half-way leaves the namespace as it was. Raises :class:`StoreError`.
        """
        state = randomness.decode(self._artifacts.get(random)) if random else None
        wrong = {n: b for n, b in target.items() if not self._is_right(n, b)}
        shared = {b.artifact for b in wrong.values() if b.artifact}
        wrong |= {n: b for n, b in target.items() if b.artifact in shared}
        large = {b.artifact for b in wrong.values() if b.artifact and b.size >= LATE}
        late = {n: b for n, b in wrong.items() if b.artifact in large}
        lost = self._load_groups({n: b for n, b in wrong.items() if n not in late})
        self._bind_late(late)
        for name in delete:
            self.live.pop(name, None)
            if name in self._tracked:
                self._forget(name)
        if state is not None:
            randomness.set_state(state)
            self._random = randomness.fingerprint(state)
        return sorted(lost)

    def _is_right(self, name: str, binding: Binding) -> bool:
        seen = self._tracked.get(name)
        if seen is None or name not in self.live or self.live[name] is not seen.value:
            return False
        if type(seen.value) is Placeholder and binding.artifact:
            return False
        return seen.binding.version == binding.version and seen.binding.artifact == binding.artifact

    @property
    def has_pending(self) -> bool:
        """Whether any value is still to be loaded."""
        return bool(self._pending)

    # -- loading ---------------------------------------------------------------------------

    def need(self, names: Collection[str] | None) -> None:
        """Load what is still pending of these names (None: of all), and of what they reach.

        Call it before code runs that could use them. Raises :class:`StoreError`.
        """
        if not self._pending:
            return
        if names is None:
            names = set(self.live)
        with self._alone:
            self._load_pending(names)
            while self._pending:
                reached = self._reached(names)
                names = set(self._pending) if reached is None else reached
                if names.isdisjoint(self._pending):
                    return
                self._load_pending(names)

    def _load_pending(self, names: Collection[str]) -> None:
        live, tracked = self.live, self._tracked
        for name in [n for n in self._pending if live.get(n) is not tracked[n].value]:
            del self._pending[name]  # the user's code has bound it to something else
        artifacts = {self._pending[n].artifact for n in names if n in self._pending}
        self._load_groups({n: b for n, b in self._pending.items() if b.artifact in artifacts})

    def _bind_late(self, wanted: Mapping[str, Binding]) -> None:
        for name, binding in wanted.items():
            group = frozenset(n for n, b in wanted.items() if b.artifact == binding.artifact)
            self.live[name] = lazily(partial(self._now, name, binding), binding.type)
            self._set(name, self.live[name], binding, group, "")
            self._pending[name] = binding

    def _now(self, name: str, binding: Binding) -> Any:
        """The value of a pending name that something uses before any code was known to need it."""
        with self._alone:
            if self._pending.get(name) == binding and is_pending(self.live.get(name)):
                self._load_pending([name])
                return self.live[name]
        return self._capture.load_value(binding, name)

    def _load_groups(self, wanted: Mapping[str, Binding]) -> list[str]:
        """Load and bind names by their artifacts, all or none; the names left as placeholders."""
        values: dict[str, Any] = {}
        lost: dict[str, Binding] = {}
        for artifact in {b.artifact for b in wanted.values()}:
            names = [n for n, b in wanted.items() if b.artifact == artifact]
            if not artifact:
                lost |= {n: wanted[n] for n in names}
                continue
            try:
                loaded = self._capture.load(artifact)
            except StoreError:
                raise
            except BaseException as error:  # loading runs the values' own code
                if not own_failure(error):
                    raise
                lost |= {n: _lost(wanted[n], not_loaded(error)) for n in names}
                continue
            for name in names:
                value = loaded[name]
                if type(value) is Placeholder:
                    lost[name] = _lost(wanted[name], why(value))
                else:
                    values[name] = value
        self.live.update(values)
        self.live.update({n: Placeholder(n, b) for n, b in lost.items()})
        for artifact in {wanted[n].artifact for n in values}:
            self._follow(frozenset(n for n in values if wanted[n].artifact == artifact), wanted)
        for name in lost:
            self._set(name, self.live[name], wanted[name], frozenset([name]), "")
        return list(lost)

    def _follow(self, group: frozenset[str], wanted: Mapping[str, Binding]) -> None:
        """Track loaded names under the versions they were stored with."""
        for name in group:
            self._set(name, self.live[name], wanted[name], group, "")
        if all(is_atom(self.live[n]) for n in group):
            return
        try:
            whole = self._capture.dump(group)
            alone = {n: self._capture.dump([n]) for n in group} if len(group) > 1 else {}
            digest, calls = whole.digest(), self._calls(whole)
        except BaseException as error:  # it loads but does not dump: every look finds it changed
            if not own_failure(error):
                raise
            alone, whole, digest, calls = {}, None, "unknown", None
        for name in group:
            self._set(name, self.live[name], wanted[name], group, digest, calls)
            dump = alone.get(name, whole)
            if dump is not None:
                self._holders.note(name, frozenset(dump.reached))


def _lost(was: Binding, why: str) -> Binding:
    return Binding("", was.version, was.type, why, 0, was.preview)
