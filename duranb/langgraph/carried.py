"""What a graph's state carries beside the notebook's variables: what a checkpoint would lose.

A checkpointer stores each variable by itself. So those that share state lie once more in
``groups``, together; what it would make plain (an ``IntEnum``, a NumPy number) in ``exact``; where
the random generators stand in ``random``; in ``environment`` what nodes have set there; and in
``told`` the nodes that have told libraries something, with what they have set of them. Each run of
a thread begins without.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any

from duranb.state import randomness

KEY = "duranb"
"""Its name in the state; no notebook has a variable of this name (an export refuses it)."""


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What is carried once a node has ended: LangGraph's reducer.

    ``new`` says at which superstep its run began (``begun``, on the first nodes), which ``keys`` it
    has given, and what of ``groups``, ``exact``, ``random``, ``environment`` and ``told`` is new.
    """
    begun = new.get("begun")
    if begun is not None and begun != (old or {}).get("begun"):
        old = {"begun": begun}
    keys = set(new.get("keys", ()))
    groups = [{k: v for k, v in g.items() if k not in keys} for g in old.get("groups", ())]
    groups = [g for g in groups if len(g) > 1]
    for group in new.get("groups", ()):
        groups = _joined(groups, group)
    exact = {k: v for k, v in old.get("exact", {}).items() if k not in keys}
    return {
        "begun": old.get("begun"),
        "groups": groups,
        "exact": {**exact, **new.get("exact", {})},
        "random": {**old.get("random", {}), **new.get("random", {})},
        "environment": {**old.get("environment", {}), **new.get("environment", {})},
        "told": {**old.get("told", {}), **new.get("told", {})},
    }


Carried = Annotated[dict[str, Any], merged]
"""The channel of a graph's state."""


def _joined(groups: list[dict[str, Any]], group: dict[str, Any]) -> list[dict[str, Any]]:
    """Groups with another one, which those become a part of whose values are the same objects."""
    apart = []
    for other in groups:
        common = other.keys() & group.keys()
        if common and all(other[k] is group[k] for k in common):
            group = {**other, **group}
        else:
            apart.append(other)
    return [*apart, group]


def reached(groups: Iterable[Mapping[str, Any]], keys: Iterable[str]) -> set[str]:
    """The keys, and all that share state with them."""
    found = set(keys)
    while True:
        more = {k for g in groups if found & g.keys() for k in g} - found
        if not more:
            return found
        found |= more


def came_apart(groups: Iterable[Mapping[str, Any]], keys: Collection[str]) -> list[str]:
    """Of these keys those that lie in several groups, as objects that are not the same: two nodes
    had run at once and their results were stored each by itself."""
    first: dict[str, Any] = {}
    lost: set[str] = set()
    for group in groups:
        for key in group.keys() & set(keys):
            if first.setdefault(key, group[key]) is not group[key]:
                lost |= group.keys()
    return sorted(lost)


# -- the environment ---------------------------------------------------------------------------


def have_environment(given: Mapping[str, str | None]) -> None:
    """Set variables of the environment; what is given as None is not to be there."""
    for name, value in given.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


# -- the random generators ---------------------------------------------------------------------


def plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of the generators as plain data, which any serializer keeps."""
    found: dict[str, Any] = {}
    for name, at in state.items():
        if name == "numpy":
            algorithm, keys, position, has_gauss, gauss = at
            found[name] = [algorithm, keys.tolist(), position, has_gauss, gauss]
        elif name == "torch":
            found[name] = at.numpy().tobytes()
        else:
            version, numbers, gauss = at
            found[name] = [version, list(numbers), gauss]
    return found


def stand(given: Mapping[str, Any], otherwise: Mapping[str, Any]) -> None:
    """Put the generators where :func:`plain` says, and those that it does not have where
    ``otherwise`` has them."""
    randomness.set_state({n: s for n, s in otherwise.items() if n not in given})
    if "random" in given:
        version, numbers, gauss = given["random"]
        random.setstate((version, tuple(numbers), gauss))
    numpy: Any = sys.modules.get("numpy")
    if "numpy" in given and numpy is not None:
        algorithm, keys, position, has_gauss, gauss = given["numpy"]
        state = (algorithm, numpy.array(keys, dtype="uint32"), position, has_gauss, gauss)
        numpy.random.set_state(state)
    torch: Any = sys.modules.get("torch")
    if "torch" in given and torch is not None:
        torch.set_rng_state(torch.frombuffer(bytearray(given["torch"]), dtype=torch.uint8))
