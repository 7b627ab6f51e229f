"""What a step depends on and changes beside its variables: ``helper.COUNT`` and ``$MODE``.

A variable of a module is told by its content, as a variable of the notebook's is, if it is short;
one that is as the module's own code makes it is code, and nothing more. Of a variable of the
environment only a digest is known; of one that holds a credential nothing. What a step changed is
stored with its outputs and put there again where it is restored. What cannot be is named, and later
steps are compared as if it were there: they would run with something else than the notebook gives
them.
"""

from __future__ import annotations

import copy
import importlib
import os
import sys
import types
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import blake3
import msgspec

from duranb.code.holding import (
    GONE,
    given_by,
    held_by,
    owner,
    owner_module,
    value as value_of,
)
from duranb.code.looking import is_a, own_failure
from duranb.code.mentions import Chain
from duranb.code.moving import steady
from duranb.errors import StoreError
from duranb.record.events import Binding
from duranb.record.model import ABSENT, Execution
from duranb.state import commanded, process, sessions
from duranb.state.alive import give, is_open
from duranb.state.capture import told
from duranb.state.namespace import Namespace
from duranb.state.previews import type_name
from duranb.state.unstorable import look
from duranb.text.called import is_secret_field, is_secret_variable
from duranb.text.known import KNOWN
from duranb.values import canonical, contents
from duranb.values.hidden import is_hidden
from duranb.values.immutable import is_atom

UNTOLD = ""
"""The version of what is too large to be looked at, or a credential: any other one equals it."""


@dataclass(frozen=True)
class _Seen:
    """A variable of a module as it was at one moment. ``look`` is what could be seen of an object
    whose content does not tell; ``copy`` gives its value once more."""

    value: object
    version: str
    look: str
    copy: Callable[[], object]

    def differs(self, other: _Seen) -> bool:
        if self.version or other.version:
            return self.version != other.version
        return self.value is not other.value or self.look != other.look


@dataclass(frozen=True)
class Around:
    """The surroundings at the beginning of a step: those that it could touch, by name, the names
    that each module had, and the environment (:func:`_environment`). The latter is never stored."""

    seen: Mapping[str, _Seen]
    names: Mapping[str, Collection[str]]
    environment: Mapping[Any, Any]

    def variable(self, name: str) -> str | None:
        """What a variable of the environment was; None for one that was not there."""
        if name in self.environment:
            return str(self.environment[name])
        value = self.environment.get(os.fsencode(name))
        return None if value is None else os.fsdecode(value)


@dataclass(frozen=True)
class _Assumed:
    """What is taken to have a ``version`` for as long as it has the ``actual`` one, since ``step``
    was restored. ``behind``: it is not so, and a step that runs would see that."""

    version: str
    actual: str
    step: str
    behind: bool


