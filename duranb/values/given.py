"""How an instance is given its state without code of its class.

Pickle makes an empty instance, and gives it its attributes last. If it is in a set or a dict that
it holds itself, it is hashed before that, and a ``__hash__`` of the user's finds nothing: the
attributes that lead nowhere (a name, a number) are there from the start here. What is in slots is
given by ``setattr``, and a class whose instances cannot be changed refuses that: here it is put
where it belongs.
"""

from __future__ import annotations

from typing import Any

from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, module_of, mro_of
from duranb.values import leftover
from duranb.values.attributes import give
from duranb.values.held import installed
from duranb.values.immutable import is_atom
from duranb.values.newborn import NEW, SAYS, in_python, make


def reduction(obj: Any, found: Any) -> Any:
    """How an instance is pickled, where it is otherwise pickled as ``found`` says (None: as its own
    class does)."""
    kind: Any = type(obj)
    if not runs_code(kind):
        return found
    if found is None:
        found = obj.__reduce_ex__(5)
    if type(found) is not tuple or len(found) > _SETTER or found[0] not in (NEW, make):
        return found
    how, arguments, state, items, pairs = (*found, None, None, None)[:_SETTER]
    own, slots = state if leftover.is_pair(state) else (state, None)
    if type(own) not in (dict, type(None)):
        return found  # a built-in class's own: a stream's content and place
    early = _leading_nowhere(own or {}), _leading_nowhere(slots or {})
    if runs_hash(kind) and any(early) and early != (own or {}, slots or {}):
        how, arguments = begun, (how, arguments, *early)
    elif not slots:
        return found
    return how, arguments, (own, slots), items, pairs, give


_SETTER = 5
"""Where a reduction names what gives the state."""


def begun(how: Any, arguments: tuple[Any, ...], own: dict[str, Any], slots: dict[str, Any]) -> Any:
    """An instance with the first of its attributes, and of what is in its slots."""
    made = how(*arguments)
    give(made, (own or None, slots))
    return made


def _leading_nowhere(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if _leads_nowhere(value)}


def _leads_nowhere(value: Any) -> bool:
    kind = type(value)
    return is_atom(value) or (kind in (tuple, frozenset) and all(map(_leads_nowhere, value)))


@once_a_class
def runs_code(kind: Any) -> bool:
    """Whether giving an instance its state runs code of the user's, or needs it."""
    bases = mro_of(kind)
    if any(in_python(dict_of(base).get(name)) for base in bases for name in SAYS):
        return False
    sets = in_python(_first(kind, "__setattr__")) and any("__slots__" in dict_of(b) for b in bases)
    return sets or runs_hash(kind)


@once_a_class
def runs_hash(kind: Any) -> bool:
    """Whether to hash an instance runs code of the user's."""
    return in_python(_first(kind, "__hash__"))


def _first(kind: Any, name: str) -> Any:
    """A method that a class of the user's has; None where another class has it."""
    base = next(base for base in mro_of(kind) if name in dict_of(base))
    return None if installed(module_of(base)) else dict_of(base)[name]
