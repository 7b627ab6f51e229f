"""Changes in place that nobody knew of when a flow was made, where they would go unnoticed.

A node that changes a value in place, while another one reads it or something that shares state with
it, must come before or after that one. If the flow says neither, what the other one reads is
chance. In a notebook it is not, so the flow stops and says which value it is.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from duranb.code.fingerprint import Reach
from duranb.code.looking import is_a, own_failure
from duranb.errors import StepError
from duranb.scripts.nodes import Node, Promise
from duranb.session.session import Session
from duranb.state import process
from duranb.state.beside import reached
from duranb.state.capture import reduction
from duranb.state.untold import Untold
from duranb.values import codec
from duranb.values.immutable import is_atom
from duranb.values.within import objects_within, within


class Watched:
    """Knows which nodes of a flow come neither before nor after each other, and what they read.

    ``value_of`` gives the value of a promise, and raises KeyError if there is none yet.
    """

    def __init__(
        self, nodes: list[Node], session: Session, value_of: Callable[[Promise], Any]
    ) -> None:
        self._namespace = session.runtime.namespace
        self._value_of = value_of
        self._beside = _beside(nodes)
        self._nodes = nodes
        self._reached: dict[tuple[Callable[..., Any], int], frozenset[str]] = {}
        self._inside: dict[Promise, frozenset[int]] = {}

    @contextlib.contextmanager
    def while_running(self, node: Node, given: dict[str, Any]) -> Iterator[None]:
        """Around the call of a node with arguments by name. Raises :class:`StepError` where it has
        changed one that others read at the same time."""
        if not self._beside[node.index]:
            yield
            return
        shared = self._shared(node, given)
        reach = self._namespace.uses.of_object(inspect.unwrap(node.fn), given.values())
        common = self._common(node, reach)
        untold = Untold.now(self._namespace.uses, inspect.unwrap(node.fn), reach)
        before = {n: self._namespace.version_of(given[n]) for n in shared}
        live = self._namespace.live
        data = common.keys() - reach.uses.keys()
        before |= {n: self._namespace.version_of(live.get(n)) for n in data}
        entangled = self._entangled(node, given, reach)
        theirs = [self._namespace.version_of(each.parts) for each in entangled]
        yield
        for each, version in zip(entangled, theirs, strict=True):
            if self._namespace.version_of(each.parts) != version:
                raise _unordered(each.name, node.name, each.other)
        for name, version in before.items():
            value = given[name] if name in shared else live.get(name)
            if self._namespace.version_of(value) != version:
                raise _unordered(name, node.name, shared.get(name) or common[name])
        for name in untold.altered():
            if name in common:
                raise _unordered(name, node.name, common[name])

    def _shared(self, node: Node, given: dict[str, Any]) -> dict[str, str]:
        """The arguments that nodes beside it read too, with the name of such a node."""
        others = [
            (self._nodes[i].name, promise)
            for i in self._beside[node.index]
            for promise in self._nodes[i].promises()
        ]
        found: dict[str, str] = {}
        if not others:
            return found
        for name, promise in node.promised().items():
            if is_atom(given[name]):
                continue
            mine = self._parts(promise)
            for other, its in others:
                if mine & self._parts(its):
                    found[name] = other
                    break
        return found

    def _common(self, node: Node, reach: Reach) -> dict[str, str]:
        """The variables of the module and of others that nodes beside it reach too, classes and
        functions included, with the name of such a node."""
        found: dict[str, str] = {}
        own = self._names(reach) | self._handed(node)
        for index in self._beside[node.index]:
            other = self._nodes[index]
            for name in own & self._globals(other):
                found.setdefault(name, other.name)
        return found

    def _entangled(self, node: Node, given: dict[str, Any], reach: Reach) -> list[_Entangled]:
        """What the node reaches and a node beside it too, as a part of another variable."""
        live = self._namespace.live
        own = self._names(reach) | self._handed(node)
        mine = [*given.values(), *(live[n] for n in own if n in live)]
        seen: set[str] = set()
        found: list[_Entangled] = []
        parts: dict[int, object] | None = None
        for index in self._beside[node.index]:
            other = self._nodes[index]
            for name in sorted((self._globals(other) & live.keys()) - own - seen):
                seen.add(name)
                if is_atom(live[name]) or is_a(live[name], types.ModuleType):
                    continue
                parts = _parts_of(mine, live) if parts is None else parts
                theirs = _parts_of([live[name]], live)
                if common := [part for number, part in parts.items() if number in theirs]:
                    found.append(_Entangled(name, other.name, _outermost(common, live)))
        return found

    def _globals(self, node: Node) -> frozenset[str]:
        fn = inspect.unwrap(node.fn)
        given = [v for v in node.promises() if self._is_there(v)]
        key = (fn, len(given))
        if key not in self._reached:
            values = [self._value_of(v) for v in given]
            reach = self._namespace.uses.of_object(fn, values)
            self._reached[key] = self._names(reach) | self._handed(node)
        return self._reached[key]

    def _handed(self, node: Node) -> frozenset[str]:
        """The variables of the module that a node is given as they are."""
        there = [a for a in node.args if not isinstance(a, Promise) or self._is_there(a)]
        values = [self._value_of(a) if isinstance(a, Promise) else a for a in there]
        given = {id(v) for v in values if not is_atom(v)}
        bound = list(self._namespace.live.items()) if given else []
        return frozenset(n for n, v in bound if id(v) in given)

    def _names(self, reach: Reach) -> frozenset[str]:
        names = reach.data | reach.stores | reach.uses.keys()
        beside = reached(self._namespace.uses, reach)
        settings = {f"${n}" for n in beside.environment} | process.used(beside.mentions)
        return frozenset(
            names & self._namespace.live.keys() | beside.touches | beside.sets | settings
        )

    def _is_there(self, promise: Promise) -> bool:
        try:
            self._value_of(promise)
        except KeyError:
            return False
        return True

    def _parts(self, promise: Promise) -> frozenset[int]:
        """The objects in a value that more than one could change; none if it is not there yet."""
        if promise not in self._inside:
            try:
                value = self._value_of(promise)
            except KeyError:
                return frozenset()
            try:
                reached = codec.dump([value], self._namespace.live, reduction).reached
            except BaseException as error:  # of any kind: pickling runs the values' own code
                if not own_failure(error):
                    raise
                reached = {id(value): None}
            self._inside[promise] = frozenset(reached)
        return self._inside[promise]


@dataclass(frozen=True)
class _Entangled:
    """The ``parts`` of a variable of the module, read by an ``other`` node, that are parts of what
    a node beside it reaches."""

    name: str
    other: str
    parts: list[object]


def _parts_of(values: list[Any], live: dict[str, Any]) -> dict[int, object]:
    """The objects in values, by their ids, that one who has them could change."""
    found = objects_within([[v for v in values if not is_atom(v)]], sys.maxsize, live) or {}
    code = (type, types.FunctionType, types.ModuleType)
    return {number: part for number, part in found.items() if not is_a(part, *code)}


def _outermost(parts: list[object], live: dict[str, Any]) -> list[object]:
    """Those that are in none of the others."""
    inside: set[int] = set()
    for part in parts:
        if id(part) not in inside:
            inside |= (within([part], sys.maxsize, live) or set()) - {id(part)}
    return [part for part in parts if id(part) not in inside]


def _unordered(name: str, node: str, other: str) -> StepError:
    return StepError(
        f"{name} was changed in place while {node} ran, and {other} reads it too (or what shares "
        "state with it), neither surely before nor after. Run the notebook once with duranb and "
        f"export it again to have it known. Or have {node} return {name}, and {other} take it."
    )


def _beside(nodes: list[Node]) -> list[list[int]]:
    """For each node, those that come neither before nor after it."""
    above: list[int] = []
    for node in nodes:
        bits = 0
        for source in node.needs:
            bits |= above[source] | 1 << source
        above.append(bits)
    everyone = (1 << len(nodes)) - 1
    below = [0] * len(nodes)
    for index in range(len(nodes)):
        rest = above[index]
        while rest:
            lowest = rest & -rest
            below[lowest.bit_length() - 1] |= 1 << index
            rest ^= lowest
    found = []
    for index in range(len(nodes)):
        rest = everyone & ~(above[index] | below[index] | 1 << index)
        others = []
        while rest:
            lowest = rest & -rest
            others.append(lowest.bit_length() - 1)
            rest ^= lowest
        found.append(others)
    return found
