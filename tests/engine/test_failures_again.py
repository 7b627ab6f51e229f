"""An effect that failed, and whose step went on, fails again when the step is replayed offline."""

from __future__ import annotations

import asyncio

from tests.engine.world import World

TOOL = """
class NoSuchCity(Exception):
    def __init__(self, city, known):
        super().__init__(f"no such city: {city}")
        self.city, self.known = city, known

done = []

@duranb.tool
def book(city: str) -> str:
    done.append(city)
    if city == "Atlantis":
        raise NoSuchCity(city, ["Paris"])
    return f"booked {city}"
"""

CELL = """
try:
    said = book("Atlantis")
except NoSuchCity as error:
    said = f"{error}; {error.city}, not {error.known}"
said = said + ", " + book("Paris")
"""


def test_a_tool_that_failed_fails_again(world: World) -> None:
    """With the error it had raised, and it is not called."""
    world.plain(TOOL)
    world.cell("s", CELL)
    said = world.live["said"]
    assert said == "no such city: Atlantis; Atlantis, not ['Paris'], booked Paris"
    world.start(strict=True)
    world.plain(TOOL)
    world.cell("s", CELL)
    assert world.live["said"] == said
    assert not world.live["done"]


def test_a_restored_step_is_replayed_as_it_ran(world: World) -> None:
    """What it meets are the failures of the execution that it was restored from."""
    cell = """
try:
    said = ask("primary")
except ConnectionError:
    said = ask("spare")
"""
    world.model.answers["primary"] = [ConnectionError("gone"), "back again"]
    world.cell("s", cell)
    world.start()
    world.cell("s", cell)
    restored = world.history.executions_of("s")[-1]
    assert restored.of and world.live["said"] == "spare 1"
    world.start(strict=True)
    asyncio.run(world.acell("s", cell, replays=restored.id))
    assert world.live["said"] == "spare 1"
    assert world.model.paid == ["primary", "spare"]
