"""What the functions of a class hold: variables of the function that made it, defaults, attributes.

A class is pickled by its definition, which lies in a pickle of its own. Its methods may share a
variable (``nonlocal``) with other functions that were made beside it, and hold a list that has a
name as well, as a default or in a decorator's closure. So the definition does not stand alone: what
its functions hold is state of the class (:func:`duranb.values.classes.holds`), and a variable that
other functions have too is pickled as a variable of the class.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from duranb.code import compiled, identity
from duranb.code.looking import is_class, module_of, mro_of
from duranb.values.definitions import content

NAME = "<enclosed>"
"""What the functions hold stands under this name among what a class holds: no attribute's."""

Where = tuple[int, str, int]
"""A function of a class: the class it is from, by its number in the method resolution order; the
attribute; its number among the functions that are met in that."""

Place = tuple[Where, str | int]
"""With the name of a variable, the number or name of a default, or the name of an attribute after a
dot."""

Owners = dict[int, tuple[type, Place]]
"""The classes that variables belong to, by the ids of the variables."""

_OF_DATACLASSES = "__create_fn__."
"""The function in which dataclasses make methods: its variables are the fields' types and defaults.
"""

_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type)


class IsState(Protocol):
    """Says of a value whether it can be changed, and so be state that others share."""

    def __call__(self, value: object, /) -> bool: ...


def functions(cls: type) -> Iterator[tuple[Where, types.FunctionType]]:
    """The notebook's functions that a class and its bases are made of, with what they wrap, each
    with its place."""
    for number, base in enumerate(mro_of(cls)):
        for name, value in identity.attributes(base).items() if _is_notebooks(base) else ():
            for at, function in enumerate(_functions(value)):
                yield (number, name, at), function


def _functions(value: object) -> Iterator[types.FunctionType]:
    waiting, met = [value], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in met or is_class(each):
            continue
        met.add(id(each))
        waiting += identity.unwrapped(each)
        if type(each) is types.FunctionType and _is_written(each):
            yield each


def _is_written(function: types.FunctionType) -> bool:
    made = function.__code__.co_qualname.startswith(_OF_DATACLASSES)
    return identity.home(function) == "__main__" and not made


def _is_notebooks(cls: type) -> bool:
    return module_of(cls) == "__main__"


def variables(cls: type) -> dict[Place, types.CellType]:
    """The variables of closures that the functions of a class have, but for those that hold code:
    what a decorator wraps, and the class itself."""
    return {
        (where, name): cell
        for where, function in functions(cls)
        for name, cell in _closure(function).items()
        if (held := content(cell)) and not issubclass(type(held[0]), _CODE)
    }


def _closure(function: types.FunctionType) -> dict[str, types.CellType]:
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def held(cls: type, is_state: IsState) -> tuple[list[types.CellType], dict[Place, Any]] | None:
    """The variables, with what is in them, and what is state among the rest; None for nothing."""
    cells = variables(cls)
    found: dict[Place, Any] = {place: cell.cell_contents for place, cell in cells.items()}
    for where, function in functions(cls):
        rest = {**_defaults(function), **_attributes(function)}
        found |= {(where, name): value for name, value in rest.items() if is_state(value)}
    return (list({id(cell): cell for cell in cells.values()}.values()), found) if found else None


def _defaults(function: types.FunctionType) -> dict[str | int, Any]:
    found: dict[str | int, Any] = dict(enumerate(function.__defaults__ or ()))
    found.update((function.__kwdefaults__ or {}).items())
    return found


def _attributes(function: types.FunctionType) -> dict[str | int, Any]:
    return {
        f".{name}": v for name, v in compiled.lasting(function).items() if name != "__wrapped__"
    }


def give(cls: type, given: tuple[object, Mapping[Place, Any]]) -> None:
    """Give the functions of a class what those of an equal one held."""
    cells = variables(cls)
    rest = {}
    for place, value in given[1].items():
        if place in cells:
            cells[place].cell_contents = value
        else:
            rest[place] = value
    for where, function in functions(cls) if rest else ():
        now = {n: rest.get((where, n), value) for n, value in _defaults(function).items()}
        if function.__defaults__:
            function.__defaults__ = tuple(now[n] for n in range(len(function.__defaults__)))
        if function.__kwdefaults__:
            function.__kwdefaults__ = {n: now[n] for n in function.__kwdefaults__}
        for name in _attributes(function):
            if (where, name) in rest:
                function.__dict__[str(name)[1:]] = rest[where, name]


def variable(cls: type, place: Place) -> types.CellType:
    """The variable that the functions of a class have. Raises LookupError where they have none."""
    for where, function in functions(cls):
        for name, cell in _closure(function).items() if where == place[0] else ():
            if name == place[1]:
                return cell
    raise LookupError(f"the functions of {cls.__qualname__} have no variable {place[1]}")


class Variables:
    """The variables of closures in one pickle: those that belong to classes, by their ids, and what
    was pickled as belonging to none. ``known`` are those that another try has found."""

    def __init__(self, known: Owners | None = None) -> None:
        self.of: Owners = dict(known or {})
        self._alone: set[int] = set()
        self._of_functions: set[int] = set()

    def filled(self, variables: Iterable[types.CellType]) -> None:
        """These are filled by a function that is pickled: they may hold it."""
        self._of_functions.update(map(id, variables))

    def note(self, cls: type, its: Mapping[Place, types.CellType]) -> None:
        """A class is pickled, and these are its variables."""
        for place, cell in its.items():
            self.of.setdefault(id(cell), (cls, place))

    def reduction(self, cell: types.CellType) -> tuple[Any, ...] | None:
        """As a variable of a class, or an empty one that a function fills; None for any other."""
        found = self.of.get(id(cell))
        if found is not None:
            return variable, found
        self._alone.add(id(cell))
        return (types.CellType, ()) if id(cell) in self._of_functions else None

    @property
    def are_torn(self) -> bool:
        """Whether one was pickled before the class that it belongs to."""
        return not self._alone.isdisjoint(self.of)
