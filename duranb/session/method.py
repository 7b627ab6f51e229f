"""A verb as a method of the session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from duranb.verbs.declaration import Verb, signature
from duranb.verbs.table import VERBS

P = ParamSpec("P")
R = TypeVar("R")


class Method(Generic[P, R]):
    """Has the arguments, the help and the signature that the verb's declaration gives it.

    ``carry_out`` gets the session and the verb with its arguments.
    """

    def __init__(self, verb: Callable[P, Verb], carry_out: Callable[[Any, Any], R]) -> None:
        self._carry_out = carry_out

    def __set_name__(self, owner: type, name: str) -> None:
        self._word = name

    def __get__(self, session: object, owner: type | None = None) -> Callable[P, R]:
        verb = VERBS[self._word]
        takes = signature(verb)

        def method(*args: P.args, **kwargs: P.kwargs) -> R:
            given = takes.bind(*args, **kwargs).arguments
            return self._carry_out(session, verb(**given))

        method.__name__ = method.__qualname__ = self._word
        method.__doc__ = verb.help()
        method.__signature__ = takes  # type: ignore[attr-defined]
        return method
