"""What a function changed and no variable's content shows.

Classes and functions hold state too: attributes, defaults, what a decorator keeps in its closure.
And how far a generator has come, nobody can read, nor what another iterator has yet to give, where
that cannot be stored. Modules have variables, and the process has settings
(:mod:`duranb.state.beside`). A record of a function step cannot hold any of it.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from duranb.code import identity
from duranb.code.fingerprint import Reach, Uses
from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, is_a, mro_of
from duranb.state.beside import Beside, reached

ADVICE = (
    "it is, or holds, state of this process (attributes, defaults, how far it has come, a variable "
    "of a module, a setting), which no other process sees. Keep that in a variable that a step "
    "makes, or set it in a plain cell above the first step"
)
"""What to tell of one where a node may run anywhere."""


@dataclass
class Untold:
    """The classes and functions that a function reaches, and the generators, as they were when this
    was made: ``before`` has their identities by name. ``beside`` is what lies beside variables."""

    live: dict[str, Any]
    fn: Callable[..., Any]
    before: dict[str, str]
    generators: list[str]
    beside: Beside

    @classmethod
    def now(
        cls, uses: Uses, fn: Callable[..., Any], reach: Reach, beside: Beside | None = None
    ) -> Untold:
        """Those that ``reach`` names, which is what ``fn`` reaches. What it binds itself is left
        out: that is another function under the name."""
        if beside is None:
            data = [uses.live[n] for n in reach.data if n in uses.live]
            beside = Beside.now(uses, fn, reached(uses, reach, names=reach.data), data)
        names = reach.uses.keys() - reach.stores
        before = {n: reach.uses[n] for n in names if n in uses.live}
        before[_name(fn)] = _own(fn)
        found = [n for n in reach.data if is_a(uses.live.get(n), types.GeneratorType)]
        return cls(uses.live, fn, before, found, beside)

    def altered(self) -> list[str]:
        """The names of those that are not what they were, or may have been gone through, with those
        of what lies beside variables."""
        return sorted({*self.inside(), *self.beside.altered()})

    def inside(self) -> set[str]:
        """The same without what lies beside variables."""
        return {*self._definitions(), *filter(self._begun, self.generators)}

    def _definitions(self) -> Iterator[str]:
        for name, was in self.before.items():
            if name == _name(self.fn):
                now = _own(self.fn)
            else:
                now = identity.of_callable(self.live[name]) if name in self.live else was
            if now != was:
                yield name

    def _begun(self, name: str) -> bool:
        value = self.live.get(name)
        return isinstance(value, types.GeneratorType) and is_begun(value)


def gives(value: object) -> bool:
    """Whether a value gives one thing after another, and is another one from then on: an iterator,
    a generator, a coroutine."""
    kind: Any = type(value)
    return _gives(kind)


@once_a_class
def _gives(kind: Any) -> bool:
    if kind is types.CoroutineType:
        return True
    return any(name in dict_of(base) for base in mro_of(kind) for name in ("__next__", "__anext__"))


def is_begun(value: object) -> bool:
    """Whether something that :func:`gives` may have given something."""
    if isinstance(value, types.GeneratorType):
        return inspect.getgeneratorstate(value) != inspect.GEN_CREATED
    if isinstance(value, types.CoroutineType):
        return inspect.getcoroutinestate(value) != inspect.CORO_CREATED
    return True


def _name(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__name__", "")


def _own(fn: Callable[..., Any]) -> str:
    """The attributes of the function itself: what else it holds is among what it is given."""
    return identity.of_callable(dict(getattr(fn, "__dict__", {})))
