"""What a library's objects work out when they are first asked, and keep: no state of theirs.

``functools.cached_property`` puts what it gave into the object's attributes. An object that was
only asked would look changed, and a step that is given it would run again. Where the property is
an installed package's, such a value is left out: whoever asks next has it worked out again. So does
a ``__repr__`` that keeps what it gave where there was None: to show a value is no change; and what
a class notes of the clock.
"""

from __future__ import annotations

import dis
import functools
import types
from typing import Any

from duranb.code import looking
from duranb.code.kinds import once_a_class
from duranb.code.looking import module_of
from duranb.values import held


def reduction(value: Any) -> tuple[Any, ...] | None:
    """The pickle reduction of an object that keeps such values, without them; None for any other,
    and for one that has a way of its own to be pickled."""
    kind = type(value)
    names = _properties(kind)  # type: ignore[arg-type, unused-ignore]
    shown = _shown(kind)  # type: ignore[arg-type, unused-ignore]
    if not (names or shown):
        return None
    own = looking.own(value)
    unset = {name: None for name in shown if own.get(name) is not None}
    if not unset and names.isdisjoint(own):
        return None
    reduced = value.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or len(reduced) < 3:
        return None
    state = _without(reduced[2], names, unset)
    return None if state is None else (*reduced[:2], state, *reduced[3:])


@once_a_class
def _properties(kind: type) -> frozenset[str]:
    clocks = {_CLOCKS.get(looking.full_name(base), "") for base in _bases(kind)} - {""}
    return frozenset(
        name
        for base in _bases(kind)
        for name, attribute in vars(base).items()
        if isinstance(attribute, functools.cached_property)
    ).union(clocks)


@once_a_class
def _shown(kind: type) -> frozenset[str]:
    shows = (vars(base).get("__repr__") for base in _bases(kind))
    codes = (f.__code__ for f in shows if type(f) is types.FunctionType)
    return frozenset(name for code in codes for name in _kept(code))


_CLOCKS = {
    "http.cookiejar.CookieJar": "_now",
    "http.cookiejar.DefaultCookiePolicy": "_now",
}
"""What a class notes of the time whenever it is used, and reads nowhere else: each request of a
``requests.Session`` would change it."""


def _bases(kind: type) -> list[type]:
    """The classes of installed packages that it is made of; none where it has a way of its own to
    be pickled."""
    if any(getattr(kind, n) is not getattr(object, n) for n in ("__reduce_ex__", "__reduce__")):
        return []
    return [base for base in kind.__mro__ if held.installed(module_of(base))]


def _kept(code: types.CodeType) -> set[str]:
    """The attributes that a method sets where they are None."""
    found = [i for i in dis.get_instructions(code) if i.opname not in _BETWEEN]
    asked, kept = set(), set()
    for each, after, last in zip(found, found[1:], [*found[2:], found[-1]], strict=False):
        is_none = after.opname == "LOAD_CONST" and after.argval is None and last.opname == "IS_OP"
        if each.opname == "LOAD_ATTR" and (is_none or after.opname.endswith("NONE")):
            asked.add(each.argval)
        of_itself = each.opname.startswith("LOAD_FAST") and code.co_varnames[:1] == (each.argval,)
        if of_itself and after.opname == "STORE_ATTR":
            kept.add(after.argval)
    return asked & kept


_BETWEEN = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PRECALL", "COPY"})


def _without(state: Any, names: frozenset[str], unset: dict[str, None]) -> Any:
    """Of an object's state: its attributes, these with its slots, or as pydantic has it."""
    if type(state) is tuple and len(state) == 2 and type(state[0]) is dict:
        return _without(state[0], names, unset), state[1]
    if type(state) is not dict:
        return None
    if type(state.get("__dict__")) is dict:
        return state | {"__dict__": _without(state["__dict__"], names, unset)}
    return {n: unset.get(n, value) for n, value in state.items() if n not in names}
