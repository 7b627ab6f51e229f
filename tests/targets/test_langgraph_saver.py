"""LangGraph's threads in the notebook's own store, and on its timeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

pytest.importorskip("langgraph.checkpoint.conformance", reason="needs duranb[langgraph]")
from langgraph.checkpoint.conformance import checkpointer_test, validate

import duranb
from duranb.errors import UsageError
from duranb.langgraph import DuckDBSaver
from tests.kernel.conftest import kernels  # noqa: F401 - a fixture
from tests.kernel.harness import Kernel

Kernels = Callable[..., Kernel]

AGENT = """
from typing import Annotated, TypedDict
from operator import add
from langgraph.graph import StateGraph
from duranb.langgraph import DuckDBSaver

class State(TypedDict):
    said: Annotated[list[str], add]

def answer(state):
    with open("calls", "a") as f:
        f.write(state["said"][-1] + "\\n")
    return {"said": [f"{len(state['said'])}: {state['said'][-1]}"]}

saver = DuckDBSaver()
agent = (StateGraph(State).add_node("answer", answer).set_entry_point("answer")
         .compile(checkpointer=saver))
ann = {"configurable": {"thread_id": "ann"}}
"""
FIRST = "%%durable first\none = agent.invoke({'said': ['hello']}, ann)['said'][-1]"
SECOND = "%%durable second\ntwo = agent.invoke({'said': ['again']}, ann)['said'][-1]"
ASYNC = "%%durable third\nthree = (await agent.ainvoke({'said': ['later']}, ann))['said'][-1]"
SAID = "agent.get_state(ann).values.get('said')"


def test_it_does_all_that_langgraph_asks_of_a_checkpointer(tmp_path: Path) -> None:
    """LangGraph's own conformance tests, those of its optional operations included."""
    made = 0

    @checkpointer_test(name="DuckDBSaver")
    async def savers() -> AsyncGenerator[DuckDBSaver, None]:
        nonlocal made
        made += 1
        yield DuckDBSaver(name=f"threads {made}")

    (tmp_path / "script.py").touch()
    with duranb.durable(tmp_path / "script.py"):
        report = asyncio.run(validate(savers))
    assert made == 8 and len(report.results) == 8
    assert all(r.passed for r in report.results.values()), report.to_dict()


def test_without_a_store_it_says_how_to_open_one() -> None:
    """There is nowhere to keep a thread."""
    with pytest.raises(UsageError, match=r"load_ext duranb.*duranb\.durable"):
        DuckDBSaver()


def test_a_script_finds_its_threads_again(tmp_path: Path) -> None:
    """What was written outside of steps is there for the next process; other names are others."""
    (tmp_path / "script.py").touch()
    config = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    checkpoint = {
        "v": 4,
        "id": "1",
        "ts": "",
        "channel_values": {"a": {1, 2}},
        "updated_channels": [],
    }
    checkpoint |= {"channel_versions": {"a": "1"}, "versions_seen": {}}
    with duranb.durable(tmp_path / "script.py"):
        DuckDBSaver().put(config, checkpoint, {"step": 1}, {"a": "1"})  # type: ignore[arg-type]
    with duranb.durable(tmp_path / "script.py"):
        found = DuckDBSaver().get_tuple(config)  # type: ignore[arg-type]
        other = DuckDBSaver(name="others").get_tuple(config)  # type: ignore[arg-type]
    assert found is not None and found.checkpoint["channel_values"] == {"a": {1, 2}}
    assert found.metadata["step"] == 1 and other is None


def test_a_thread_comes_back_with_its_steps(kernels: Kernels) -> None:  # noqa: F811
    """After ``kill -9`` *Run All* runs no node again, the thread goes on where it was, and a rewind
    takes it back; the step that is mended does not find its own earlier turn."""
    kernel = kernels("agent").start()
    for cell in (AGENT, FIRST, SECOND):
        assert kernel.run(cell).error is None
    said = kernel.value(SAID)
    assert said == "['hello', '1: hello', 'again', '3: again']"
    kernel.kill()
    kernel.start()
    results = [kernel.run(cell) for cell in (AGENT, FIRST, SECOND)]
    assert ["nothing ran" in r.text for r in results] == [False, True, True]
    assert kernel.value(SAID) == said
    assert kernel.run(ASYNC).error is None
    assert kernel.value("three") == "'5: later'"
    assert kernel.value("len([*agent.get_state_history(ann)])") == "9"
    assert (kernel.notebook.parent / "calls").read_text().split() == ["hello", "again", "later"]

    assert kernel.run("%duranb rewind first --yes").error is None
    assert kernel.value(SAID) == "['hello', '1: hello']"
    mended = kernel.run(SECOND.replace("again", "other"))
    assert "nothing ran" not in mended.text
    assert kernel.value(SAID) == "['hello', '1: hello', 'other', '3: other']"


def test_an_edited_turn_makes_the_later_ones_run_again(kernels: Kernels) -> None:  # noqa: F811
    """The thread is an input of each turn: what was said before is what the model reads."""
    kernel = kernels("edited").start()
    for cell in (AGENT, FIRST, SECOND):
        assert kernel.run(cell).error is None
    kernel.kill()
    kernel.start()
    edited = (AGENT, FIRST.replace("hello", "good day"), SECOND)
    assert all("nothing ran" not in kernel.run(cell).text for cell in edited)
    assert kernel.value(SAID) == "['good day', '1: good day', 'again', '3: again']"


def test_a_turn_that_is_tried_again_is_in_the_thread_once(kernels: Kernels) -> None:  # noqa: F811
    """An attempt starts clean: what the failed one wrote to the thread is not there."""
    kernel = kernels("retried").start()
    assert kernel.run(AGENT + "tries = []").error is None
    body = "%%durable turn --retries 2 --backoff 0\nsaid = agent.invoke({'said': ['hi']}, ann)"
    fails = "\nimport os\nif not os.path.exists('tried'):\n    open('tried', 'w').close()"
    result = kernel.run(body + fails + "\n    raise ConnectionError('down')")
    assert result.error is None, result.text
    assert kernel.value(SAID) == "['hi', '1: hi']"
    assert (kernel.notebook.parent / "calls").read_text().split() == ["hi", "hi"]
