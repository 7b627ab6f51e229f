"""What a checkpoint makes of the values of a state: together, exactly, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from typing import Any

from langgraph.config import get_config

from duranb.code.looking import own_failure
from duranb.engine.printed import notice
from duranb.errors import StepError
from duranb.langgraph import carried
from duranb.langgraph.serializer import Serializer
from duranb.state import Namespace
from duranb.state.capture import reduction
from duranb.state.groups import components
from duranb.values import codec
from duranb.values.immutable import ATOMS, is_atom
from duranb.values.sharing import Seal

_CHECKPOINTER = "__pregel_checkpointer"
"""Under which LangGraph gives its nodes the checkpointer."""

_ATOMS = (str, int, float)


class Keeping:
    """The values of a state as a node finds them, and how they are kept for the next ones."""

    def __init__(
        self, namespace: Namespace, state: Mapping[str, Any], kept: Mapping[str, Any]
    ) -> None:
        self._namespace = namespace
        self._state = state
        self._groups: list[dict[str, Any]] = list(kept.get("groups", ()))
        self._exact: Mapping[str, Any] = kept.get("exact", {})
        self._apart: list[str] = []

    def values(self, keys: Collection[str]) -> dict[str, Any]:
        """The values of these keys, and of all that share state with them: from where they lie
        together, unless somebody has given the state another one since."""
        groups = [
            {k: v for k, v in g.items() if k in self._state and self._is_same(v, self._state[k])}
            for g in self._groups
        ]
        wanted = carried.reached(groups, keys)
        self._apart = carried.came_apart(groups, wanted)
        found = {k: self._state[k] for k in sorted(wanted)}
        for key, exact in self._exact.items():
            if key in found and exact == found[key]:
                found[key] = exact
        for group in groups:
            found |= {k: v for k, v in group.items() if k in wanted}
        return found

    def _is_same(self, one: Any, other: Any) -> bool:
        version = self._namespace.version_of
        return one is other or (type(one) is type(other) and version(one) == version(other))

    def check_apart(self, name: str, changed: Collection[str]) -> None:
        """Raise :class:`StepError` where a node changed in place what had come apart."""
        if lost := sorted(set(changed) & set(self._apart)):
            raise StepError(
                f"{name} changed {', '.join(lost)} in place, and {', '.join(self._apart)} shared "
                "state when they were made by nodes that ran at once, before the process died: a "
                "checkpoint keeps each by itself. Begin a new thread: what is done is restored"
            )

    def sharing(self, name: str, variables: Mapping[str, Any]) -> list[str]:
        """The others among these variables that share state with one."""
        data = {n: v for n, v in variables.items() if not is_atom(v)}
        groups = components({n: self._reached(v) for n, v in data.items()})
        return sorted(n for g in groups if name in g for n in g if n != name)

    def beside(
        self, name: str, values: Mapping[str, Any], update: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What is to be carried beside an ``update``, where these are the ``values`` that a node
        could reach; nothing where a checkpoint has it all, and what was carried stays."""
        made: dict[str, Any] = {}
        found = components({k: self._reached(v) for k, v in values.items() if not is_atom(v)})
        groups = [{k: values[k] for k in sorted(g)} for g in found if len(g) > 1]
        if groups := [g for g in groups if any(k in update for k in g)]:
            made["groups"] = groups
        exact = {k: v for k, v in update.items() if isinstance(v, _ATOMS) and type(v) not in _PLAIN}
        if exact:
            made["exact"] = exact
        if any(key in update for part in (*self._groups, self._exact) for key in part) or made:
            made["keys"] = list(update)
        return made

    def _reached(self, value: Any) -> Mapping[int, Seal]:
        if (containers := _containers(value)) is not None:
            return containers
        try:
            return codec.dump([value], self._namespace.live, reduction).reached
        except BaseException as error:  # of any kind: pickling runs the values' own code
            if not own_failure(error):
                raise
            return {id(value): None}

    def check_stored(
        self, name: str, update: dict[str, Any], beside: Mapping[str, Any], taken: Set[str]
    ) -> None:
        """Raise :class:`StepError` for a value that the graph's checkpointer would not give back as
        it is; nothing where there is none. What no node has ``taken`` is left out, and told."""
        saver = get_config()["configurable"].get(_CHECKPOINTER)
        serde = getattr(saver, "serde", None)
        if serde is None:
            return
        own = isinstance(serde, Serializer)
        for key, value in list(update.items()):
            if type(value) in _PLAIN or value is None:
                continue
            why = self._lost(value, serde, own=own)
            if why and key not in taken:
                del update[key]
                notice(f"{name} gives {key}, which no node takes and no checkpoint keeps: {why}")
            elif why:
                raise StepError(
                    f"{name} gives {key}, and a checkpoint would not give it back as it is ({why})"
                    + ("" if own else _SAY)
                )
        if not own and (together := beside.get("groups")):
            names = " and ".join(sorted(together[0]))
            raise StepError(
                f"{name}: {names} share state, and a checkpoint would have each by itself{_SAY}"
            )

    def _lost(self, value: Any, serde: Any, *, own: bool) -> str:
        """Why a value does not come back from a serializer as it was; empty if it does."""
        try:
            data = serde.dumps_typed(value)
            back = value if own else serde.loads_typed(data)
        except BaseException as error:  # of any kind: pickling runs the values' own code
            if not own_failure(error):
                raise
            return f"{type(error).__name__}: {error}"
        version = self._namespace.version_of
        if type(back) is not type(value):
            return f"a {type(value).__name__} comes back as {type(back).__name__}"
        return "" if own or version(back) == version(value) else "its content is another then"


def _containers(value: Any) -> Mapping[int, Seal] | None:
    """The lists and dicts of a value that is made of little else; None for any other: looking at a
    few of them here costs a quarter of pickling them."""
    found: dict[int, Seal] = {}
    stack = [value]
    for each in stack:
        kind = type(each)
        if kind in ATOMS or id(each) in found:
            continue
        if (kind is not list and kind is not dict) or len(stack) + len(each) > _FEW:
            return None
        found[id(each)] = None
        stack += each
        if kind is dict:
            stack += each.values()
    return found


_FEW = 200
_PLAIN = frozenset({str, int, float, bool})
_SAY = ": set `saver.serde = duranb.langgraph.Serializer()`, which keeps it"