class Surroundings:
    """Those of a namespace."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._assumed: dict[str, _Assumed] = {}
        self._first: dict[str, object] = {}
        self._been = {name: {sessions.FIRST} for name in sessions.NAMES}
        self._process = process.Process(namespace.uses.modules.root)
        owns = namespace.uses.modules.owns
        self.commanded = commanded.Commanded(
            namespace.live, namespace.version, namespace.version_of, owns
        )

    # -- asking ----------------------------------------------------------------------------

    def told(self, names: Iterable[str]) -> dict[str, str]:
        """The versions of these, for a record: without those that are as their module's code says,
        and those of which nothing can be told."""
        found = {name: self.version(name) for name in sorted(names)}
        return {n: v for n, v in found.items() if v and v != self._as_imported(n)}

    def version(self, name: str) -> str:
        """The version of one, :data:`ABSENT` or :data:`UNTOLD`."""
        actual, assumed = self._actual(name), self._assumed.get(name)
        if assumed is None:
            return actual
        if assumed.actual != actual:
            self._assumed.pop(name, None)  # the cells have set it since
            return actual
        return assumed.version

    def unlike(
        self, recorded: Mapping[str, str], now: Mapping[str, str], left: Collection[str] = ()
    ) -> str:
        """The first that is not as it was recorded, or an empty string. One that was not recorded
        was as its module's code says, if that says anything. A session that the step ``left`` as it
        is stored may be at any place where it was before: it is brought to that one."""
        back = {
            n
            for n in sessions.NAMES & set(left)
            if recorded.get(n, sessions.FIRST) in self._been[n]
        }
        recorded = {n: v for n, v in recorded.items() if n not in back}
        for name, version in recorded.items():
            at = self.version(name)
            if at and at != version:
                return name
        new = (n for n in now if n not in recorded and n not in back and not n.startswith("$"))
        return next((n for n in new if self._as_imported(n)), "")

    def is_now(self, name: str, version: str) -> bool:
        """Whether one has this version, whatever it is taken to have."""
        return self._actual(name) == version

    def behind(self, names: Iterable[str]) -> tuple[str, str]:
        """One of these that is not as a restored step left it, with that step; or empty strings."""
        for name in sorted(names):
            assumed = self._assumed.get(name)
            if assumed is not None and assumed.behind and self._actual(name) == assumed.actual:
                return name, assumed.step
        return "", ""

    def _actual(self, name: str) -> str:
        if name in process.NAMES:
            return self._process.version(name)
        if name in sessions.NAMES:
            self._been[name].add(version := sessions.version(name))
            return version
        if package := self.commanded.package(name):
            return self.commanded.version(package)
        if name.startswith("$"):
            return _of_variable(name[1:], os.environ.get(name[1:]))
        value = value_of(name)
        if value is not GONE:
            return self._short(name, value)
        return ABSENT if owner(name)[0] is not None else self._as_imported(name)

    def _short(self, name: str, value: object) -> str:
        if type(value) is str and is_secret_field(name.rpartition(".")[2]):
            KNOWN.learn(value, name)
            return UNTOLD
        return canonical.short(value, self._namespace.live, told)

    def _as_imported(self, name: str) -> str:
        """The version that a variable has when its module is imported, as far as its code says."""
        if name in process.NAMES:
            return process.FIRST
        if name in sessions.NAMES:
            return sessions.FIRST
        if self.commanded.package(name):
            return commanded.FIRST
        if name.startswith("$"):
            return UNTOLD
        value = self._literal(name)
        return UNTOLD if value is GONE else self._short(name, value)

    def _literal(self, name: str) -> object:
        module, _, own = name.rpartition(".")
        while module:
            found = self._namespace.uses.modules.literals(module).get(own, GONE)
            if found is not GONE:
                return found
            module, _, last = module.rpartition(".")
            own = f"{last}.{own}"
        return GONE

    # -- what a step changes ---------------------------------------------------------------

    def mark(self, touches: Collection[str]) -> Around:
        """The surroundings now, of which code can touch these."""
        modules = {name.rpartition(".")[0] for name in touches} & sys.modules.keys()
        names = {m: frozenset(vars(sys.modules[m])) for m in modules}
        seen = {name: self._look(name, keep=True) for name in touches}
        return Around(seen, names, _environment())

    def _look(self, name: str, *, keep: bool) -> _Seen:
        version = self._actual(name)
        if name in sessions.NAMES:
            again = sessions.again(name) if keep and version != sessions.FIRST else _nothing
            return _Seen(sessions.value(name), version, "", again)
        value = value_of(name)
        shown = look(value) if not version and not is_atom(value) else ""
        if not keep or not version or is_atom(value):
            return _Seen(value, version, shown, lambda: value)
        try:
            kept = steady(lambda: copy.deepcopy(value))
        except BaseException as error:  # of any kind: it is the value's own code
            if not own_failure(error):
                raise
            return _Seen(value, version, shown, lambda: value)
        return _Seen(value, version, shown, lambda: copy.deepcopy(kept))

    def changes(
        self, before: Around, touches: Iterable[str], sets: Collection[str] = ()
    ) -> dict[str, Binding]:
        """What differs from ``before``, stored as far as it can be; ``sets`` are those of what is
        touched that the step's own code sets."""
        found = {}
        for name in sorted({*touches, *before.seen}):
            was, now = before.seen.get(name), self._look(name, keep=False)
            if was is None:
                differs = self._is_set_since(name, now.version, before) or name in sets
            else:
                differs = now.differs(was)
            if differs:
                found[name] = self._binding(name, now)
                self._note(name, GONE if was is None else was.value)
        for variable in sorted(_changed(before.environment)):
            version = _of_variable(variable, os.environ.get(variable))
            found[f"${variable}"] = Binding("", version, "variable", "it may hold a credential")
        return found

    def note_given(self, chains: Iterable[Chain]) -> None:
        """Note what a plain cell that mentions these has set by functions of libraries."""
        modules = self._namespace.uses.modules
        for chain in chains:
            set_there = given_by(chain, self._namespace.live)
            modules.given.update(n for n in set_there if not modules.owns(owner_module(n)))

    def _note(self, name: str, before: object) -> None:
        """Note that a cell has set what is, as far as known, the attribute of an installed module,
        which was ``before``."""
        modules = self._namespace.uses.modules
        if name.startswith("$") or name in process.NAMES | sessions.NAMES:
            return
        if modules.owns(owner_module(name)):
            return
        if name not in modules.given:
            modules.given.add(name)
            self._first[name] = before

    def _is_set_since(self, name: str, version: str, before: Around) -> bool:
        """Whether one that nobody knew to be touched was set."""
        module, _, own = name.rpartition(".")
        if module in before.names:
            return own not in before.names[module]
        first = self._as_imported(name)
        return bool(first) and version != first

    def _binding(self, name: str, seen: _Seen) -> Binding:
        kind = type_name(seen.value)
        if seen.version == ABSENT:
            return Binding("", ABSENT, "nothing")
        if self._namespace.uses.modules.owns(owner_module(name)):
            if not seen.version:
                return Binding("", UNTOLD, kind, "it is large, or an object of a library")
        elif self._is_variable(seen.value):
            return Binding("", seen.version, kind, "it is the value of a variable as well")
        stored = self._namespace.capture_value(seen.value)
        if stored.why:
            return Binding("", seen.version, kind, stored.why)
        return msgspec.structs.replace(stored, version=seen.version, preview="")

    def _is_variable(self, value: object) -> bool:
        """Whether it would come back as two objects, where what one does is not seen in the other:
        code is only read."""
        if is_atom(value) or is_a(value, type, types.FunctionType):
            return False
        live = list(self._namespace.live.items())
        return any(v is value and not is_hidden(n) for n, v in live)

    def back(self, before: Around, left: Around | None = None) -> list[str]:
        """Put back what changed since ``before``, unless it changed once more since a failed step
        ``left`` it; the names of those that are not as they were."""
        lost = []
        for name, was in before.seen.items():
            now = self._look(name, keep=False)
            if now.differs(was) and (left is None or not now.differs(left.seen[name])):
                _put(name, was.copy())
                if self._look(name, keep=False).differs(was):
                    lost.append(name)
        for variable in _changed(before.environment):
            if left is not None and left.variable(variable) != os.environ.get(variable):
                continue
            was_set = before.variable(variable)
            if was_set is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = was_set
        return lost

    # -- restoring -------------------------------------------------------------------------

    def restore(self, changed: Mapping[str, Binding], step: str) -> list[str]:
        """Put there what a step had changed; the names of those that are not as it left them.
        Raises :class:`StoreError`."""
        return [n for n, b in changed.items() if not self._restored(n, b, step)]

    def _restored(self, name: str, binding: Binding, step: str) -> bool:
        self._assumed.pop(name, None)
        actual = self._actual(name)
        if name.startswith("$") and not binding.version:
            return name[1:] in os.environ  # whatever credential it is
        self._note(name, value_of(name))
        if binding.version and actual == binding.version:
            return True
        done = self._set(name, binding)
        actual = self._actual(name)
        if actual != binding.version or not done:
            self._assumed[name] = _Assumed(binding.version, actual, step, not done)
        return done

    def _set(self, name: str, binding: Binding) -> bool:
        if not binding.artifact and binding.version != ABSENT:
            return False
        try:
            value = self._namespace.load_value(binding) if binding.artifact else GONE
            _put(name, value)
        except StoreError:
            raise
        except BaseException as error:  # of any kind: it is the value's own code, or the module's
            if not own_failure(error):
                raise
            return False
        return True

    def move(self, before: Iterable[Execution], target: Iterable[Execution]) -> list[str]:
        """Go from where some executions led to where others did; the names of those that are not as
        they were there, as far as steps were given them. Raises :class:`StoreError`."""
        before, target = list(before), list(target)
        there = {name: (b, x.step) for x in target for name, b in x.around.items()}
        lost = [n for n, (b, step) in there.items() if not self._restored(n, b, step)]
        for name in {name for x in before for name in x.around} - there.keys():
            if name in sessions.NAMES:
                sessions.put(name, None)
                continue
            value = GONE if name.startswith("$") else self._literal(name)
            if name in self._first:
                _put(name, self._first[name])
            elif value is not GONE and owner(name)[0] is not None:
                _put(name, copy.deepcopy(value))
            elif value is GONE:
                lost.append(name)
        given = {name: version for x in target for name, version in x.given.items()}
        lost += [n for n in given if n not in there and self.version(n) not in (given[n], UNTOLD)]
        return sorted(set(lost))


