"""Notebooks as graphs of LangGraph, with its own checkpointers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph.graph", reason="needs duranb[langgraph]")
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import duranb
from duranb.errors import StepError, UsageError
from duranb.export import build, langgraph
from duranb.export.notebook import cells_of
from tests.targets.adversarial import CASES
from tests.targets.test_script import plain

_numbers = itertools.count()
PAID: list[int] = []


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Any]:
    """Gives the module that cells are exported to, as another process would import it."""
    made: list[str] = []

    def load(*cells: str, tagged: int = -1) -> Any:
        tags = [frozenset({"parameters"} if i == tagged else ()) for i in range(len(cells))]
        name = f"exported_{next(_numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(langgraph.render(build(*cells_of([("code", c) for c in cells], tags))))
        found: Any = types.ModuleType(name)
        found.__file__ = str(path)
        sys.modules[name] = found
        made.append(name)
        exec(compile(path.read_text(), path.name, "exec"), vars(found))
        return found

    yield load
    for name in made:
        del sys.modules[name]


def invoke(module: Any, given: Any, thread: str = "1", saver: Any = None) -> Any:
    """Run the graph; the state that it ends with."""
    graph = module.builder.compile(checkpointer=saver)
    with duranb.durable(module.__file__, headless=True):
        return asyncio.run(graph.ainvoke(given, {"configurable": {"thread_id": thread}}))


def test_state_parameters_and_history(module: Any) -> None:
    """The state has the parameters and what nodes give; LangGraph's own history has each node."""
    found = module(
        "limit: int = 2",
        "%%durable a\nx = limit + 1",
        "%%durable b\ny = x * 2",
        "x = x + 100",
        "%%durable c\nz = x + y",
        tagged=0,
    )
    saver = InMemorySaver()
    assert invoke(found, {})["z"] == 109
    assert invoke(found, {"limit": 5}, saver=saver)["z"] == 118
    config: Any = {"configurable": {"thread_id": "1"}}
    states = list(found.builder.compile(checkpointer=saver).get_state_history(config))
    assert states[0].values["z"] == 118 and len(states) >= 4


def test_a_question_interrupts_and_no_call_is_made_twice(module: Any) -> None:
    """The answer of ``Command(resume=…)`` is the question's; what was done before is not again."""
    found = module(
        "import duranb\nfrom tests.targets import test_langgraph\n"
        "def pay():\n    test_langgraph.PAID.append(1)\n    return 'paid'",
        "%%durable gate\nreceipt = duranb.call(pay)\nanswer = duranb.ask('Go?')",
        "%%durable done\nresult = f'{receipt} {answer}'",
    )
    saver = InMemorySaver()
    stopped = invoke(found, {}, saver=saver)
    assert stopped["__interrupt__"][0].value["question"] == "Go?"
    assert invoke(found, Command(resume="yes"), saver=saver)["result"] == "paid yes"
    assert PAID == [1]


def test_a_change_that_no_checkpoint_would_know_is_refused(module: Any) -> None:
    """A node that changes a value of the state and does not return it fails, and names it."""
    found = module(
        "def grow(xs):\n    getattr(xs, 'app' + 'end')(5)\n    return 1",
        "%%durable a\nxs = [1]",
        "%%durable b\nn = grow(xs)",
        "print(xs, n)",
    )
    with pytest.raises(StepError, match="b changed xs in place"):
        invoke(found, {})
    shared = CASES["augmented"].cells
    with pytest.raises(StepError, match="b changed ys in place"):
        invoke(module(*shared), {})
    with pytest.raises(UsageError, match="no store is open"):
        asyncio.run(found.builder.compile().ainvoke({}))


SAMPLE = [
    *("loop variable", "a frame in place", "redefined data", "await", "a map"),
    *("a variable that functions read", "main and run"),
]


@pytest.mark.parametrize("name", SAMPLE)
def test_the_graph_does_what_the_notebook_does(name: str, module: Any) -> None:
    """The last cell prints the same: when all is new, and when all is restored."""
    case = CASES[name]
    found = module(*case.cells, tagged=case.parameters)
    for _ in range(2):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            invoke(found, {})
        assert shown.getvalue().splitlines()[-1] == plain(case).splitlines()[-1]
