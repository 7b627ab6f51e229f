"""Stored values that cannot be loaded any more: a library has changed, or their class refuses."""

from __future__ import annotations

import pytest

from duranb.errors import NotRestorable
from duranb.views import lines
from tests.engine.world import World

BAD = (
    "class Bad:\n    x = 3\n    def __getstate__(self): return 1\n"
    "    def __setstate__(self, state): raise ValueError('not today')\n"
)

WAYS = {
    "itself": ("bad = Bad()", "bad.x"),
    "in a list": ("bad = [1, Bad()]", "bad[1].x"),
    "in an attribute": (
        "import types\nbad = types.SimpleNamespace(deep={'a': Bad()})",
        "bad.deep['a'].x",
    ),
}


@pytest.mark.parametrize("how", WAYS)
def test_a_step_whose_value_was_not_loaded_runs_the_next_time(world: World, how: str) -> None:
    """Restoring it tells which names are not whole, and why; using them fails by name; and running
    the cell once more makes them, as often as the notebook is run again."""
    make, use = WAYS[how]
    cells = {"class": BAD + "beside = [1]", "make": f"{make}\nother = 2"}

    def run() -> None:
        for name, source in cells.items():
            world.cell(name, source)

    run()
    world.start()
    run()
    assert world.last("make").of and world.last("class").of
    _, unread, _ = world.lost
    assert unread == {"bad": "loading it raised ValueError: not today"}
    told = lines.restored(world.history, world.last("make"), world.last("make").id, {}, unread)
    assert "not all of bad is there: loading it raised ValueError: not today" in told
    assert world.live["other"] == 2
    with pytest.raises(NotRestorable, match="not today"):
        eval(use, world.live)
    for _ in range(2):
        run()
        assert eval(use, world.live) == 3
    runs = [each for each in world.history.executions_of("make") if not each.of]
    assert len(runs) == 2, "it ran once more, and that is restored where it is alive"


def test_a_careful_process_runs_it_at_once(world: World) -> None:
    """What was whole is restored; what is alive already is not loaded to see."""
    cells = {"class": BAD, "make": "bad = [Bad()]", "beside": "x = [1]"}
    for name, source in cells.items():
        world.cell(name, source)
    world.start(careful=True)
    for _ in range(2):
        for name, source in cells.items():
            world.cell(name, source)
    assert world.live["bad"][0].x == 3
    made = world.history.executions_of("make")
    assert [bool(each.of) for each in made] == [False, False, True]
    assert made[1].reason == "not all of bad is there: loading it raised ValueError: not today"
    assert world.last("beside").of == 3


def test_a_name_that_was_bound_anew_is_whole(world: World) -> None:
    """A plain cell has made it since."""
    cells = {"class": BAD, "make": "bad = [Bad()]"}
    for name, source in cells.items():
        world.cell(name, source)
    world.start()
    for name, source in cells.items():
        world.cell(name, source)
    assert world.runtime.namespace.unread("bad")
    world.plain("bad = [Bad()]")
    world.runtime.catch_up()
    assert world.runtime.namespace.unread("bad") == ""
