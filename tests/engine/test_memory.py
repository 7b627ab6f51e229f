"""What an agent remembers goes with the timeline, and is found again by meaning."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

import duranb
from duranb.engine.memory import Memory
from duranb.errors import UsageError
from duranb.record import events as e
from tests.engine.world import World

WORDS = ("tea", "coffee", "rome", "oslo")
MADE = "memory = duranb.memory(embed=embed)"


def embed(texts: list[str]) -> list[list[float]]:
    """A vector says which of a few words are in a text."""
    return [[*(float(w in t) for w in WORDS), 0.1] for t in texts]


@pytest.fixture
def memory(world: World) -> Memory:
    """An agent's memory, made in a plain cell."""
    world.live["embed"] = embed
    world.plain(MADE)
    return world.live["memory"]


def test_the_closest_facts_come_first(world: World, memory: Memory) -> None:
    """By the cosine of the angle between the vectors, from what was noted alike."""
    memory.add("Ann drinks tea", who="ann")
    memory.add("Bob drinks coffee", who="bob")
    memory.add("Bob likes tea, in oslo", who="bob")
    found = memory.recall("tea?", k=2)
    assert [f.text for f in found] == ["Ann drinks tea", "Bob likes tea, in oslo"]
    assert found[0].score == pytest.approx(1.0) and found[1].score < found[0].score
    assert [f.id for f in memory.recall("tea?", who="bob")] == [3, 2]
    assert [f.text for f in memory.facts(who="ann")] == ["Ann drinks tea"]
    memory.forget(found[0])
    assert [f.id for f in memory.recall("tea?")] == [3, 2]
    with pytest.raises(UsageError, match="remembers no fact 1"):
        memory.forget(1)


def test_conversations_are_as_chat_apis_have_them(memory: Memory) -> None:
    """Roles, contents and whatever else a message has, one list for each conversation."""
    memory.say("user", "hello")
    memory.say("assistant", None, tool_calls=[{"id": "1"}])
    memory.say("user", "hi", conversation="other")
    assert memory.messages() == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
    ]
    assert memory.messages(last=1)[0]["role"] == "assistant" and memory.messages(last=0) == []
    assert memory.messages(last=3) == memory.messages(last=100) == memory.messages()
    assert memory.conversations() == ["", "other"]
    memory.messages().clear()
    assert len(memory.messages()) == 2


def test_a_restored_step_brings_back_what_it_had_remembered(world: World) -> None:
    """In another process too, without asking the embedding model again."""
    world.live["embed"] = embed
    world.plain(MADE)
    world.cell("a", "memory.add('Ann drinks tea')\nn = 1")
    world.start()
    world.live["embed"] = embed
    world.plain(MADE)
    assert world.live["memory"].facts() == []
    world.cell("a", "memory.add('Ann drinks tea')\nn = 1")
    assert len(world.history.executions_of("a")) == 2 and world.history.executions[2].of == 1
    assert [f.text for f in world.live["memory"].recall("tea")] == ["Ann drinks tea"]


def test_another_step_that_reads_it_runs_again_when_it_has_changed(world: World) -> None:
    """The memory is an input like any other."""
    world.live["embed"] = embed
    world.plain(MADE)
    world.cell("a", "memory.add('tea')\nn = 1")
    world.cell("b", "found = [f.text for f in memory.facts()]")
    world.cell("a", "memory.add('coffee')\nn = 1")
    world.cell("b", "found = [f.text for f in memory.facts()]")
    assert world.last("b").of == 0 and "coffee" in world.live["found"]


def test_a_retried_attempt_remembers_once(world: World) -> None:
    """What the failed attempt wrote down is not there."""
    world.live["embed"] = embed
    world.model.answers["hi"] = [ConnectionError("down"), "hello"]
    world.plain(MADE)
    world.cell("a --retries 2 --backoff 0", "memory.add('tea')\nask('hi')\nn = len(memory.facts())")
    assert world.model.paid == ["hi", "hi"]
    assert world.live["n"] == 1


def test_what_was_remembered_outside_of_steps_is_there_in_the_next_process(world: World) -> None:
    """Nothing else would bring it back."""
    world.live["embed"] = embed
    world.plain(MADE)
    world.live["memory"].say("user", "hello")
    world.start()
    assert duranb.memory().messages() == [{"role": "user", "content": "hello"}]
    assert duranb.memory("another").messages() == []
    with world.inside():
        assert duranb.memory().messages() == []


def test_across_runs_it_begins_with_what_the_run_before_remembered(world: World) -> None:
    """On request: a run of its own remembers nothing of another one."""
    with world.inside():
        duranb.memory().say("user", "in a step")
    world.runtime.record(e.RunStarted(run="second"))
    assert duranb.memory().messages() == []
    memory = duranb.memory(across_runs=True)
    assert [m["content"] for m in memory.messages()] == ["in a step"]
    memory.say("user", "more")
    assert len(duranb.memory(across_runs=True).messages()) == 2


