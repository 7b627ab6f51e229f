"""One live namespace, followed: what changed since the last look.

Only what the executed code could have touched is looked at, and only what changed is stored. A
name that was bound anew shows by its object; one that was changed in place shows by its bytes
(the same object pickles the same in one process). Where analysis cannot see, everything is looked
at; where bytes differ although nothing changed, it is stored again: a change is never missed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, takewhile

import msgspec

from duranb.code import identity
from duranb.code.looking import own_failure
from duranb.errors import StoreError
from duranb.record.events import Binding
from duranb.state import randomness, reaching, revealing, seeding, unstorable
from duranb.state.capture import is_unsettled
from duranb.state.classes import classes_in, in_order
from duranb.state.dumped import Dumped
from duranb.state.followed import Followed
from duranb.state.groups import components
from duranb.state.placeholder import Placeholder
from duranb.state.tracked import GONE, Delta, Tracked, could_change
from duranb.state.unstorable import Code
from duranb.state.wiring import Before, rewired
from duranb.text.known import KNOWN
from duranb.values import codec
from duranb.values.hidden import is_hidden
from duranb.values.immutable import is_atom
from duranb.values.sharing import Seal, shared


class Tracking(Followed):
    """Follows ``live``. Not for more than one thread at a time."""

    # -- looking ---------------------------------------------------------------------------

    def touched(self, loads: Collection[str] | None, *codes: Code) -> None:
        """Code ran that could touch these names (None: any); ``codes`` is what is known of it. Safe
        from any thread."""
        with self._alone:  # a sync that goes on now has looked at some already, and would forget it
            if loads is None:
                self._anything = True
            else:
                self._touched.update(loads)
            self._ran.codes += codes

    def note_rebinds(self) -> None:
        """Let go of objects whose names are bound to something else by now."""
        with self._alone:
            for name in self._tracked.rebound(self.live):
                self._tracked[name] = replace(self._tracked[name], held=GONE)

    def _new_names(self) -> list[str]:
        """The user's names that are not tracked.

        A dict keeps its order, so those bound since the last sync come after the mark that was put
        at its end then; IPython adds two names of its own for every cell, which would all be gone
        through.
        """
        known = self._tracked
        if _END not in self.live:
            return [n for n in list(self.live) if n not in known and not is_hidden(n)]
        # Begun and gone through in C, between two of whose steps no other thread binds a name.
        new = list(takewhile(_END.__ne__, chain.from_iterable(map(reversed, (self.live,)))))
        return [n for n in new if n not in known and not is_hidden(n)]

    def sync(self) -> Delta:
        """Capture everything that changed since the last sync, for the caller to record."""
        KNOWN.look_around()
        with self._alone, self._looks, identity.at_rest():
            found = self._sync()
            for each in list(self._noting):
                each.add(found)
            return found

    def _sync(self) -> Delta:
        beside, self._beside = self._beside, reaching.runs_beside(self.live)
        self._anything = self._anything or beside or self._beside
        fresh, gone = self._rebound()
        self._widen()
        looked = self._suspects()
        in_place = self._changed_in_place(looked, fresh)
        before = {n: Before.of(self._tracked[n], self._holders.reached(n)) for n in in_place}
        changed = fresh | in_place
        for name in gone:
            self._forget(name)
        self._keep(changed)
        while more := self._also_touched(changed) - looked:  # by code that came into a value
            looked |= more
            found = self._changed_in_place(more, changed)
            self._keep(found)
            changed |= found
        tied = self._rewired(looked - changed, changed)
        with_others = set(tied)
        self._keep(with_others)
        changed |= with_others
        tied |= {n for n, b in before.items() if b.is_rewired(n, self._tracked, self._holders)}
        random = self._random_delta()
        self._touched.clear()
        self._anything = False
        self._ran.codes.clear()
        self.live[_END] = self.live.pop(_END, None)
        recorded, deleted = self._tracked.record()
        recorded = in_order(recorded, self.live)
        return Delta(recorded, deleted, random, frozenset(changed), frozenset(tied))

    def is_recorded(self) -> None:
        """The state as it is now is on record already: a snapshot was returned to."""
        self._tracked.record()

    def _rebound(self) -> tuple[set[str], list[str]]:
        """Names that are new or bound to another object, and names that are gone."""
        live = self.live
        moved = self._tracked.rebound(live)
        gone = [n for n in moved if n not in live]
        return {*self._new_names(), *moved}.difference(gone), gone

    def _changed_in_place(self, suspects: Collection[str], fresh: Collection[str]) -> set[str]:
        """Of the suspects, and those who share with them, those whose object is the same and whose
        content is not; fresh names left out."""
        found: set[str] = set()
        seen: set[frozenset[str]] = set()
        fresh = set(fresh)
        for name in suspects:
            group = self._tracked[name].group
            if group in seen:
                continue
            seen.add(group)
            present = {n for n in group if n in self.live and n in self._tracked}
            same = present == group and not (present & fresh)
            if not (same and self._unchanged(group)):
                found |= present - fresh
        return found

    def _rewired(self, names: Collection[str], changed: Collection[str]) -> set[str]:
        """Of names whose content is what it was, those that share something new."""
        known = self._tracked.keys()
        alike = {n for n in names & known if n in self.live}
        return rewired(self._looks, self.live, self._holders, self._tracked, alike, known & changed)

    def _suspects(self) -> set[str]:
        """Tracked names that the code that ran could have changed in place."""
        tracked = self._tracked
        names = tracked.keys() if self._anything else self._touched & tracked.keys()
        return {
            n
            for n in names
            if could_change(tracked[n])
            # What is another at each look would have been changed by everything.
            and (n in self._touched or not is_unsettled(tracked[n].binding.version))
        }

    def _widen(self) -> None:
        """Add to the names that were touched what they reach, now and at the last sync."""
        if not self._anything and self._touched:
            reached = self._reached(self._touched)
            if reached is None:
                self._anything = True
            else:
                self._touched = reached

    def _reached(self, names: Collection[str]) -> set[str] | None:
        """These names and those that code reached through them can touch; None: any."""
        found: set[str] = set()
        new = set(names)
        while new:
            found |= new
            reach = self.uses.of(new & self.live.keys())
            if reach.opaque:
                return None
            more = reach.data | reach.stores | reach.uses.keys()
            for name in new | more:
                seen = self._tracked.get(name)
                calls = reaching.NOTHING if seen is None else seen.calls
                held = reaching.held_by_module(name)
                if calls is None or held is None:
                    return None
                more |= calls | self._holders.of(held)
            new = more - found
        return found

    def _also_touched(self, changed: Collection[str]) -> set[str]:
        """Suspects there are beside those known, since what was touched now holds other code."""
        if self._anything or all(
            (calls := self._tracked[n].calls) is not None and calls <= self._touched
            for n in self._touched & set(changed)
            if n in self._tracked
        ):
            return set()
        self._widen()
        return self._suspects()

    def _unchanged(self, group: frozenset[str]) -> bool:
        """Whether a group's bytes are what they were. Its objects must be the same ones."""
        seen = self._tracked[next(iter(group))]
        if not seen.binding.artifact:
            return self._looks_the_same(next(iter(group)), seen)
        try:
            digest = self._digest(self._looks.dump(group))
            return digest == seen.digest and not self._hides_a_change(digest, group)
        except BaseException as error:  # became unpicklable: it changed
            if not own_failure(error):
                raise
            return False

    def _hides_a_change(self, digest: str, names: Set[str]) -> bool:
        """Whether code that ran could have changed a part of these of which nobody can tell."""
        return unstorable.CLOSED in digest.split(":") and bool(names & self._touched)

    def _looks_the_same(self, name: str, seen: Tracked) -> bool:
        """Whether a value that could not be stored is what it was, as far as anybody can see."""
        if type(seen.value) is Placeholder:
            return True
        now = unstorable.look(seen.value)
        if now == unstorable.CLOSED:
            return name not in self._touched and seen.digest == now
        return now == seen.digest and not (seen.calls is None and self._capture.can_dump(name))

    # -- keeping ---------------------------------------------------------------------------

    def _keep(self, changed: set[str]) -> None:
        """Store these names, with those that share state with them; ``changed`` grows by them."""
        dumps = Dumped(self.live, self._looks)
        refused: dict[str, BaseException] = {}
        pending = sorted(changed, key=dumps.holds_others)  # it is taken from the end
        for name in changed & self.live.keys():
            revealing.look(name, self.live[name])
        while pending:
            name = pending.pop()
            value = self.live.get(name, GONE)
            if value is GONE:  # the own code of another value, which had to run, took it away
                continue
            if type(value) is Placeholder and name in self._tracked:
                continue
            with _noting(refused, [name]):
                if is_atom(value):
                    self._keep_atom(name, value)
                    continue
                if name not in self._pending and dumps.is_inside(name):
                    continue
                more = self._sharing(dumps.add(name).reached, changed)
                changed |= more
                pending += more
        for group in components(dumps.reached()):
            with _noting(refused, group):
                self._keep_group(group, dumps)
        for name in sorted(refused.keys() & self.live.keys()):
            self._keep_unstorable(name, refused[name])

    def _keep_unstorable(self, name: str, error: BaseException) -> None:
        value, seen = self.live[name], self._tracked.get(name)
        same = seen is not None and seen.value is value and not seen.binding.artifact
        before, was, behind = "", tuple[str, ...](), tuple[str, ...]()
        if same:
            assert seen is not None
            before, was, behind = seen.binding.version, seen.was, seen.behind
        for code in self._ran.of(name):
            behind = behind[1:] if behind[:1] == (code.step,) else behind
        binding = self._capture.refusal(value, error)
        version = self._changed_by(name, binding.version, before)
        group, look = frozenset([name]), unstorable.look(value)
        told = msgspec.structs.replace(binding, version=version)
        self._set(name, value, told, group, look, None)
        self._tracked[name] = replace(self._tracked[name], was=(*was, version), behind=behind)
        self._holders.note(name, {})

    def _told_by_code(self, name: str, version: str, seen: Tracked | None) -> str:
        """The version of a stored value whose content does not tell it, or not all of it."""
        if seen is not None and seen.value is self.live[name]:
            if is_unsettled(version):
                return seen.binding.version  # it would be another one after each look
            return self._changed_by(name, version, seen.binding.version)
        return self._changed_by(name, version, "") if unstorable.is_unstorable(version) else version

    def _changed_by(self, name: str, version: str, before: str) -> str:
        """The version of a value that is not, or not as a whole, told by its content."""
        return unstorable.version(version, before, self._ran.told(name, self._tracked.bindings))

    def _sharing(self, reached: Mapping[int, Seal], changed: Set[str]) -> set[str]:
        """Unchanged names that do share state with what reached this, with the rest of their
        groups; and those that changed with it, as all that have an index do with its names."""
        found: set[str] = set()
        for other in self._holders.sharing(reached) - changed:
            if other not in self.live or self._tracked[other].value is not self.live[other]:
                continue
            group = self._tracked[other].group
            if other not in found and (
                self._shares(reached, other)
                or not (group <= self.live.keys() and self._unchanged(group))
            ):
                found |= {n for n in group if n in self.live}
        return found - changed

    def _shares(self, reached: Mapping[int, Seal], other: str) -> bool:
        """Whether a name shares state with what reached this; so it does where that cannot be told
        any more."""
        try:
            return shared(reached, self._looks.dump([other]).reached)
        except BaseException as error:  # of any kind: pickling runs the value's own code
            if not own_failure(error):
                raise
            return True

    def _keep_atom(self, name: str, value: object) -> None:
        dump = self._looks.dump([name])
        version = self._capture.version(value)
        seen = self._tracked.get(name)
        group = frozenset([name])
        if seen is not None and seen.binding.artifact and seen.binding.version == version:
            self._set(name, value, seen.binding, group, "")
            return
        artifact = self._capture.keep(dump)
        self._set(name, value, self._capture.binding(value, artifact, dump), group, "")

    def _keep_group(self, group: frozenset[str], dumps: Dumped) -> None:
        single = len(group) == 1
        dump = dumps[next(iter(group))] if single else self._looks.dump(group)
        digest = self._digest(dump)
        before = [self._tracked.get(n) for n in group]
        # Versions do not tell who shares what with whom inside of the group; the bytes do.
        hides = self._hides_a_change(digest, group)
        same = not hides and all(
            b is not None and b.group == group and b.digest == digest and b.binding.artifact
            for b in before
        )
        artifact = "" if same else self._capture.keep(dump)
        calls = self._calls(dump)
        for name in group:
            value, seen = self.live[name], self._tracked.get(name)
            alone = digest if single else self._digest_alone(name, dumps)
            if same:
                assert seen is not None
                binding = seen.binding
            elif not hides and self._is_alone(name, alone):
                assert seen is not None
                # It only shares with something else by now: its content, and so its version, stays.
                binding = msgspec.structs.replace(seen.binding, artifact=artifact)
            else:
                binding = self._capture.binding(value, artifact, dumps[name])
                if dumps[name].missing is not None or unstorable.is_unstorable(binding.version):
                    version = self._told_by_code(name, binding.version, seen)
                    binding = msgspec.structs.replace(binding, version=version)
            self._set(name, value, binding, group, digest, calls, alone, classes_in(dump))
            self._holders.note(name, dumps[name].reached)

    def _digest_alone(self, name: str, dumps: Dumped) -> str:
        """The digest of a value of a group by itself. Empty for one that was pickled in another's
        dump only, and whose version is told by its content anyway."""
        dump, seen = dumps.alone(name), self._tracked.get(name)
        if dump is None and seen is not None and seen.alone and seen.value is self.live[name]:
            dump = self._looks.dump([name])
        return "" if dump is None else self._digest(dump)

    def _is_alone(self, name: str, digest: str) -> bool:
        """Whether a name is bound to the object that it was bound to, with this digest of its
        own."""
        seen = self._tracked.get(name)
        if seen is None or seen.value is not self.live[name]:
            return False
        return bool(digest) and seen.alone == digest

    @staticmethod
    def _digest(dump: codec.Dump) -> str:
        """Of the bytes of a value, and of what can be seen of the parts that are not in them."""
        absent = dump.missing.found.values() if dump.missing is not None else ()
        return ":".join([dump.digest(), *(unstorable.look(part) for part, _ in absent)])

    def _calls(self, dump: codec.Dump) -> frozenset[str] | None:
        return None if dump.missing is not None else reaching.names(dump.met, self.uses)

    def _set(
        self,
        name: str,
        value: object,
        binding: Binding,
        group: frozenset[str],
        digest: str,
        calls: frozenset[str] | None = reaching.NOTHING,
        alone: str = "",
        classes: tuple[type, ...] = (),
    ) -> None:
        seen = self._tracked.get(name)
        had = seen.had if seen is not None and seen.value is value else ()
        if binding.version not in had:
            had = (*had, binding.version)
        self._tracked[name] = Tracked(value, binding, group, digest, calls, classes, alone, had=had)
        self._pending.pop(name, None)
        if not digest:
            self._holders.note(name, {})

    def _forget(self, name: str) -> None:
        del self._tracked[name]
        self._pending.pop(name, None)
        self._holders.note(name, {})

    def _random_delta(self) -> str:
        state = randomness.state()
        known = self._random.told()
        moved = self._random.moved(state)
        if not moved:
            return ""
        for code in self._ran.codes:
            seeded = seeding.seeded(code.seeds, code.loads, self.live)
            # A generator that was not there before comes with a seed only where one is named.
            self._random.seeded(moved & known.keys() if seeded is None else seeded)
        return self._artifacts.put([randomness.encode(state)])


@contextmanager
def _noting(refused: dict[str, BaseException], names: Collection[str]) -> Iterator[None]:
    """What keeping these names raises is noted of them: it is their own code's, and fails nothing
    else."""
    try:
        yield
    except StoreError:
        raise
    except BaseException as error:  # of any kind: pickling runs the values' own code
        if not own_failure(error):
            raise
        refused |= dict.fromkeys(names, _without_frames(error))


def _without_frames(error: BaseException) -> BaseException:
    """An error that holds none of the values that were looked at when it was raised."""
    chain: BaseException | None = error
    while chain is not None and chain.__traceback__ is not None:
        chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__
    return error


_END = "__loader__"
"""The name that marks the end of the namespace at the last sync: each has it, and no code of the
user's moves it. One of our own would be seen by whoever looks at ``globals()``."""
