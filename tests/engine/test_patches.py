"""What a step sets in an installed module, or in a class of one, comes back with it, and decides
for the steps after it, wherever these name it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.test_decide import ran
from tests.engine.world import World

PATCHES = {
    # how: (what a step sets, what a later step makes of it)
    "a value": ("json.extra = {n}", "y = json.extra"),
    "a list": ("json.extra = [{n}]", "y = json.extra[0]"),
    "a function": ("def f(*a): return {n}\ntextwrap.shorten = f", "y = textwrap.shorten('a', 1)"),
    "in the cell that imports it": (
        "import textwrap as t\nt.shorten = lambda *a: {n}",
        "y = textwrap.shorten('a', 1)",
    ),
    "a class's": ("textwrap.TextWrapper.extra = {n}", "y = textwrap.TextWrapper.extra"),
    "a method of a class with a name": (
        "from textwrap import TextWrapper as W\nW.extra = lambda self: {n}\nw = W()",
        "y = w.extra()",
    ),
    "what the library itself calls": (
        "json.JSONEncoder.default = lambda self, o: {n}",
        "y = int(json.dumps({1j: 1}.popitem()[0]))",
    ),
    "by a function of the notebook's": (
        "def patch(): json.extra = {n}\npatch()",
        "def use(): return json.extra\ny = use()",
    ),
}


FIRST = json.JSONEncoder.default, textwrap.shorten


def begin() -> None:
    """Leave the modules as a new process has them."""
    json.JSONEncoder.default, textwrap.shorten = FIRST  # type: ignore[method-assign]
    for holder in (json, textwrap.TextWrapper):
        if hasattr(holder, "extra"):
            delattr(holder, "extra")


@pytest.fixture(autouse=True)
def left_as_they_were() -> Iterator[None]:
    """The modules are everybody's."""
    yield
    begin()


@pytest.mark.parametrize("how", PATCHES)
def test_what_a_step_sets_in_an_installed_module_decides_later_ones(
    tmp_path: Path, how: str
) -> None:
    """It is there again where the step is restored, also for a later one that is edited; and where
    it becomes another, the steps that use it run again."""
    patch, use = PATCHES[how]
    world = World(tmp_path)

    def life(n: int, use: str) -> None:
        begin()
        world.start()
        world.plain("import json, textwrap")
        world.cell("patch", patch.replace("{n}", str(n)))
        world.cell("use", use)
        world.cell("other", "z = sum([1])")

    life(3, use)
    assert world.live["y"] == 3
    life(3, use)
    assert [ran(world, name) for name in ("patch", "use", "other")] == [1, 1, 1]
    life(3, f"{use}\ny += 1")
    assert ran(world, "patch") == 1 and world.live["y"] == 4
    life(5, f"{use}\ny += 1")
    assert [ran(world, name) for name in ("patch", "use", "other")] == [2, 3, 1]
    assert world.live["y"] == 6


def test_a_rewind_takes_a_patch_back(tmp_path: Path) -> None:
    """What a module had before the step is there again; what it did not have is gone."""
    world = World(tmp_path)
    world.plain("import json, textwrap")
    world.cell("a", "x = 1")
    world.cell("b", "textwrap.shorten = lambda *a: 5; json.extra = 5")
    assert textwrap.shorten is not FIRST[1]
    line = world.history.line
    assert world.runtime.surroundings.move(line(), line(world.last("a").snapshot)) == []
    assert textwrap.shorten is FIRST[1] and not hasattr(json, "extra")