def test_many_threads_and_tasks_remember_together(memory: Memory) -> None:
    """No fact is lost, and each is given its own number."""
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(memory.add, [f"tea {i}" for i in range(40)]))
    assert sorted(f.id for f in made) == list(range(1, 41))
    assert all(memory.facts()[f.id - 1].text == f.text for f in made)

    async def together() -> None:
        await asyncio.gather(*(memory.aadd(f"rome {i}") for i in range(10)))
        assert all("rome" in f.text for f in await memory.arecall("rome", k=10))

    asyncio.run(together())
    assert len(memory.facts()) == 50


def test_what_cannot_be_compared_is_refused(world: World, memory: Memory) -> None:
    """By name, with what to do; nothing is written."""
    with pytest.raises(UsageError, match="nothing to find facts with"):
        duranb.memory("plain").add("tea")
    memory.add("tea")
    other = duranb.memory(embed=lambda texts: [[1.0, 2.0]])
    with pytest.raises(UsageError, match="vectors of 5 numbers"):
        other.recall("tea")
    with pytest.raises(UsageError, match="vectors of 5 numbers, and this one has 2"):
        other.add("coffee")
    assert len(other.facts()) == 1

    async def vectors(texts: list[str]) -> list[list[float]]:
        return embed(texts)

    with pytest.raises(UsageError, match="await aadd"):
        duranb.memory("async", embed=vectors).add("tea")
    assert asyncio.run(duranb.memory("async", embed=vectors).aadd("tea")).id == 1


def test_what_was_noted_is_found_by_what_was_noted(world: World, memory: Memory) -> None:
    """A tuple, a set or a time comes back as JSON has it, and is looked for as it was given."""
    noted = {"tags": ("a", "b"), "when": datetime(2026, 1, 2), "seen": {3, 1}}
    memory.add("tea", **noted)
    memory.add("coffee", tags=("a",))
    assert [f.text for f in memory.facts(**noted)] == ["tea"]
    assert [f.text for f in memory.recall("tea", seen={1, 3})] == ["tea"]
    assert [f.text for f in memory.recall("tea", tags=["a"])] == ["coffee"]
    with pytest.raises(UsageError, match="values of JSON beside a text"):
        memory.add("rome", where=object())
    assert len(memory.facts()) == 2


def test_what_is_done_to_an_answer_is_not_remembered(memory: Memory) -> None:
    """Messages and facts are whoever asked for them's: they may add to them."""
    memory.say("user", [{"type": "text", "text": "look"}])
    memory.messages()[0]["content"].append({"type": "image_url"})
    assert memory.messages() == [{"role": "user", "content": [{"type": "text", "text": "look"}]}]
    added = memory.add("tea", tags=["a"])
    for fact in (added, *memory.facts(), *memory.recall("tea")):
        fact.about["tags"].append("b")
    assert memory.facts()[0].about == {"tags": ["a"]}


def test_what_has_no_direction_is_close_to_nothing(world: World, memory: Memory) -> None:
    """A vector of zeros comes last, and what is no vector at all is refused before it is noted."""
    none = {"nothing": [0.0] * 5, "broken": [float("nan")] * 5, "empty": []}
    world.live["embed"] = lambda texts: [none.get(t) or embed([t])[0] for t in texts]
    world.plain(MADE)
    memory = world.live["memory"]
    memory.add("nothing")
    memory.add("oslo")
    assert [(f.text, round(f.score)) for f in memory.recall("oslo")] == [
        ("oslo", 1),
        ("nothing", 0),
    ]
    for text in ("broken", "empty"):
        none["empty"] = none[text]
        with pytest.raises(UsageError, match="cannot be compared"):
            duranb.memory("m", embed=lambda texts: [none["empty"]]).add(text)
    with pytest.raises(UsageError, match="given 1 text and gave 2 vectors"):
        duranb.memory("m", embed=lambda texts: [[1.0], [2.0]]).add("tea")
    with pytest.raises(UsageError, match="cannot be compared"):
        memory.recall("broken")
    assert len(memory.facts()) == 2 and duranb.memory("m").facts() == []


def test_vectors_of_two_models_are_not_compared(world: World) -> None:
    """They may be of one length and say nothing about one another: asking is refused, by name,
    in the next process too."""

    class Client:
        def __init__(self) -> None:
            self.embeddings = self

        def create(self, **asked: Any) -> Any:
            data = [SimpleNamespace(embedding=vector) for vector in embed(asked["input"])]
            return SimpleNamespace(data=data)

    duranb.memory(embed="small", client=Client()).add("tea")
    world.start()
    for ask in (lambda m: m.recall("tea"), lambda m: m.add("coffee")):
        with pytest.raises(UsageError, match="vectors of small, and this one is of large"):
            ask(duranb.memory(embed="large", client=Client()))
    assert duranb.memory(embed="small", client=Client()).recall("tea")[0].text == "tea"
