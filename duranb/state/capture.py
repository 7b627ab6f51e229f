"""Values as artifacts: one name, a group of names, or a value without one."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from duranb.code import registered
from duranb.code.looking import (
    dict_of,
    full_name,
    is_class,
    module_of,
    mro_of,
    name_of,
    own_failure,
    said,
    which,
)
from duranb.errors import StoreError
from duranb.record.artifacts import Artifacts
from duranb.record.events import Binding
from duranb.state import pending, reconnect, revealing
from duranb.state.adapters import drawn
from duranb.state.classes import bound, whole
from duranb.state.drawing import undrawn
from duranb.state.placeholder import Placeholder, absent, part, why
from duranb.state.previews import preview, type_name
from duranb.state.unstorable import UNSTORABLE
from duranb.values import cached, canonical, codec, held
from duranb.values.buffers import Known
from duranb.values.hidden import is_hidden
from duranb.values.met import Definitions
from duranb.values.missing import Missing
from duranb.values.standing import LIVE
from duranb.values.target import Target, live_namespace
from duranb.values.walks import Descriptions

NONE: Mapping[str, type] = MappingProxyType({})

NO_NAME = ""
"""The name under which a value without one lies in its artifact."""

UNSETTLED = f"{UNSTORABLE}unsettled "
"""The version of what is another each time that it is looked at: its type stands for it."""

_UNSETTLED_WHY = (
    "each look at it gives other content, since its own __getstate__, __reduce__ or "
    "__getattribute__ changes something: it is stored as it was when it was looked at, and a "
    "change of it does not make other steps run again"
)

_LOOKED_AT_TWICE = 1 << 16
"""Bytes up to which a value with own code for pickling is looked at twice."""

_SMALL = 1 << 13

_OWN = ("__getstate__", "__reduce__", "__reduce_ex__", "__getattribute__", "__getnewargs_ex__")


def reduction(value: Any) -> tuple[Any, ...] | None:
    """How a value is pickled that cannot be as it is, or None."""
    if pending.is_pending(value):
        return pending.same, (pending.itself(value),)
    return reconnect.reduction(value) or cached.reduction(value)


def told(value: Any) -> tuple[Any, ...] | None:
    """The same, for the value's version."""
    found = reduction(value) or drawn.reduction(value)
    return reconnect.versioned(found) if found and found[0] is reconnect.remake else found


def not_loaded(error: BaseException) -> str:
    """Why a stored value is not there."""
    return f"loading it raised {said(error)}"


def is_unsettled(version: str) -> bool:
    """Whether a version is that of what is another each time that it is looked at."""
    return version.startswith(UNSETTLED)


def _pickles_itself(code: type) -> bool:
    """Whether pickling an instance of this class runs code in Python of its own."""
    own = (dict_of(kind).get(name) for kind in mro_of(code) for name in _OWN)
    return any(type(each) is types.FunctionType for each in own)


def _stand_in(failures: list[BaseException], maker: str, error: BaseException) -> Placeholder:
    failures.append(error)
    return Placeholder(f"what {maker} made", Binding("", "", "value", not_loaded(error)))


def _named(name: str, kind: str, why: str) -> object:
    """What the live namespace has under a name, if that is of this type; else a placeholder."""
    value = live_namespace().get(name)
    return value if full_name(type(value)) == kind else part(kind, why)


