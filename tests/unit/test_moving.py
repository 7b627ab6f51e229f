"""What another thread changes while it is looked at is looked at again."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from duranb.code.moving import is_moving, steady
from duranb.state import linking
from duranb.values import canonical, codec, contents, undisturbed


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


class Shared:
    """Several threads change it; what they do ``meanwhile`` they do while it is looked at."""

    meanwhile: list[Callable[[Shared], object]] = []

    def __init__(self) -> None:
        self.hits = 0
        self.looked = 0
        self.ids = itertools.count()

    def __getstate__(self) -> dict[str, Any]:
        self.looked += 1
        while Shared.meanwhile:
            Shared.meanwhile.pop()(self)
        return {"hits": self.hits}


def test_what_another_thread_changed_meanwhile_stays() -> None:
    """Only what the look did is put back: nothing that a step of another thread has done."""
    value = Shared()

    def hit(shared: Shared) -> None:
        shared.hits += 1
        shared.name = "new"  # type: ignore[attr-defined]
        assert next(shared.ids) == 0

    Shared.meanwhile = [hit]
    undisturbed.reduction(value)
    assert (value.hits, value.name, value.looked) == (1, "new", 0)  # type: ignore[attr-defined]
    assert next(value.ids) == 1
    undisturbed.reduction(value)
    assert (value.hits, value.looked, next(value.ids)) == (1, 0, 2)


class Counted:
    """Takes a number each time that it is looked at, and has slots besides."""

    __slots__ = ("__dict__", "first")

    def __init__(self) -> None:
        self.first = 1
        self.ids = itertools.count(5)

    def __getstate__(self) -> dict[str, Any]:
        return {"first": self.first, "id": next(self.ids)}


def test_a_number_that_a_look_took_is_given_again() -> None:
    """It is no other thread's."""
    value = Counted()
    for _ in range(3):
        assert undisturbed.reduction(value)[2]["id"] == 5


def test_a_short_look_is_one_of_these() -> None:
    """As at the variables of modules."""
    assert canonical.short(filling(1), {}) == canonical.short(filling(0) | {"chat 2": 0}, {}) != ""


def test_a_dict_is_refilled_in_one_go() -> None:
    """In the order of what it is given."""
    held = {"a": 1, "b": 2}
    contents.refill(held, [("b", 3), ("a", 4)])
    assert list(held.items()) == [("b", 3), ("a", 4)]
