"""What a library's objects work out when they are first asked, and keep: no state of theirs.

``functools.cached_property`` puts what it gave into the object's attributes. An object that was
only asked would look changed, and a step that is given it would run again. Where the property is
an installed package's, such a value is left out: whoever asks next has it worked out again.
"""

from __future__ import annotations

import functools
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
    if not names or names.isdisjoint(looking.own(value)):
        return None
    reduced = value.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or len(reduced) < 3:
        return None
    state = _without(reduced[2], names)
    return None if state is None else (*reduced[:2], state, *reduced[3:])


@once_a_class
def _properties(kind: type) -> frozenset[str]:
    if any(getattr(kind, n) is not getattr(object, n) for n in ("__reduce_ex__", "__reduce__")):
        return frozenset()
    return frozenset(
        name
        for base in kind.__mro__
        if held.installed(module_of(base))
        for name, attribute in vars(base).items()
        if isinstance(attribute, functools.cached_property)
    )


def _without(state: Any, names: frozenset[str]) -> Any:
    """Of an object's state: its attributes, these with its slots, or as pydantic has it."""
    if type(state) is tuple and len(state) == 2 and type(state[0]) is dict:
        return _without(state[0], names), state[1]
    if type(state) is not dict:
        return None
    if type(state.get("__dict__")) is dict:
        return state | {"__dict__": _without(state["__dict__"], names)}
    return {name: value for name, value in state.items() if name not in names}
