"""What a function did to the values that it was given, kept so that it can be done to equal ones.

A function's result may hold parts of its arguments, and it may have changed these in place. Both
are told by the parts' numbers: two values of one version are built alike, so that walking them in
the same order meets the same parts. The result, the new state of the parts and the globals are
stored in one artifact, which keeps what they share. When it is loaded, the live parts stand for the
stored ones, and take in their state (:mod:`duranb.state.alive`).
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from duranb.code.looking import own_failure
from duranb.code.moving import steady
from duranb.record.events import Binding
from duranb.state import alive, randomness
from duranb.state.capture import NO_NAME, Capture
from duranb.state.classes import bound
from duranb.state.linking import copied, parts
from duranb.state.overlapping import fits, looked_at, lying_in
from duranb.state.placeholder import Placeholder
from duranb.state.unstorable import is_unstorable
from duranb.state.untold import gives, is_begun, is_definition
from duranb.values.immutable import is_atom, is_immutable
from duranb.values.views import is_array

_PARTS = "\0parts"
_CHANGED = "\0changed"
_GLOBALS = "\0globals"
_RANDOM = "\0random"
_LYING = "\0lying"


def can_change(value: object) -> bool:
    """Whether a function can change a value in place so that another one can tell."""
    return not is_atom(value) and not is_definition(value)


class NotAlike(Exception):
    """The values are not built as those were that the function had been given."""


@dataclass
class Given:
    """Values that a function can reach, before it runs: ``values`` by how messages call them.
    ``iterators`` are those in them of which no record tells what they have yet to give."""

    capture: Capture
    values: Mapping[str, Any]
    versions: dict[str, str] = field(default_factory=dict)
    parts: list[object] = field(default_factory=list)
    iterators: dict[str, list[object]] = field(default_factory=dict)

    @classmethod
    def now(cls, capture: Capture, values: Mapping[str, Any], versions: Mapping[str, str]) -> Given:
        """As they are. ``versions`` are those that are known."""
        found = {n: v for n, v in sorted(values.items()) if can_change(v)}
        known = {n: versions.get(n) or capture.version(v) for n, v in found.items()}
        its = numbered(found, capture.live)
        iterators = {}
        if any(gives(part) or _is_whole(part) for part in its):
            iterators = {n: met for n, v in found.items() if (met := _iterators(capture, v))}
        return cls(capture, found, known, its, iterators)

    def read(self) -> list[str]:
        """Those in which an iterator may have come further, which neither their versions nor a
        record can tell: a generator, a file's reader, a stream."""
        return [n for n, found in self.iterators.items() if any(map(is_begun, found))]

    def changed(self) -> list[str]:
        """Those that are not what they were."""
        return [n for n, v in self.values.items() if self.capture.version(v) != self.versions[n]]

    def keep(
        self,
        result: object,
        changed: Iterable[str],
        rebound: Mapping[str, Any],
        random: Mapping[str, Any],
    ) -> tuple[Binding, dict[str, Binding]] | None:
        """Store a result with all that was ``changed``, the globals that were ``rebound`` and the
        state of ``random`` generators; the bindings of the result and of what was changed. None if
        the result is all there is."""
        now = {n: self.values[n] for n in changed}
        if not (now or rebound or random) and (is_atom(result) or not self.parts):
            return None
        made = numbered([result, now, dict(rebound)], self.capture.live)
        reached = {id(p) for p in made}
        its = {k: p for k, p in enumerate(self.parts) if id(p) in reached}
        lying = lying_in(made, self.parts)
        if not (now or rebound or random or its or lying):
            return None
        held = {
            NO_NAME: result,
            _PARTS: (len(self.parts), its),
            _CHANGED: now,
            _GLOBALS: dict(rebound),
            _RANDOM: dict(random),
            _LYING: lying,
        }
        try:
            dump = self.capture.dump_values(held)
        except BaseException as error:  # of any kind: pickling runs the values' own code
            if not own_failure(error):
                raise
            return self.capture.refusal(result, error), {}
        artifact = self.capture.keep(dump)
        bindings = {
            name: self.capture.binding(value, artifact, dump)
            for name, value in {**now, **rebound}.items()
        }
        return self.capture.binding(result, artifact, dump), bindings


def _iterators(capture: Capture, value: object) -> list[object]:
    """The iterators in a value that cannot be stored."""
    met = (part for part in parts({NO_NAME: value}, capture.live) if gives(part))
    return [part for part in met if is_unstorable(capture.version(part))]


