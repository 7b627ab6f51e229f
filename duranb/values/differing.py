"""What of a value is not as it was, from the descriptions of both.

The two are walked side by side, each object of the one paired with the one that stands in its place
in the other. What a library's class keeps for itself is not compared: caches are dropped and built
again. Of everything else what is lost, or another, is said once, as a person would say it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from duranb.values.description import Description, Node, Part, items, shown

MOST = 3
"""Differences of one value that are told."""

LookUp = Callable[[int, str], str | None]
"""What an object of the later description has for an attribute that is not stored in it, as
:func:`shown` says it; None where it has no such attribute."""


def differences(
    was: Description, now: Description, again: Description, look_up: LookUp
) -> dict[str, list[str]]:
    """What differs, by the name of the value: at most :data:`MOST` clauses for each.

    ``again`` is of another copy of what ``now`` describes: what differs between those two is a
    matter of chance in it. Raises what ``look_up`` raises.
    """
    found: dict[str, list[str]] = {}
    pairing = _Pairing(was, now, again, look_up)
    for name, part in was.roots.items():
        if name in now.roots:
            told = list(dict.fromkeys(pairing.compare(name, part, now.roots[name])))
            if told:
                found[name] = told[:MOST]
    return found


class _Pairing:
    def __init__(
        self, was: Description, now: Description, again: Description, look_up: LookUp
    ) -> None:
        self._was = was.nodes
        self._now = now.nodes
        self._again = again.nodes
        self._look_up = look_up
        self._stands_for: dict[int, int] = {}
        self._stood_for_by: dict[int, int] = {}
        self._path: dict[int, str] = {}
        self._told: list[str] = []

    def compare(self, name: str, first: Part, second: Part) -> list[str]:
        """The differences of one value."""
        self._told = []
        waiting: deque[tuple[str, Part, Part, bool]] = deque([(name, first, second, True)])
        while waiting and len(self._told) < MOST:
            path, old, new, strict = waiting.popleft()
            if isinstance(old, int) and isinstance(new, int):
                if self._pair(path, old, new, strict) and self._same_kind(path, old, new, strict):
                    waiting.extend(self._inside(path, old, new, strict))
            elif strict and old != new:
                was, now = shown(old, self._was), shown(new, self._now)
                self._told.append(f"{path} was {was}, and is {now}")
        return self._told

    def _pair(self, path: str, old: int, new: int, strict: bool) -> bool:
        """Whether the two are to be compared: they are met for the first time."""
        a = self._was[old]
        known = self._stands_for.get(old)
        if known is not None:
            if known != new and strict and a.shared:
                self._told.append(f"{path} and {self._path[old]} were one object, and are two")
            return False
        if new in self._stood_for_by and strict and a.kind in _CONTAINERS:
            other = self._path[self._stood_for_by[new]]
            if self._was[self._stood_for_by[new]].kind == a.kind:
                self._told.append(f"{path} and {other} were two objects, and are one")
        self._stands_for[old] = new
        self._stood_for_by[new] = old
        self._path[old] = path
        return True

    def _same_kind(self, path: str, old: int, new: int, strict: bool) -> bool:
        a, b = self._was[old], self._now[new]
        if a.opaque or b.opaque:
            return False
        if a.kind != b.kind:
            if strict:
                self._told.append(
                    f"{path} was {shown(old, self._was)}, and is {shown(new, self._now)}"
                )
            return False
        if strict and a.held_as and a.held_as != b.held_as:
            module = a.kind.rpartition(".")[0]
            self._told.append(f"{path} was {module}.{a.held_as} itself, and is a copy of it")
        if strict and (a.own or self._is_stable(new)):
            if a.told != b.told:
                self._told.append(f"{path} was {a.told or 'empty'}, and is {b.told or 'empty'}")
            elif a.content != b.content:
                self._told.append(f"{path} holds other values")
        if a.size != b.size:
            if strict:
                self._told.append(f"{path} had {items(a.size)}, and has {items(b.size)}")
            return False
        return True

    def _inside(
        self, path: str, old: int, new: int, strict: bool
    ) -> list[tuple[str, Part, Part, bool]]:
        a, b = self._was[old], self._now[new]
        found = []
        for label, part in a.parts.items():
            at = f"{path}{label}"
            keeps = strict or a.own
            if label in b.parts:
                inside = label not in a.private and (strict or a.own)
                if not self._is_stable(new, label) and label.startswith(".") and not a.own:
                    continue
                if self._is_dropped(a, part) and isinstance(b.parts[label], str):
                    continue
                found.append((at, part, b.parts[label], inside))
            elif keeps and label not in a.private and not self._is_dropped(a, part):
                self._lost(at, label, part, new)
        return found

    def _lost(self, path: str, label: str, part: Part, new: int) -> None:
        """An attribute that is not stored in the object any more; its class may know it yet."""
        if not label.startswith("."):
            self._told.append(f"{path} is lost")
            return
        answer, was = self._look_up(new, label[1:]), shown(part, self._was)
        if answer is None:
            self._told.append(f"{path} is lost (it was {was})")
        elif answer != was:
            self._told.append(f"{path} was {was}, and is {answer}")

    def _is_dropped(self, holder: Node, part: Part) -> bool:
        """Whether it is a callback that a library's class does without when it is pickled."""
        return not holder.own and isinstance(part, int) and self._was[part].kind in _CALLBACKS

    def _is_stable(self, new: int, label: str = "") -> bool:
        """Whether two copies agree in this."""
        if new >= len(self._again) or self._now[new].kind != self._again[new].kind:
            return True
        a, b = self._now[new], self._again[new]
        if not label:
            return (a.told, a.content) == (b.told, b.content)
        one, other = a.parts.get(label), b.parts.get(label)
        return isinstance(one, int) or one == other


_CALLBACKS = ("function", "method", "builtin_function_or_method", "weakref.ReferenceType")

_CONTAINERS = ("list", "dict", "set", "numpy.ndarray")
