"""The live namespace that values are loaded into, while they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from duranb.code.looking import dict_of, is_class


def _refuse(kind: str, where: str) -> object:
    raise LookupError(f"a secret is not here: give it again as {where or 'it was given'}")


@dataclass(frozen=True)
class Target:
    """A namespace, and what loading has to know of its classes.

    What a class of the notebook holds is only told by an artifact where the class is one of its
    ``own`` names (None: any); ``others`` are loaded with it, by artifacts of theirs. ``settled``
    are classes by their names that are loaded already and bound later; ``unbound`` gives the
    classes of live values, be they bound to a name or not, and ``chosen`` are those of them, by
    their names, that come before others of the same code: it grows by what is found. Those named
    ``in_place`` were changed where they are: what is alive stays, and takes that in. What
    ``absent(type, where)`` gives stands for a secret that would have to be found there.
    """

    live: dict[str, Any]
    own: Collection[str] | None = None
    others: Collection[str] = ()
    settled: Mapping[str, type] = field(default_factory=lambda: MappingProxyType({}))
    unbound: Callable[[], Collection[type]] = tuple
    chosen: dict[str, list[type]] = field(default_factory=dict)
    in_place: Collection[str] = ()
    absent: Callable[[str, str], object] = _refuse

    def owns(self, name: str) -> bool:
        """Whether what is being loaded tells what this class holds."""
        return self.own is None or name.partition(".")[0] in self.own

    def stays(self, name: str) -> bool:
        """Whether the live class of this name is not to be bound anew by what is loaded."""
        return not self.owns(name) and name.partition(".")[0] not in self.others

    def class_named(self, name: str) -> type | None:
        """The class of this qualified name that is bound in the namespace, or is about to be."""
        root = name.partition(".")[0]
        return class_in({root: self.settled.get(root, self.live.get(root))}, name)


def class_in(names: Mapping[str, Any], name: str) -> type | None:
    """The class of a qualified name (``Outer.Inner``) among these names, or None."""
    root, *inner = name.split(".")
    found: Any = names.get(root)
    for part in inner:
        found = dict_of(found).get(part) if is_class(found) else None
    return found if is_class(found) else None


_target: ContextVar[Target] = ContextVar("duranb_target")


@contextmanager
def loading_into(target: Target) -> Iterator[None]:
    """While this is open, what is unpickled belongs to the ``target``."""
    token = _target.set(target)
    builtins = target.live.get("__builtins__")
    try:
        yield
    finally:
        _target.reset(token)
        if builtins is not None:  # with each function cloudpickle puts the module's dict there
            target.live["__builtins__"] = builtins


def target() -> Target:
    """Where to values are being loaded."""
    return _target.get()


def live_namespace() -> dict[str, Any]:
    """The namespace that is being loaded into."""
    return _target.get().live
