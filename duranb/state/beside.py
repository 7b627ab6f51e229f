"""What a function changes beside variables, as far as its code can touch it.

Variables of the project's modules, attributes that it sets of other modules, context variables, the
environment where the code names it, and the settings of the process. No result holds them: whoever
does again what a function did has to know that it changed one.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from duranb.code import mentions
from duranb.code.fingerprint import Reach, Uses
from duranb.code.holding import GONE, Held, held, value as value_of
from duranb.code.mentions import Mentions
from duranb.state import process, reconnect
from duranb.state.capture import told
from duranb.values import canonical
from duranb.values.immutable import is_atom

_SETS_ENVIRONMENT = re.compile("environb?|putenv|unsetenv|load_dotenv")
"""What code mentions that may change the environment. What a library sets there when it is imported
is left alone: it would set it again."""


def reached(
    uses: Uses,
    reach: Reach,
    cell: Mentions = mentions.NONE,
    names: Iterable[str] = (),
    *,
    whole: bool = False,
) -> Held:
    """The variables of modules that code touches which has this ``reach``; see
    :func:`duranb.code.holding.held`."""
    modules = (n.removeprefix("module:") for n in reach.uses if n.startswith("module:"))
    loaded = (sys.modules.get(m) for m in modules)
    met = [*reach.met, *(module for module in loaded if module is not None)]
    return held(uses.modules, uses.live, reach.codes, met, cell, names, whole=whole)


@dataclass(frozen=True)
class Beside:
    """What ``fn`` can touch, as it was when this was made: ``before`` has the versions of variables
    of modules, ``same`` those that are followed as other values, ``present`` the modules that were
    imported, ``settings`` what the process goes by, ``contexts`` the context variables that it is
    given. ``ignored`` says of what nobody wants to
    know."""

    uses: Uses
    fn: Callable[..., Any]
    before: dict[str, str]
    same: dict[str, object]
    present: list[str]
    settings: dict[str, str]
    contexts: list[tuple[ContextVar[Any], str]]
    environment: dict[str, str] | None
    ignored: Callable[[str], bool]

    @classmethod
    def now(
        cls,
        uses: Uses,
        fn: Callable[..., Any],
        found: Held,
        given: Iterable[object],
        ignored: Callable[[str], bool] = lambda name: False,
    ) -> Beside:
        """As it is. ``found`` is what ``fn`` has :func:`reached`. Values that it is ``given`` are
        followed as such: a variable of a module that is one of them only has to stay it."""
        given = list(given)
        values = {id(v) for v in given if not is_atom(v)}
        names = found.touches | found.sets
        its = {n: value_of(n) for n in names}
        same = {n: v for n, v in its.items() if id(v) in values}
        named = any(map(_SETS_ENVIRONMENT.fullmatch, found.mentions))
        return cls(
            uses,
            fn,
            {n: _of(uses, v) for n, v in its.items() if n not in same},
            same,
            uses.modules.present(),
            process.stands(),
            [(v, _of(uses, v)) for v in given if type(v) is ContextVar],
            dict(os.environ) if named else None,
            ignored,
        )

    @property
    def names(self) -> frozenset[str]:
        """The variables of modules that it can touch."""
        return frozenset({*self.before, *self.same})

    def altered(self) -> list[str]:
        """The names of what is not as it was."""
        return sorted(n for n in self._altered() if not self.ignored(n))

    def _altered(self) -> Iterator[str]:
        yield from (n for n, was in self.before.items() if _of(self.uses, value_of(n)) != was)
        yield from (n for n, was in self.same.items() if value_of(n) is not was)
        if self.uses.modules.present() != self.present:
            yield from self._imported()
        now = process.stands()
        yield from (n for n, was in self.settings.items() if now.get(n, was) != was)
        yield from (v.name for v, was in self.contexts if _of(self.uses, v) != was)
        if self.environment is not None:
            before, after = self.environment, dict(os.environ)
            for name in before.keys() | after:
                if before.get(name) != after.get(name):
                    yield f"${name}"

    def _imported(self) -> Iterator[str]:
        """The variables of modules that were imported meanwhile, and then given another value than
        the module's own code gives them."""
        found = reached(self.uses, self.uses.of_object(self.fn))
        for name in (found.touches | found.sets) - self.names:
            module, _, own = name.rpartition(".")
            first = self.uses.modules.literals(module).get(own, GONE)
            if first is not GONE and _of(self.uses, value_of(name)) != _of(self.uses, first):
                yield name


def _of(uses: Uses, value: object) -> str:
    """The version of a value; of one whose content does not tell, which object it is."""
    if value is GONE:
        return "gone"
    if type(value) is ContextVar:
        return f"context variable with {_of(uses, value.get(GONE))}"
    return canonical.short(value, uses.live, looked_at) or f"object {id(value)}"


def looked_at(value: Any) -> tuple[Any, ...] | None:
    """How a value is looked at. A client, a lock, an event that factories make is another with each
    use, and nobody wants that done again."""
    kind = type(value)
    return (str, (kind.__qualname__,)) if reconnect.has_factory(kind) else told(value)
