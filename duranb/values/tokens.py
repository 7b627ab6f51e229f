"""What stands for code, and for what a library holds, in a value's version: the same in every
process."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any

from duranb.code import compiled, identity
from duranb.code.looking import full_name, is_a, module_name, module_of
from duranb.values import held, recipes, skeletons, texts, views
from duranb.values.immutable import is_imported


def array_of(obj: Any) -> tuple[Any, ...] | None:
    """An array of strings by its content: how many of them are one object is no part of that. Of
    one that cannot be written to this is said."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(obj) is not numpy.ndarray:
        return None
    return texts.content(obj) or (views.fixed(obj) or ())[:3] or None


def variable_of(obj: Any) -> tuple[Any, ...] | None:
    """A type variable of the notebook's by its content: which object it is, is no part of that."""
    if type(obj) is not typing.TypeVar or obj.__module__ != "__main__":
        return None
    return recipes.content, recipes.content(obj)


BY_NAME = ""
"""The token of what a library holds under its own name: pickle tells it by that."""

GENERIC = "generic"
"""The token of what pydantic made of a library's generic model: the model and its arguments tell
it. It says that it is from whoever first asked for it, and may lie there under its name."""


def token_of(obj: Any) -> str | None:
    """What tells code, a module or a bare ``object()``; None for anything else."""
    kind = type(obj)
    if kind is types.FunctionType:
        if identity.library(obj):
            return BY_NAME
        return f"function {identity.of_function(obj)}"
    if issubclass(kind, type):
        if (generic := skeletons.of_generic(obj)) and identity.library(generic[1][0]):
            return GENERIC
        if identity.library(obj):
            # types.MethodType says it is builtins.method, which is not there.
            return BY_NAME if _is_there(obj) else f"class {full_name(obj)}"
        return f"class {identity.of_class(obj)}"
    if is_imported(obj):
        return f"module {module_name(obj)}"
    if kind is object:  # which only its place tells apart from another one
        return f"object {'.'.join(held.place(obj) or ())}"
    return None


def _is_there(cls: type) -> bool:
    found: Any = sys.modules.get(module_of(cls))
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls


def dispatching(obj: Any) -> Any:
    """The reduction of a function that dispatches by type or is compiled; else None."""
    return compiled.reduction(obj) if type(obj) is types.FunctionType else None


def captured(obj: Any) -> list[object]:
    """What code holds that its token does not tell."""
    if not is_a(obj, types.FunctionType, type) or identity.library(obj):
        return []
    return identity.captured(obj)


class Told:
    """What tells code, worked out once for each function and class: a list names the class of its
    thousand instances a thousand times. For as long as no code runs that could change them."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, str | None, list[object]]] = {}

    def of(self, obj: object) -> tuple[str | None, list[object]]:
        """The token (:func:`token_of`), and what the code holds that it does not tell."""
        found = self._known.get(id(obj))
        if found is None:
            with identity.at_rest():
                token = token_of(obj)
                found = self._known[id(obj)] = obj, token, captured(obj) if token else []
        return found[1:]
