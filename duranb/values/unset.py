"""A variable that has no value yet, where a function has to return one for it.

A notebook's cell may leave a name unbound: nobody minds, as long as nobody reads it. What it was
exported to is a function, which returns something for each name that others might read.
"""

from __future__ import annotations

from typing import Any, NoReturn


class Unset:
    """Stands for the value of a variable that has none. Whatever is done with it raises NameError,
    as reading the variable would."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def __reduce__(self) -> tuple[Any, ...]:
        return Unset, (object.__getattribute__(self, "_name"),)

    def __copy__(self) -> Unset:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Unset:
        return self

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)  # somebody only asks what kind of thing it is
        _raise(self)


def _raise(self: Unset, *args: object, **kwargs: object) -> NoReturn:
    name = object.__getattribute__(self, "_name")
    raise NameError(f"name {name!r} is not defined: the cell that may give it a value did not")


_COMPARING = ("eq", "ne", "lt", "le", "gt", "ge", "hash", "bool")
_ARITHMETIC = ("add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow")
_BITS = ("lshift", "rshift", "and", "xor", "or")
_UNARY = ("neg", "pos", "abs", "invert", "int", "float", "complex", "index", "round")
_HOLDING = ("len", "iter", "next", "contains", "getitem", "setitem", "delitem", "reversed")
_USING = ("call", "enter", "exit", "aenter", "aexit", "await", "aiter", "anext", "setattr")
_TELLING = ("repr", "str", "format", "bytes", "fspath")
for _each in (
    *(*_COMPARING, *_ARITHMETIC, *_BITS, *_UNARY, *_HOLDING, *_USING, *_TELLING),
    *(f"{side}{name}" for side in "ri" for name in (*_ARITHMETIC, *_BITS)),
):
    setattr(Unset, f"__{_each}__", _raise)


def unset(name: str) -> Any:
    """What a variable of this name is that a function has not given a value."""
    return Unset(name)
