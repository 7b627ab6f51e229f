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
from typing import Any, cast

from duranb.code import identity
from duranb.code.fingerprint import Reach, Uses
from duranb.code.kinds import once_a_class
from duranb.code.looking import dict_of, is_a, module_of, mro_of
from duranb.state.beside import Beside, looked_at, reached
from duranb.values import canonical, held

ADVICE = (
    "it is, or holds, state of this process (attributes, defaults, how far it has come, a variable "
    "of a module, a setting), which no other process sees. Keep that in a variable that a step "
    "makes, or set it in a plain cell above the first step"
)
"""What to tell of one where a node may run anywhere."""


@dataclass
class Untold:
    """The classes and functions that a function reaches, and the generators, as they were when this
    was made: ``before`` has their versions by name. ``beside`` is what lies beside variables."""

    live: dict[str, Any]
    fn: Callable[..., Any]
    before: dict[str, str]
    holding: set[str]
    """Those of which more than their code counts."""
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
        live, names = uses.live, reach.uses.keys() - reach.stores
        before = {n: reach.uses[n] for n in names if n in live}
        holding = {n for n in reach.data - reach.stores if _is_own_definition(live.get(n))}
        before |= {n: _with_its_values(live[n], live) for n in holding}
        before[_name(fn)] = _own(fn, live)
        found = [n for n in reach.data if is_a(uses.live.get(n), types.GeneratorType)]
        return cls(uses.live, fn, before, holding, found, beside)

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
                now = _own(self.fn, self.live)
            elif name not in self.live:
                continue
            elif name in self.holding:
                now = _with_its_values(self.live[name], self.live)
            else:
                now = identity.of_callable(self.live[name])
            if now != was:
                yield name

    def _begun(self, name: str) -> bool:
        value = self.live.get(name)
        return isinstance(value, types.GeneratorType) and is_begun(value)


def is_definition(value: object) -> bool:
    """Whether a value is a class, or a function without variables of its own: it may hold values
    (attributes, defaults), and nothing puts another state into it."""
    if is_a(value, types.FunctionType):
        return cast(types.FunctionType, value).__closure__ is None
    return is_a(value, type)


def _is_own_definition(value: object) -> bool:
    """Whether it is one of the notebook's, or of its modules': libraries count for themselves how
    many threads they have begun, and look up what they have seen."""
    if not is_definition(value):
        return False
    home = module_of(cast(type, value)) if is_a(value, type) else getattr(value, "__module__", "")
    return not held.installed(home or "")


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


def _own(fn: Callable[..., Any], live: dict[str, Any]) -> str:
    """The attributes of the function itself: what else it holds is among what it is given."""
    attributes = dict(getattr(fn, "__dict__", {}))
    return canonical.version(attributes, live, looked_at) if attributes else ""


def _with_its_values(value: Any, live: dict[str, Any]) -> str:
    """The identity of a class or function with the versions of what it holds and that tells by the
    type only: a deque among a class's attributes, a table among defaults, a counter."""
    held = [_version(each, live) for each in identity.captured(value)]
    return " ".join([identity.of_callable(value), *held])


def _version(value: object, live: dict[str, Any]) -> str:
    found = canonical.version(value, live, looked_at)
    return f"begun {found}" if gives(value) and is_begun(value) else found
