"""One live namespace, followed, and brought back to where it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from duranb.code import identity
from duranb.code.looking import own_failure, qualname_of
from duranb.errors import StoreError
from duranb.record.events import Binding
from duranb.record.model import REWOUND
from duranb.state import randomness
from duranb.state.alive import taken
from duranb.state.capture import not_loaded
from duranb.state.classes import bound, classes, classes_in
from duranb.state.groups import by_artifact, not_apart, standing_in
from duranb.state.linking import linked
from duranb.state.pending import is_pending, is_used, lazily, may_hold_code
from duranb.state.placeholder import Placeholder, why
from duranb.state.reaching import runs_beside
from duranb.state.returning import Group, lost as lost_binding
from duranb.state.tracked import ENDED, GONE, Mark, Restored, Tracked, could_change
from duranb.state.tracking import Tracking
from duranb.state.unstorable import is_unstorable, look
from duranb.values.classes import has_old_variables
from duranb.values.hidden import is_hidden
from duranb.values.immutable import is_atom
from duranb.values.target import class_in
from duranb.values.twins import are_two
from duranb.values.views import is_array

LATE = 1 << 20
"""Bytes from which a stored value is loaded when it is first needed, not when it is bound."""


NONE: Mapping[str, Mapping[str, Binding]] = {}


class Namespace(Tracking):
    """Follows ``live``, and brings back what it was. Not for more than one thread at a time."""

    alive_will_do = False
    """Whether a live object does where the very one cannot be brought back, as in a replay offline:
    nobody is asked, and what it lacks shows as another request."""

    def rollback(self, mark: Mark, loads: Collection[str] | None) -> list[str]:
        """Go back to a mark, after code that loads ``loads`` ran; the names that could not be.

        Objects whose content is what it was stay themselves; one that was changed in place gets
        what is in its artifact, or is replaced by that where it cannot take it in.
        """
        self.touched(loads)
        for name in [n for n in list(self.live) if n not in mark.tracked and not is_hidden(n)]:
            self.live.pop(name, None)
        damaged = {n: mark.tracked[n].binding for n in self._put_back(mark)}
        lost = [n for n, b in damaged.items() if not b.artifact and is_unstorable(b.version)]
        wanted = {n: b for n, b in damaged.items() if n not in lost}
        lost += self._load_groups(wanted, taking={n: mark.tracked[n].value for n in wanted})
        randomness.set_state(mark.random)
        return sorted(lost)

    def bind_again(self, mark: Mark, names: Collection[str]) -> None:
        """Bind names to the objects that they were bound to at a mark, in whatever state these are:
        the next sync tells."""
        for name in names & mark.tracked.keys():
            seen = mark.tracked[name]
            if seen.value is not ENDED and self.live.get(name, GONE) is not seen.value:
                self.live[name] = seen.value
                if self._intact(seen):
                    self._tracked[name] = seen

    def _put_back(self, mark: Mark) -> set[str]:
        """Bind the marked objects again; the names whose objects were changed in place."""
        self._widen()
        marked = mark.tracked
        suspects = set(marked) if self._anything else self._touched & marked.keys()
        suspects |= {n for n, s in marked.items() if self.live.get(n, GONE) is not s.value}
        for name in list(suspects):
            suspects |= marked[name].group & marked.keys()
        for name in suspects:
            if marked[name].value is ENDED:
                self.live.pop(name, None)
            else:
                self.live[name] = marked[name].value
            self._tracked[name] = marked[name]
        damaged = {n for n in suspects if not self._intact(marked[n])}
        # Loaded without the rest of its group, one that was rewired would not share with that.
        for name in self._rewired(suspects - damaged, ()):
            damaged |= marked[name].group
        return damaged

    def _intact(self, seen: Tracked) -> bool:
        if seen.value is ENDED:
            return False
        if is_pending(seen.value):
            return not is_used(seen.value)
        if not could_change(seen):
            return True
        if not seen.binding.artifact and is_unstorable(seen.binding.version):
            return look(seen.value) == seen.digest
        return seen.group <= self.live.keys() and self._unchanged(seen.group)

    def restore(
        self,
        target: Mapping[str, Binding],
        *,
        delete: Collection[str] = (),
        random: str = "",
        step: Restored | None = None,
    ) -> list[str]:
        """Bind names as ``target`` says and remove ``delete``; the names that are not as they were.

        ``step`` is given where only what one step bound or changed is restored, in a namespace
        that is otherwise as it is. Large values are loaded when they are needed (see :meth:`need`).
        Live objects that are right already stay, and what shares state with them is linked to
        them. Nothing is bound before everything else is loaded, so a store that fails half-way
        leaves the namespace as it was. Raises :class:`StoreError`.
        """
        state = randomness.decode(self._artifacts.get(random)) if random else None
        chosen = self._chosen(step.reads) if step is not None else {}
        taken_in = step.in_place if step is not None else ()
        wrong = {n: b for n, b in target.items() if not self._is_right(n, b, chosen, taken_in)}
        if step is None:
            chosen = self._chosen(target.keys() - wrong.keys())
        wrong |= self._apart(target, wrong, step)
        stay = self._that_stay(wrong, step)
        wrong = {n: b for n, b in wrong.items() if n not in stay}
        beside = {n: b for n, b in target.items() if n not in wrong and n not in stay}
        if step is not None:
            beside |= {n: b for n, b in step.beside.items() if self.has_version(n, b.version)}
        groups = by_artifact(wrong)
        anchors = {a: b for a, b in by_artifact(beside).items() if a in groups}
        taking = self._taking_in(wrong, step)
        take = {wrong[n].artifact for n in taking}
        late = {
            n: b
            for a, names in groups.items()
            for n, b in names.items()
            if a and a not in anchors and a not in take and b.size >= LATE
        }
        late |= {n: b for a in {b.artifact for b in late.values()} for n, b in groups[a].items()}
        now = {n: b for n, b in wrong.items() if n not in late}
        with self._alone:
            lost = self._load_groups(now, anchors, step, chosen, taking)
            self._bind_late(late)
            for name, seen in stay.items():
                self._tracked[name] = seen
            for name in delete:
                self.live.pop(name, None)
                if name in self._tracked:
                    self._forget(name)
        if state is not None:
            drawn = step.drawn if step is not None else {}
            randomness.set_state(state, drawn.keys())
            if step is None:
                self._random.moved(randomness.state())
            for generator, stood in drawn.items():
                self._random.seeded([generator], yes=stood != randomness.UNSEEDED)
        return sorted({*lost, *(n for n, seen in stay.items() if seen.behind)})

    def _chosen(self, names: Collection[str]) -> dict[str, list[type]]:
        """The notebook's classes that values of these names are made of, by their own names, where
        there is one of a name."""
        found: dict[str, dict[int, type]] = {}
        for name in names & self._tracked.keys():
            for cls in self._tracked[name].classes:
                found.setdefault(qualname_of(cls), {})[id(cls)] = cls
        each = ((name, kinds.values()) for name, kinds in found.items())
        return {name: [kind] for name, (kind, *more) in each if not more}

    def _is_right(
        self,
        name: str,
        binding: Binding,
        chosen: Mapping[str, list[type]],
        in_place: Collection[str],
    ) -> bool:
        if not self.has_version(name, binding.version):
            return False
        seen = self._tracked[name]
        if type(seen.value) is Placeholder and binding.artifact:
            return False
        if any(
            self._is_defined_anew(cls, chosen, in_place) or has_old_variables(cls, self.live)
            for cls in seen.classes
        ):
            return False
        return seen.binding.artifact == binding.artifact

    def _is_defined_anew(
        self, cls: type, chosen: Mapping[str, list[type]], in_place: Collection[str]
    ) -> bool:
        """Whether a class was defined again, by the same code or as what becomes the same
        ``in_place``, and is another object by now: the one of its name, or the one that what is
        ``chosen`` is made of."""
        name = qualname_of(cls)
        bound = class_in(self.live, name)
        for now in [bound] if bound is not None else chosen.get(name, ())[:1]:
            if now is not cls and not are_two(now, cls):
                return name in in_place or identity.of_class(now) == identity.of_class(cls)
        return False

    def _apart(
        self, target: Mapping[str, Binding], wrong: Mapping[str, Binding], step: Restored | None
    ) -> dict[str, Binding]:
        """Names that are right, and do not share with others what they shared when they were
        stored: one of these was bound anew since, to what is right or what the step had changed."""
        found = {}
        beside, in_place = ({}, ()) if step is None else (step.beside, step.in_place)
        for bindings in by_artifact({**beside, **target}).values():
            here = {
                n
                for n, b in bindings.items()
                if n in self._tracked
                and (n in in_place or (n not in wrong and self.has_version(n, b.version)))
            }
            if len({self._tracked[n].group for n in here}) < 2:
                continue  # they do share, or there is one
            for name in (here & target.keys()) - wrong.keys():
                if not here <= {name, *self.sharing(name)}:
                    found[name] = target[name]
        return found

    def has_version(self, name: str, version: str) -> bool:
        """Whether a name is bound to what it was at the last sync, and that has this version."""
        seen = self._tracked.get(name)
        if seen is None or name not in self.live or self.live[name] is not seen.value:
            return False
        return seen.binding.version == version

    def _that_stay(self, wrong: Mapping[str, Binding], step: Restored | None) -> dict[str, Tracked]:
        """Live objects that were never stored and stay where they are, with what is known of them
        from now on: a step had changed them in place when it ran, or a rewind leaves them behind.
        """
        found = {}
        for name, binding in wrong.items():
            seen = self._tracked.get(name)
            if binding.artifact or seen is None or self.live.get(name, GONE) is not seen.value:
                continue
            if not seen.was or seen.binding.type != binding.type:
                continue
            if binding.version == seen.was[-1]:  # that is how it is
                found[name] = replace(seen, binding=binding, behind=())
            elif step is not None and name in step.in_place:
                found[name] = replace(seen, binding=binding, behind=(*seen.behind, step.name))
            elif step is None and self.alive_will_do:
                found[name] = replace(seen, binding=binding, behind=())
            elif step is None and binding.version in seen.was:
                found[name] = replace(seen, binding=binding, behind=(*seen.behind, REWOUND))
        return found

    # -- asking what is as it was stored ----------------------------------------------------

    def tracked(self) -> dict[str, Tracked]:
        """Every name as it was at the last sync."""
        return dict(self._tracked)

    def settled(self, names: Collection[str], *, prove: bool = False) -> dict[str, Tracked]:
        """Those of some names whose values are what their artifacts hold: no code has run since the
        last sync that could have changed them. With ``prove``, those too that prove unchanged."""
        with self._alone:
            beside = self._beside or runs_beside(self.live)
            reached = None if self._anything or beside else self._reached(self._touched)
            found = {}
            for name in names:
                seen = self._tracked.get(name)
                if seen is None or self.live.get(name, GONE) is not seen.value:
                    continue
                untouched = reached is not None and seen.group.isdisjoint(reached)
                if untouched or (prove and seen.digest and self._unchanged(seen.group)):
                    found[name] = seen
            return found

    def is_as_stored(self, name: str) -> bool:
        """Whether a value, and what shares with it, would be stored as it was, byte for byte."""
        with self._alone:
            return self._unchanged(self._tracked[name].group)

    @property
    def has_pending(self) -> bool:
        """Whether any value is still to be loaded."""
        return bool(self._pending)

    # -- loading ---------------------------------------------------------------------------

    def need(self, names: Collection[str] | None, *, to_run: bool = True) -> None:
        """Load what is still pending of these names (None: of all), and of what they reach.

        Call it before code runs that could use them; without ``to_run``, before that code is only
        looked at: what is known to hold no code can wait then. Raises :class:`StoreError`.
        """
        if not self._pending:
            return
        names = set(self.live if names is None else names)
        with self._alone:
            self._load_pending(names & self._waiting(to_run))
            while waiting := self._waiting(to_run):
                reached = self._reached(names)
                if reached is not None:
                    names, waiting = reached, waiting & reached
                if not waiting:
                    return
                self._load_pending(waiting)

    def _waiting(self, to_run: bool) -> set[str]:
        waiting = list(self._pending.items())
        return {n for n, b in waiting if to_run or may_hold_code(b.type)}

    def _load_pending(self, names: Collection[str]) -> None:
        live, tracked = self.live, self._tracked
        for name in [n for n in self._pending if live.get(n) is not tracked[n].value]:
            del self._pending[name]  # the user's code has bound it to something else
        artifacts = {self._pending[n].artifact for n in names if n in self._pending}
        self._load_groups({n: b for n, b in self._pending.items() if b.artifact in artifacts})

    def _bind_late(self, wanted: Mapping[str, Binding]) -> None:
        for bindings in by_artifact(wanted).values():
            group = frozenset(bindings)
            for name, binding in bindings.items():
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

    def _load_groups(
        self,
        wanted: Mapping[str, Binding],
        anchors: Mapping[str, Mapping[str, Binding]] = NONE,
        step: Restored | None = None,
        chosen: dict[str, list[type]] | None = None,
        taking: Mapping[str, object] = MappingProxyType({}),
    ) -> list[str]:
        """Load and bind names by their artifacts, all or none; the names that are not as they were.

        ``anchors`` are live names, by artifact, that are to share with what is loaded; ``chosen``
        the classes that come before others of the same code; ``taking`` live objects that take in
        what is loaded of their names, where they can.
        """
        groups: list[Group] = []
        lost: dict[str, Binding] = {}
        unread: dict[str, str] = {}
        settled: dict[str, type] = {}
        chosen = {} if chosen is None else chosen
        stored = by_artifact(wanted)
        lost |= stored.pop("", {})
        in_place = step.in_place if step is not None else ()

        def load(artifact: str, bindings: dict[str, Binding], *, last: bool) -> bool:
            failures = list[str]()
            loaded: dict[str, Any] | None = None
            try:
                loaded = self._capture.load(
                    artifact, bindings.keys(), wanted, settled, in_place, chosen, failures
                )
            except StoreError:
                raise
            except BaseException as error:  # loading runs the values' own code
                if not own_failure(error):
                    raise
                failures = [not_loaded(error)]
            if failures and not last:
                return False
            unread.update(dict.fromkeys(bindings, "; ".join(failures)) if failures else {})
            if loaded is None:
                lost.update({n: lost_binding(b, failures[0]) for n, b in bindings.items()})
                return True
            settled.update(classes({n: loaded[n] for n in bindings if n in loaded}))
            group = self._grouped(loaded, bindings, anchors.get(artifact, {}), step)
            self._take_in(group, taking)
            for name in [n for n, v in group.values.items() if type(v) is Placeholder]:
                lost[name] = lost_binding(group.bindings[name], why(group.values.pop(name)))
            groups.append(group)
            return True

        # Code that a value runs when it is loaded may need what lies in another artifact.
        needy = [each for each in stored.items() if not load(*each, last=len(stored) == 1)]
        others = {n: bound(v) for group in groups for n, v in group.values.items()}
        with standing_in(self.live, others if needy else {}):
            for each in needy:
                load(*each, last=True)
        for group in groups:
            group.put()
            if group.linked is not None:
                group.linked.write()
            self.live.update({n: bound(v) for n, v in group.values.items()})
        for group in groups:
            self._follow(group)
        for name, binding in lost.items():
            self._go_without(name, binding, wanted.get(name, binding), step)
        for name, failure in unread.items():
            if name in self._tracked:
                self._tracked[name] = replace(self._tracked[name], unread=failure)
        return [*lost, *(n for group in groups for n in group.apart)]

    def _grouped(
        self,
        loaded: Mapping[str, Any],
        wanted: Mapping[str, Binding],
        beside: Mapping[str, Binding],
        step: Restored | None,
    ) -> Group:
        """What is to be bound of a loaded group, sharing with the live values ``beside``."""
        group = Group(frozenset(loaded), {n: loaded[n] for n in wanted}, dict(wanted))
        if not beside:
            return group
        self._load_pending([n for n in beside if n in self._pending])
        reads = step.reads if step is not None else beside.keys()
        # What the step did not read may share otherwise by now, unlike what it read: that tells.
        read = [n for n in sorted(beside) if n in reads]
        rest = sorted(beside.keys() - reads)
        for anchors in ([*read, *rest], read) if rest else (read,):
            alone = all(self.sharing(n) <= {*wanted, *anchors} for n in anchors)
            made = linked(self._capture, loaded, wanted, anchors, self._holders, alone=alone)
            if made is not None:
                group.values |= made.values
                group.bindings |= {n: beside[n] for n in anchors}
                group.linked = made
                return group
        group.apart = sorted(wanted)
        return group

    def _taking_in(self, wrong: Mapping[str, Binding], step: Restored | None) -> dict[str, object]:
        """The objects that are alive and are to take in what is stored: the step changed them in
        place, or a rewind brings back what these very objects were."""
        found = {}
        for name, binding in wrong.items():
            seen = self._tracked.get(name)
            if seen is None or self.live.get(name, GONE) is not seen.value:
                continue
            if step is None:
                takes = binding.version in seen.had
            else:  # memory that somebody else looks at now is left alone
                known = not is_array(type(seen.value)) or self.sharing(name) <= {
                    *wrong,
                    *step.beside,
                }
                takes = name in step.in_place and known
            if takes:
                found[name] = seen.value
        return not_apart(found, wrong)

    def _take_in(self, group: Group, taking: Mapping[str, object]) -> None:
        alive = {n: v for n, v in taking.items() if n in group.values}
        try:
            beside = group.linked.alive if group.linked is not None else ()
            found = taken(self._capture, group.values, alive, beside)
        except BaseException as error:  # pickling runs the values' own code
            if not own_failure(error):
                raise
            return
        group.values, group.put = found.values, found.put

    def _follow(self, group: Group) -> None:
        """Track what was loaded, and what it is linked to, under the versions they were stored
        with."""
        names = frozenset(group.bindings) if group.is_whole else frozenset(group.values)
        names = frozenset(n for n in names if n in self.live)
        for name in names:
            self._set(name, self.live[name], group.bindings[name], names, "")
        if all(is_atom(self.live[n]) for n in names):
            return
        try:
            whole = self._capture.dump(names)
            alone = {n: self._capture.dump([n]) for n in names} if len(names) > 1 else {}
            digest, calls = self._digest(whole), self._calls(whole)
        except BaseException as error:  # it loads but does not dump: every look finds it changed
            if not own_failure(error):
                raise
            alone, whole, digest, calls = {}, None, "unknown", None
        for name in names:
            dump = alone.get(name, whole)
            own = digest if dump is None or dump is whole else self._digest(dump)
            of = () if dump is None else classes_in(dump)
            self._set(name, self.live[name], group.bindings[name], names, digest, calls, own, of)
            if dump is not None:
                self._holders.note(name, dump.reached)
        if group.bindings.keys() != group.values.keys() and not group.is_whole:
            self._keep(set(group.values))  # a group of its own: not all that were in it are here

    def _go_without(self, name: str, lost: Binding, wanted: Binding, step: Restored | None) -> None:
        """What was to be bound cannot be. A live object that a step had changed in place stays, and
        is known to be behind; anything else leaves a placeholder."""
        seen = self._tracked.get(name)
        alive = seen is not None and self.live.get(name, GONE) is seen.value
        if step is not None and name in step.in_place and alive:
            assert seen is not None
            if type(seen.value) is not Placeholder:
                behind = (*seen.behind, step.name)
                self._tracked[name] = replace(seen, binding=wanted, behind=behind)
                return
        if step is None and self.alive_will_do and alive:
            assert seen is not None
            made = seen.binding.type == wanted.type and not is_pending(seen.value)
            if made and type(seen.value) is not Placeholder:
                self._tracked[name] = replace(seen, binding=wanted)
                return
        self.live[name] = Placeholder(name, lost)
        self._set(name, self.live[name], wanted, frozenset([name]), "")