def _of_variable(name: str, value: str | None) -> str:
    if is_secret_variable(name):
        return UNTOLD
    if value is None:
        return ABSENT
    return blake3.blake3(f"{name}={value}".encode(errors="surrogateescape")).hexdigest(8)


def _environment() -> dict[Any, Any]:
    """The environment as the process has it, in bytes where it is not decoded yet: each cell
    compares all of it."""
    return dict(getattr(os.environ, "_data", os.environ))


def _changed(environment: Mapping[Any, Any]) -> set[str]:
    """The variables that are not as they were in this environment."""
    now = _environment()
    if now == environment:
        return set()
    return {os.fsdecode(n) for n in now.keys() | environment if environment.get(n) != now.get(n)}


def _nothing() -> None:
    """In place of a session in which nothing is."""


def _put(name: str, value: Any) -> None:
    """Give a variable of a module a value. A list, a dict or an object that others hold as well
    stays itself, and gets what is in the other one."""
    if name in sessions.NAMES:
        sessions.put(name, value)
        return
    holder, own = owner(name)
    if holder is None:
        importlib.import_module(name.rpartition(".")[0])
        holder, own = owner(name)
    there = held_by(holder).get(own, GONE)
    kind = type(there)
    if value is GONE:
        if there is not GONE:
            delattr(holder, own)
    elif kind is not type(value) or there is value:
        setattr(holder, own, value)
    elif issubclass(kind, list):
        list.__setitem__(there, slice(None), value)
    elif issubclass(kind, dict):
        contents.refill(there, value.items())
    elif issubclass(kind, (set, deque, bytearray)):
        contents.refill(there, value)
    elif is_open(there):
        give(value, there)
    else:
        setattr(holder, own, value)