class Capture:
    """Dumps values of one live namespace, and loads them back into it. ``classes`` gives the
    notebook's classes that live values are made of."""

    def __init__(
        self, live: dict[str, Any], artifacts: Artifacts, classes: Callable[[], Collection[type]]
    ) -> None:
        self.live = live
        self._artifacts = artifacts
        self._classes = classes
        self._known = Known()
        self.described: Descriptions | None = None
        """What is known of parts of values, where nothing changes them for a while."""
        self.definitions: Definitions | None = None
        """The same of the definitions of classes."""
        self._settled: dict[int, type] = {}
        """Classes of installed libraries whose instances stayed as they were when looked at."""

    def dump(self, names: Iterable[str]) -> codec.Dump:
        """The values of some names, together; without those parts of them that cannot be pickled.
        Raises what pickling raises when one of the values is such a thing itself."""
        return self.dump_values({name: self.live[name] for name in sorted(names)})

    def _whole(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What stands for values in an artifact. A name for the namespace (``g = globals()``) stays
        one, and holds nothing of it."""
        return {n: LIVE if v is self.live else whole(v) for n, v in values.items()}

    def dump_values(self, values: dict[str, Any]) -> codec.Dump:
        """The same for values that are not bound in the live namespace."""
        try:
            stored = self._whole(values)
            root = min(values, default=NO_NAME)
            return codec.dump(stored, self.live, reduction, definitions=self.definitions, root=root)
        except BaseException as error:  # of any kind: pickling runs the values' own code
            if not own_failure(error):
                raise
            missing = Missing(self._absent())
            made = codec.dump(values, self.live, reduction, missing)
            if any(id(value) in missing.found for value in values.values()):
                raise
            return made

    def _absent(self) -> Callable[[object, str], tuple[Any, ...]]:
        """What stands for a part that cannot be stored. One that has a name of its own is looked up
        when it is loaded: the cells may have made it again."""
        names = {id(value): name for name, value in list(self.live.items()) if not is_hidden(name)}

        def stand_in(value: object, why: str) -> tuple[Any, ...]:
            kind = full_name(type(value))
            return (
                (_named, (names[id(value)], kind, why))
                if id(value) in names
                else (part, (kind, why))
            )

        return stand_in

    def can_dump(self, name: str) -> bool:
        """Whether a value can be stored, in part at least."""
        try:
            self.dump([name])
        except BaseException as error:  # of any kind: pickling runs the value's own code
            if not own_failure(error):
                raise
            return False
        return True

    def keep(self, dump: codec.Dump) -> str:
        """Store a dump; its digest."""
        return dump.put(self._artifacts, self._known)

    def store_anew(self) -> None:
        """Refer to no part that was stored before: it may have been taken out of the store."""
        self._known = Known()

    def version(
        self, value: object, described: Descriptions | None = None, *, has_sets: bool = False
    ) -> str:
        """The version of a value: equal content, equal version, in every process."""
        if pending.is_pending(value):
            value = pending.itself(value)
        if value is self.live:
            value = LIVE  # whoever reads it reads names, which are inputs of their own
        return canonical.version(value, self.live, told, described, has_sets=has_sets)

    def binding(self, value: object, artifact: str, dump: codec.Dump) -> Binding:
        """What is recorded of a stored value, with what of it is missing."""
        why = ""
        if dump.missing is not None:
            parts = [f"{name_of(type(part))}: {w}" for part, w in dump.missing.found.values()]
            why = "without its " + "; ".join(parts[:3])
        if registered.is_registered(value):
            why = registered.WHY
        version = self.version(value, self.described, has_sets=dump.has_sets)
        if self._is_unsettled(value, version, dump):
            why = why or _UNSETTLED_WHY
            version = UNSETTLED + type_name(value)
        shown = preview(value)
        return Binding(artifact, version, type_name(value), why, dump.size, shown, dump.python)

    def _is_unsettled(self, value: object, version: str, dump: codec.Dump) -> bool:
        """Whether looking at a value changes what is seen: a ``__getstate__`` that counts, say. Its
        content tells nothing then, and must not make steps run again for ever."""
        if dump.size > _LOOKED_AT_TWICE:
            return False
        met = (each for each in dump.met.code if is_class(each))
        own = [k for k in met if which(k) not in self._settled and _pickles_itself(k)]
        if dump.size > _SMALL:  # of a library's classes those that do so are known to be few
            own = [kind for kind in own if module_of(kind) == "__main__"]
        if not own:
            return False
        if self.version(value) != version:
            return True
        seen = dump.kinds.keys()  # a class that is only named says nothing of its instances
        self._settled |= {which(k): k for k in own if k in seen and held.installed(module_of(k))}
        return False

    @staticmethod
    def refusal(value: object, error: BaseException) -> Binding:
        """What is recorded of a value that could not be stored."""
        kind = type_name(value)
        return Binding("", UNSTORABLE + kind, kind, said(error), 0, preview(value))

    def value(self, value: object) -> Binding:
        """Store a value that has no name: a result, arguments."""
        revealing.look("", value)
        try:
            made = self.dump_values({NO_NAME: value})
        except BaseException as error:  # of any kind: pickling runs the value's own code
            if not own_failure(error):
                raise
            return self.refusal(value, error)
        return self.binding(value, self.keep(made), made)

    def load(
        self,
        artifact: str,
        own: Collection[str] = (),
        others: Collection[str] = (),
        settled: Mapping[str, type] = NONE,
        in_place: Collection[str] = (),
        chosen: dict[str, list[type]] | None = None,
        unread: list[str] | None = None,
    ) -> dict[str, Any]:
        """The names and values of an artifact, not bound yet (:mod:`duranb.state.classes`);
        placeholders where one, or a part of one, cannot be loaded any more. ``own`` names are to be
        bound, ``others`` by other artifacts, those ``in_place`` to what they are bound to;
        ``settled`` are the classes among those that were loaded before, ``chosen`` those that come
        before others of the same code; ``unread`` is added to where a part cannot be loaded: why.
        Raises
        :class:`duranb.errors.StoreError`, and what loading raises where it leaves nothing."""
        known = {} if chosen is None else chosen
        gone: dict[str, None] = {}
        """Why secrets in it are not there."""

        def stand_in(kind: str, where: str) -> Placeholder:
            made = absent(kind, where)
            gone[why(made)] = None
            return made

        into = Target(self.live, own, others, settled, self._classes, known, in_place, stand_in)
        load = partial(codec.load, self._artifacts, artifact, into)
        with undrawn():
            try:
                found: dict[str, Any] = load()
            except StoreError:
                raise
            except BaseException as error:  # of any kind: loading runs the values' own code
                if not own_failure(error):
                    raise
                failures = list[BaseException]()
                found = load(partial(_stand_in, failures))
                if unread is not None and failures:
                    unread.append(not_loaded(failures[0]))
            if unread is not None:
                unread += gone
            return found

    def load_value(self, binding: Binding, name: str) -> Any:
        """One value; a placeholder where it was never stored."""
        if not binding.artifact:
            return Placeholder(name or "the result", binding)
        return bound(self.load(binding.artifact)[name])
