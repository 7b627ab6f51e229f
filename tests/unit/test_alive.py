"""What is alive wins: a restored step puts what it had changed into the objects that are there."""

from __future__ import annotations

import pytest

from duranb.state import Restored
from tests.unit.test_state import Kernel

SETUP = (
    "from pydantic import BaseModel\n"
    "class Agent:\n    def __init__(self): self.memory = []\n"
    "class Slotted:\n    __slots__ = ('memory', '__dict__')\n"
    "    def __init__(self): self.memory = []\n"
    "class Model(BaseModel):\n    memory: list = []\n    _hidden: int = 0\n"
)


def second_life(setup: str, change: str, *names: str) -> Kernel:
    """``setup`` ran, a step changed ``names`` in place; then the kernel was another one, ``setup``
    ran again, and the step was restored."""
    first = Kernel()
    first.run(setup)
    before = first.namespace.bindings()
    first.run(change)
    after = first.namespace.bindings()
    second = Kernel(first.artifacts)
    second.run(setup)
    objects = {n: second[n] for n in names}
    changed = {n: b for n, b in after.items() if before.get(n) != b}
    outputs = {n: b for n, b in changed.items() if n in names or n not in before}
    beside = {n: b for n, b in changed.items() if n not in outputs}
    step = Restored("one", in_place=frozenset(names), beside=beside)
    assert second.namespace.restore(outputs, step=step) == []
    assert all(second[n] is value for n, value in objects.items())
    assert second.namespace.sync().changed.keys() <= outputs.keys()
    return second


@pytest.mark.parametrize("kind", ["Agent", "Slotted", "Model"])
def test_an_object_that_is_alive_takes_in_what_was_stored(kind: str) -> None:
    """Whoever holds it sees what the step had done: a generator does, which cannot be stored."""
    setup = f"{SETUP}agent = {kind}()\ndef reading():\n    while True: yield agent.memory\n"
    change = (
        "agent.memory.append('hello'); agent.more = 1"
        if kind != "Model"
        else ("agent.memory.append('hello'); agent._hidden = 1")
    )
    second = second_life(f"{setup}held = (each for each in [agent])", change, "agent")
    assert next(second["held"]).memory == ["hello"]
    assert (second["agent"]._hidden if kind == "Model" else second["agent"].more) == 1
    assert "agent" in second.run("agent.memory.append(2)", {"agent"}).changed


def test_a_large_object_takes_it_in_too() -> None:
    """Though large values are loaded when they are needed."""
    second = second_life(
        f"{SETUP}agent = Agent()", "agent.memory += [str(n) for n in range(300_000)]", "agent"
    )
    assert len(second["agent"].memory) == 300_000


def test_objects_that_hold_each_other_still_do() -> None:
    """Also what else was made with them; attributes that are gone are gone."""
    second = second_life(
        f"{SETUP}a, b = Agent(), Agent()\na.other, b.other, a.old = b, a, 1",
        "a.memory.append(1); b.memory.append(a); del a.old; result = {'last': b, 'of': b.memory}",
        "a",
        "b",
    )
    a, b, result = second["a"], second["b"], second["result"]
    assert a.other is b and b.other is a and b.memory == [a] and not hasattr(a, "old")
    assert result["last"] is b and result["of"] is b.memory


def test_what_could_not_be_stored_stays_in_the_object_that_is_alive() -> None:
    """The rest of it comes from the store."""
    second = second_life(
        f"{SETUP}agent = Agent(); agent.stream = (n for n in [1, 2])",
        "agent.memory.append('hello')",
        "agent",
    )
    assert second["agent"].memory == ["hello"] and next(second["agent"].stream) == 1
