"""What another thread changes while it is looked at is looked at again."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from duranb.code.moving import is_moving, steady
from duranb.state import linking
from duranb.values import canonical, codec, undisturbed


class Lazy:
    """Fills an attribute of its owner when it is looked at, as another thread would that first uses
    the owner at that moment; so many ``times``."""

    def __init__(self, owner: dict[str, Any], times: int) -> None:
        self.owner = owner
        self.times = [None] * times

    def __reduce__(self) -> tuple[Any, ...]:
        if self.times:
            self.times.pop()
            self.owner[f"chat {len(self.owner)}"] = 0
        return str, ("lazy",)


def filling(times: int) -> dict[str, Any]:
    """A dict that grows while it is gone through."""
    owner: dict[str, Any] = {}
    owner |= {"client": Lazy(owner, times), "model": "m"}
    return owner


@pytest.mark.parametrize("times", [1, 2])
def test_its_version_is_that_of_what_it_has_become(times: int) -> None:
    """And it is one that can be stored."""
    found = canonical.version(filling(times), {})
    become = filling(0) | {f"chat {2 + n}": 0 for n in range(times)}
    assert found == canonical.version(become, {})


def test_all_of_it_is_stored() -> None:
    """No part is left out for what happened at that moment."""
    made = codec.dump(filling(1), {})
    assert made.missing is None
    assert codec.dump(filling(0) | {"chat 2": 0}, {}).size == made.size


def test_its_parts_are_met() -> None:
    """When it is gone through for what it shares."""
    owner = filling(1)
    assert any(part is owner for part in linking.parts({"client": owner}, {}))


def test_what_is_filled_without_end_is_named() -> None:
    """As a thing that cannot be stored; nobody waits for it for ever."""
    assert canonical.version(filling(100), {}) == "unstorable:builtins.dict"
    with pytest.raises(RuntimeError, match="changed size during iteration"):
        codec.dump(filling(100), {})


MOVED: list[tuple[Any, Any]] = [
    ({1: 1, 2: 2}, lambda d: d.pop(1)),
    ({1, 2}, lambda s: s.pop()),
    (deque([1, 2]), lambda q: q.pop()),
]
"""Containers, each with what changes it."""


@pytest.mark.parametrize(("container", "change"), MOVED, ids=["dict", "set", "deque"])
def test_python_says_so_of(container: Any, change: Any) -> None:
    """Each kind of container."""
    gone_through = iter(container)
    next(gone_through)
    change(container)
    with pytest.raises(RuntimeError) as caught:
        next(gone_through)
    assert is_moving(caught.value)


def test_an_error_of_its_own_is_none_of_these() -> None:
    """It is raised at once."""
    looks = []

    def look() -> None:
        looks.append(1)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        steady(look)
    assert len(looks) == 1


class Counting:
    """Has code of its own for being pickled, which changes it."""

    def __init__(self) -> None:
        self.name = "n"
        self.looked = 0

    def __getstate__(self) -> dict[str, Any]:
        self.looked += 1
        self.cache = 1
        return dict(vars(self))


def test_what_a_look_changed_is_put_back_by_name() -> None:
    """The dict stays the one it was, in its order."""
    value = Counting()
    held = vars(value)
    undisturbed.reduction(value)
    assert vars(value) is held
    assert list(held.items()) == [("name", "n"), ("looked", 0)]
