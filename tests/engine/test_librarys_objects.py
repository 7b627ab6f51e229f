"""Objects of libraries that pickle cannot bring back, or says of that it can."""

from __future__ import annotations

import sys
import sysconfig
import types
from collections.abc import Iterator

import pytest

from tests.engine.world import World

LIBRARY = """
import functools

class Cached:
    def __init__(self, function, cache):
        functools.update_wrapper(self, function)
        self.cache = cache

    def __call__(self, n):
        if n not in self.cache:
            self.cache[n] = self.__wrapped__(n)
        return self.cache[n]

    def __reduce__(self):
        return self.__qualname__

def cached(cache):
    return lambda function: Cached(function, cache)

class Owned:
    def __init__(self, *given):
        self.owners = []
        super().__init__(*given)

    def owned_by(self, owner): self.owners.append(owner)

    def tell(self, what):
        for owner in self.owners:
            owner.heard.append(what)

class OwnedList(Owned, list):
    def append(self, item): super().append(item); self.tell(item)

    def extend(self, items): super().extend(items); self.tell(items)

class OwnedDict(Owned, dict):
    def __setitem__(self, key, value): super().__setitem__(key, value); self.tell(key)

class Owner:
    def __init__(self, held):
        self.heard, self.held = [], held
        held.owned_by(self)
"""


@pytest.fixture
def world() -> Iterator[World]:
    """A notebook that has imported an installed library."""
    module = types.ModuleType("library_of_objects")
    module.__file__ = f"{sysconfig.get_path('purelib')}/library_of_objects.py"
    exec(LIBRARY, vars(module))
    sys.modules[module.__name__] = module
    made = World()
    yield made
    del sys.modules[module.__name__]


def lives(world: World, steps: dict[str, str]) -> None:
    """Run cells, and in another process restore them all."""
    steps = {"import": "import library_of_objects as lib", **steps}
    for name, source in steps.items():
        world.cell(name, source)
    world.start()
    for name, source in steps.items():
        world.cell(name, source)
        assert world.last(name).of, name


def test_a_function_that_a_library_wraps_comes_back(world: World) -> None:
    """Pickle is told its name, which is the notebook's. It shares its cache with the notebook."""
    lives(
        world,
        {
            "cache": "cache = {}",
            "wrap": "@lib.cached(cache)\ndef square(n): return n * n\nsquare(3)",
        },
    )
    world.plain("found = square(2), square(3), sorted(cache), square.cache is cache")
    assert world.live["found"] == (4, 9, [2, 3], True)


@pytest.mark.parametrize("make", ["OwnedList([1])", "OwnedDict([('a', 1)])"])
def test_containers_that_tell_their_owners_come_back(world: World, make: str) -> None:
    """Pickle would put each item there before the owners are; and nobody hears of it again."""
    put = "held.append(2)" if "List" in make else "held['b'] = 2"
    lives(world, {"make": f"held = lib.{make}\nowner = lib.Owner(held)\n{put}"})
    world.plain("found = len(held), owner.held is held, held.owners[0] is owner, len(owner.heard)")
    assert world.live["found"] == (2, True, True, 1)
