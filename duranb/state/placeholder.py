"""What stands for a value that could not be stored."""

from __future__ import annotations

from typing import Any, NoReturn

from duranb.errors import NotRestorable
from duranb.record.events import Binding


class Placeholder:
    """Says on first use what it was, why it is not there, and what to do."""

    __slots__ = ("_duranb_message", "_duranb_why")

    def __init__(self, name: str, binding: Binding) -> None:
        object.__setattr__(self, "_duranb_why", binding.why)
        object.__setattr__(
            self,
            "_duranb_message",
            f"{name} was a {binding.type} and could not be brought back ({binding.why}). Run the "
            "cells again, from the one that makes it on, or register how with "
            f"duranb.reconnect({binding.type!r})",
        )

    def __repr__(self) -> str:
        return f"<not restored: {object.__getattribute__(self, '_duranb_message')}>"

    def __getattribute__(self, name: str) -> Any:
        # IPython looks for display methods on anything it shows; that is no use of the value.
        if name.startswith(("__", "_repr_", "_ipython_", "_duranb_")) and name != "__dict__":
            return object.__getattribute__(self, name)
        return _refuse(self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse(self)

    def __reduce__(self) -> tuple[Any, ...]:
        # What holds one is stored with it; it stays what it is.
        words = (object.__getattribute__(self, slot) for slot in Placeholder.__slots__)
        return _again, tuple(words)


def _again(message: str, why: str) -> Placeholder:
    made = Placeholder("", Binding("", "", "", why))
    object.__setattr__(made, "_duranb_message", message)
    return made


def part(kind: str, why: str) -> Placeholder:
    """What stands for a part of a stored value."""
    return Placeholder("a part of this value", Binding("", "", kind, why))


def absent(kind: str, where: str) -> Placeholder:
    """What stands for a secret that is not found where it was."""
    how = (
        f"give it again as {where}"
        if where
        else "in the environment, or the keyring, it is found by itself; give it again"
    )
    why = f"a secret is never stored: {how}, or run the cell that makes it"
    return _again(f"a {kind} could not be brought back: {why}", why)


def why(value: Placeholder) -> str:
    """Why the value is not there."""
    return str(object.__getattribute__(value, "_duranb_why"))


def _refuse(self: Any, *args: object, **kwargs: object) -> NoReturn:
    raise NotRestorable(object.__getattribute__(self, "_duranb_message"))


for _name in (
    *("call", "iter", "next", "len", "getitem", "setitem", "delitem", "contains", "bool"),
    *("add", "radd", "sub", "mul", "truediv", "enter", "exit", "await", "aiter", "anext"),
    *("aenter", "aexit", "eq", "lt", "gt", "le", "ge", "int", "float", "index", "str"),
):
    setattr(Placeholder, f"__{_name}__", _refuse)
Placeholder.__hash__ = object.__hash__  # type: ignore[method-assign]
