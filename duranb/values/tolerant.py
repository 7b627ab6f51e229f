"""Loading what can be loaded of a pickle in which something cannot.

A class that is gone, or one whose constructor raises today, must not take the values beside it with
it. This loads slowly, in Python, and puts a stand-in where something failed; it is only used once
the fast way has failed.
"""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable, Iterable
from typing import Any

from duranb.code.looking import own_failure, qualname_of
from duranb.errors import NotRestorable
from duranb.record.artifacts import Buffer
from duranb.values import nans, secreted
from duranb.values.unpickling import home

StandIn = Callable[[str, BaseException], object]
"""Makes what stands for a value: given the name of its type, and what loading it raised."""


def load(data: Buffer, buffers: Iterable[Buffer], stand_in: StandIn) -> Any:
    """The value, with stand-ins for what is inside it and failed. Raises where all of it fails."""
    return _Tolerant(io.BytesIO(data), buffers, stand_in).load()


_Unpickler: Any = getattr(pickle, "_Unpickler")  # noqa: B009 the one in Python, which has no types


class _Tolerant(_Unpickler):  # type: ignore[misc]
    dispatch = dict(_Unpickler.dispatch)

    def __init__(self, file: Any, buffers: Iterable[Buffer], stand_in: StandIn) -> None:
        super().__init__(file, buffers=buffers)
        self._stand_in = stand_in
        self._nans = nans.Known()
        self._stood_in: dict[int, tuple[object, BaseException]] = {}
        """The stand-ins by id, each with what loading had raised."""
        self._missing: dict[int, tuple[str, BaseException]] = {}
        """The stand-ins of classes and functions that cannot be found, by id."""

    def find_class(self, module: str, name: str) -> Any:
        """A global of a module, or what stands for one that is missing."""
        try:
            return super().find_class(home(module), name)
        except BaseException as error:  # importing a module runs its code
            if not own_failure(error):
                raise
            made = self._instead(f"{module}.{name}", error)
            self._missing[id(made)] = (f"{module}.{name}", error)
            return made

    def persistent_load(self, reference: Any) -> Any:
        """What is not in the pickle: a secret, or a certain NaN."""
        found = self._nans.load(reference)
        return secreted.load(reference) if found is None else found

    def _made(self, maker: Any, make: Callable[[], object], arguments: Iterable[object]) -> object:
        if id(maker) in self._missing:
            return self._instead(*self._missing[id(maker)])
        try:
            return make()
        except BaseException as error:  # of any kind: it is the value's own code
            if not own_failure(error):
                raise
            return self._instead(_name(maker), self._cause(error, arguments))

    def _cause(self, error: BaseException, arguments: Iterable[object]) -> BaseException:
        """What an error comes from: whoever was given a stand-in says no more than that he wanted
        something else, or that it is one."""
        for given in arguments:
            if id(given) in self._stood_in:
                return self._stood_in[id(given)][1]
        if type(error) is NotRestorable and self._stood_in:
            return next(reversed(self._stood_in.values()))[1]
        return error

    def _instead(self, name: str, error: BaseException) -> object:
        made = self._stand_in(name, error)
        self._stood_in[id(made)] = made, error
        return made

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        maker = self.stack[-1]
        self.stack[-1] = self._made(maker, lambda: maker(*arguments), arguments)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        cls = self.stack.pop()
        self.append(self._made(cls, lambda: cls.__new__(cls, *arguments), arguments))

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        keywords, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        given = (*arguments, *keywords.values())
        self.append(self._made(cls, lambda: cls.__new__(cls, *arguments, **keywords), given))

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def load_build(self) -> None:
        made = self.stack[-2]
        if id(made) in self._stood_in:
            self.stack.pop()
            return
        try:
            super().load_build()
        except BaseException as error:  # its state was popped; a half-built value is no value
            if not own_failure(error):
                raise
            cause = self._cause(error, [])
            self.stack[-1] = self._instead(qualname_of(type(made)), cause)
            for key, kept in self.memo.items():
                if kept is made:
                    self.memo[key] = self.stack[-1]

    dispatch[pickle.BUILD[0]] = load_build


def _name(maker: Any) -> str:
    if issubclass(type(maker), type):
        return qualname_of(maker)
    if type(maker) in (types.FunctionType, types.BuiltinFunctionType):
        return str(maker.__qualname__)
    return qualname_of(type(maker))
