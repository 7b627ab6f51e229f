"""What is known of a live namespace, as of the last look at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from weakref import WeakSet

from duranb.code.fingerprint import Uses
from duranb.code.looking import own_failure
from duranb.errors import StoreError
from duranb.record.artifacts import Artifacts
from duranb.record.events import Binding
from duranb.state import inplace, randomness
from duranb.state.alone import Alone
from duranb.state.capture import NO_NAME, Capture, not_loaded
from duranb.state.classes import whole
from duranb.state.groups import Holders
from duranb.state.looks import Looks
from duranb.state.names import Names
from duranb.state.placeholder import Placeholder
from duranb.state.tracked import Deltas, Mark, sharing_of
from duranb.state.unstorable import Ran


class Followed:
    """A namespace ``live`` and what was last seen in it, to be asked."""

    def __init__(self, live: dict[str, Any], artifacts: Artifacts, uses: Uses) -> None:
        self.live = live
        self.uses = uses
        self._artifacts = artifacts
        self._capture = Capture(live, artifacts, self._classes)
        self._looks = Looks(self._capture)
        self._tracked = Names()
        self._holders = Holders()
        self._touched: set[str] = set()
        self._anything = True
        self._beside = False
        self._random = randomness.Standing()
        self._ran = Ran(uses)
        self._pending: dict[str, Binding] = {}
        self._alone = Alone()  # a pending value may be used first by another thread
        self._noting: WeakSet[Deltas] = WeakSet()

    @property
    def had_company(self) -> bool:
        """Whether code of the notebook ran on another thread or in a task, or waited to, at the
        last sync."""
        return self._beside

    def _classes(self) -> set[type]:
        return {cls for seen in self._tracked.values() for cls in seen.classes}

    def version(self, name: str) -> str:
        """The version of a name's value, as of the last sync."""
        seen = self._tracked.get(name)
        return seen.binding.version if seen is not None else self.version_of(self.live[name])

    def sharing(self, name: str) -> set[str]:
        """The other names that shared state with this one at the last sync."""
        return sharing_of(self._tracked, name)

    def grouped(self, names: Collection[str]) -> list[frozenset[str]]:
        """Those of some names that shared state with another one of them at the last sync."""
        found: dict[frozenset[str], set[str]] = {}
        for name in names & self._tracked.keys():
            found.setdefault(self._tracked[name].group, set()).add(name)
        return [frozenset(group) for group in found.values() if len(group) > 1]

    def parted(self, group: frozenset[str]) -> list[frozenset[str]]:
        """Those of a group's names that share state themselves, not just by way of others. They
        must be loaded (:meth:`duranb.state.Namespace.need`)."""
        if group == self._tracked[next(iter(group))].group:
            return [group]
        return [part for part in self._holders.parts(group) if len(part) > 1]

    def is_shared_by(self, one: str, other: str, names: Collection[str]) -> bool:
        """Whether all that two names reach in common is reached by some of these as well. They must
        be loaded."""
        mine, theirs = self._holders.reached(one), self._holders.reached(other)
        common = {
            i for i, seal in mine.items() if i in theirs and (seal is None or theirs[i] != seal)
        }
        return all(not self._holders.of([i]).isdisjoint(names) for i in common)

    def is_as_it_lay(self, artifact: str, names: Collection[str]) -> bool:
        """Whether the values of some names share with each other what they shared when they were
        stored in an artifact, as far as content tells."""
        loaded = self._capture.load(artifact)
        version = self._capture.version
        then, now = {n: loaded[n] for n in names}, {n: whole(self.live[n]) for n in names}
        told = all(version(then[n]) == version(now[n]) for n in names)
        return not told or version(then) == version(now)

    def artifact(self, name: str) -> str:
        """The artifact that holds a name's value, as of the last sync; empty where none does."""
        return self._tracked[name].binding.artifact

    def version_of(self, value: object) -> str:
        """The version of any value, by its content."""
        return self._capture.version(value)

    def bindings(self) -> dict[str, Binding]:
        """What each name was bound to at the last sync."""
        return dict(self._tracked.bindings)

    def capture_value(self, value: object) -> Binding:
        """Store a value that has no name: a result, an argument."""
        return self._capture.value(value)

    def store_anew(self) -> None:
        """What is stored from now on is stored whole: what was stored before may not be there."""
        self._capture.store_anew()

    def load_value(self, binding: Binding, name: str = NO_NAME) -> Any:
        """A stored value: that of ``name`` in its artifact, or one without a name."""
        return self._capture.load_value(binding, name)

    def given(self, values: Mapping[str, Any], versions: Mapping[str, str]) -> inplace.Given:
        """Values that a function is given, to tell later what it did to them."""
        return inplace.Given.now(self._capture, values, versions)

    def again(self, values: Mapping[str, Any], binding: Binding, *, by_name: bool = False) -> Any:
        """Do to values what a function did to equal ones; its result. ``by_name``: that was in an
        imported module. Raises :class:`duranb.state.inplace.NotAlike`, having done nothing."""
        if not binding.artifact:
            return self.load_value(binding)
        return inplace.again(self._capture, values, binding.artifact, self.live, by_name=by_name)

    @property
    def generators(self) -> randomness.Standing:
        """Where the random generators stood at the last sync."""
        return self._random

    @property
    def any_behind(self) -> bool:
        """Whether any object lacks what a restored step had done to it."""
        return bool(self._tracked.behind)

    def behind(self, name: str) -> tuple[str, ...]:
        """The restored steps whose change to a name's object did not come back."""
        return self._tracked[name].behind if name in self._tracked else ()

    def unread(self, name: str) -> str:
        """Why a name's value, or a part of it, is not there: loading it failed. Empty where it did
        not, or where the name has been bound anew."""
        seen = self._tracked.get(name)
        if seen is None or seen.value is not self.live.get(name):
            return ""
        return seen.unread

    def unreadable(self, binding: Binding) -> str:
        """Why a stored value, or a part of it, cannot be loaded here; empty where it can. It takes
        as long as loading it, and no name is bound to it. Raises :class:`StoreError`."""
        failures: list[str] = []
        try:
            self._capture.load(binding.artifact, unread=failures)
        except StoreError:
            raise
        except BaseException as error:  # of any kind: loading runs the value's own code
            if not own_failure(error):
                raise
            failures.append(not_loaded(error))
        return "; ".join(failures)

    def is_there(self, name: str) -> bool:
        """Whether a name's object holds all that it did, be it shared with others or not."""
        seen = self._tracked.get(name)
        return seen is not None and type(seen.value) is not Placeholder and not seen.behind

    def deltas(self) -> Deltas:
        """What each sync finds from now on, for as long as the caller holds it."""
        found = Deltas()
        with self._alone:
            self._noting.add(found)
        return found

    def loosen(self, names: Collection[str] | None) -> None:
        """Before code runs that could let go of these (None: of any): hold nothing that something
        waits for the end of."""
        with self._alone:
            self._tracked.loosen(list(self._tracked) if names is None else names)

    def mark(self) -> Mark:
        """The state now, to come back to. Call it right after a sync."""
        return Mark(dict(self._tracked), randomness.state())
