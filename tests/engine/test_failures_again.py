"""An effect that failed, and whose step went on, fails again when the step is replayed offline."""

from __future__ import annotations

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