def numbered(values: Any, live: dict[str, Any], *, by_name: bool = False) -> list[object]:
    """The parts of values, in order; what takes its state as a whole is one. ``by_name``: see
    :func:`duranb.state.linking.parts`."""
    return parts(values, live, _is_whole, by_name=by_name) if values else []


def _is_whole(value: object) -> bool:
    kind = type(value)
    if is_array(kind) or is_immutable(value) or isinstance(value, _BUILTIN) or _is_tuple(value):
        return False
    return kind is not types.CellType and not alive.is_open(value)


def cannot_take(value: object) -> bool:
    """Whether a value that was changed in place could not be given that state another time."""
    return not is_immutable(value) and not _is_tuple(value) and _content(value) is None


def _is_tuple(value: object) -> bool:
    """Whether a value is a tuple, a named one too, and nothing else: what changes are its parts."""
    kind = type(value)
    return issubclass(kind, tuple) and not kind.__dictoffset__


def again(
    capture: Capture,
    values: Mapping[str, Any],
    artifact: str,
    live: dict[str, Any],
    *,
    by_name: bool = False,
) -> Any:
    """Do to ``values`` what a function did to equal ones; the result. Its globals are bound in
    ``live``, and the random generators are put where it left them. ``by_name``: it was done in an
    imported module.

    Raises :class:`NotAlike`, having changed nothing, and what loading raises.
    """
    loaded = {n: bound(v) for n, v in capture.load(artifact).items()}
    result = loaded[NO_NAME]
    if _PARTS not in loaded:
        return result
    found = {n: v for n, v in sorted(values.items()) if can_change(v)}
    met = numbered(found, capture.live, by_name=by_name)
    count, its = loaded[_PARTS]
    if count != len(met):
        raise NotAlike
    for number, part in its.items():
        if type(part) is not type(met[number]) and type(part) is not Placeholder:
            raise NotAlike
    stand_for = {id(part): met[number] for number, part in its.items()}
    lying = loaded.get(_LYING, ())  # not in what earlier versions recorded
    if not all(is_array(type(met[each[1]])) and fits(each, met[each[1]]) for each in lying):
        raise NotAlike
    stand_for |= {id(each[0]): looked_at(each, met[each[1]]) for each in lying}
    states: list[tuple[int, Any]] = []
    memory: list[tuple[int, Any]] = []
    if loaded[_CHANGED]:
        for number, part in its.items():
            if is_array(type(part)) and not part.dtype.hasobject:
                memory.append((number, part))
            elif (content := _content(part)) is not None:
                states.append((number, content))
    globals_ = loaded[_GLOBALS]
    if stand_for:
        try:
            result, states, globals_ = copied(capture, [result, states, globals_], stand_for)
        except BaseException as error:  # of any kind: pickling runs the values' own code
            if not own_failure(error):
                raise
            raise NotAlike from error  # what it holds goes by itself, and not apart from it
    for number, content in states:
        _give(content, met[number])
    for number, part in memory:
        cast(Any, met[number])[...] = part
    live.update(globals_)
    if loaded[_RANDOM]:
        randomness.set_state(loaded[_RANDOM])
    return result


# -- the state of one object, without that of the objects in it --------------------------------


def _content(value: Any) -> tuple[str, Any] | None:
    """What an object holds, with how it is given to another one of its type; None if it cannot."""
    kind = type(value)
    if kind is types.FunctionType:
        return "function", None
    if kind is types.CellType:
        try:
            return "cell", value.cell_contents
        except ValueError:
            return None
    if isinstance(value, _BUILTIN):
        return "given", alive.Items.of(value)
    if is_array(kind):
        return "array", value.ravel().tolist() if value.dtype.hasobject else None
    if alive.is_open(value):
        return "given", alive.State.of(value)
    if hasattr(kind, "bit_generator"):
        return "generator", value.bit_generator.state
    if getattr(kind, "__setstate__", None) is not None:
        try:
            reduced = steady(lambda: value.__reduce_ex__(4))
        except BaseException as error:  # of any kind: it is the value's own code
            if not own_failure(error):
                raise
            return None
        if isinstance(reduced, tuple) and len(reduced) > 2 and reduced[2] is not None:
            return "state", reduced[2]
    return None


_BUILTIN = (dict, list, bytearray, deque, set)


def _give(content: tuple[str, Any], value: Any) -> None:
    how, state = content
    if how == "function":
        return  # its variables are parts of their own
    if how == "array":
        value.flat[:] = state
    elif how == "cell":
        value.cell_contents = state
    elif how == "generator":
        value.bit_generator.state = state
    elif how == "state":
        value.__setstate__(state)
    else:
        state.into(value)
