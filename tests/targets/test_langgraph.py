"""Notebooks as graphs of LangGraph, with its own checkpointers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import types
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langgraph.graph", reason="needs duranb[langgraph]")
import ormsgpack
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG, JsonPlusSerializer
from langgraph.types import Command

import duranb
from duranb.errors import StepError, Untrusted, UsageError
from duranb.export import ExportError, build, export, langgraph
from duranb.export.notebook import cells_of
from duranb.langgraph import Serializer
from tests.servers import postgres
from tests.targets.adversarial import CASES, Case
from tests.targets.test_script import NOTEBOOKS, plain, written

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


def test_what_no_checkpoint_would_know_is_handed_on_or_refused(module: Any) -> None:
    """A change in place of what the state has goes to the next nodes, however it was made. One of
    what nodes beside it read, or of a variable of the module, is refused by name."""
    grow = "def grow(xs):\n    getattr(xs, 'app' + 'end')(5)\n    return 1"
    made = "%%durable a\nxs = [1]"
    found = module(grow, made, "%%durable b\nn = grow(xs)", "ys = [*xs, n]", "print(ys)")
    assert invoke(found, {})["ys"] == [1, 5, 1]
    beside = module(grow, made, "%%durable b\nn = grow(xs)", "%%durable c\nm = sum(xs)", "n + m")
    # Nobody can tell which of the two it was.
    with pytest.raises(StepError, match=r"[bc] changed xs in place"):
        invoke(beside, {})
    hidden = module(f"xs = [1]\n{grow}", "%%durable b\nn = grow(xs)", "print(n)")
    with pytest.raises(StepError, match="b changed xs in place, which a plain cell"):
        invoke(hidden, {})
    shared = module("xs = [1]\nys = xs", "%%durable b\nxs.append(2)", "print(xs, ys)")
    with pytest.raises(StepError, match="b changed xs in place, and ys of the module shares"):
        invoke(shared, {})


def test_what_a_function_holds_too_is_not_changed_unnoticed(module: Any) -> None:
    """The state has a copy of a variable of the module, and the function holds the first one."""
    found = module(
        "log = []\ndef note(x):\n    log.append(x)\nnote.log = log",
        "%%durable a\nnote(1)\nn = len(note.log)",
        "print(n, len(note.log), log)",
    )
    with pytest.raises(StepError, match="a changed log in place, and note of the module shares"):
        invoke(found, {})


def test_the_store_is_the_modules_own(module: Any) -> None:
    """Without one nothing would be recorded, and in another's the globals of steps are not seen."""
    found = module("%%durable a\nx = 1")
    with pytest.raises(UsageError, match="no store is open"):
        asyncio.run(found.builder.compile().ainvoke({}))
    other = module("%%durable a\nx = 1")
    with duranb.durable(other.__file__, headless=True), pytest.raises(UsageError, match="not that"):
        asyncio.run(found.builder.compile().ainvoke({}))


def test_each_run_of_a_thread_draws_the_notebooks_numbers(module: Any) -> None:
    """In one process too, with other runs of other threads and numbers drawn between them."""
    found = module(
        "import random\nrandom.seed(7)",
        "%%durable a\nx = random.random()",
        "y = random.random()",
        "%%durable b\nz = [x, y, random.random()]",
    )
    random.seed(7)
    wanted = [random.random() for _ in range(3)]
    saver = InMemorySaver()
    for thread in "1", "2", "1":
        assert invoke(found, {}, thread, saver)["z"] == wanted
        random.random()


def test_a_later_run_of_a_thread_finds_its_parameters_as_they_were_given(module: Any) -> None:
    """Although a step changes them in place."""
    found = module("names = ['a']", "%%durable a\nnames.append('b')\nn = len(names)", tagged=0)
    saver = InMemorySaver()
    assert invoke(found, {"names": ["x", "y"]}, saver=saver)["n"] == 3
    assert invoke(found, {}, saver=saver)["n"] == 3


def test_what_a_checkpointer_would_change_is_refused(module: Any) -> None:
    """LangGraph's own serializer makes another thing of it, or two of one; duranb's does not."""
    for cell, message in (
        ("x = (1, 2)", "a tuple comes back as list"),
        ("import collections\nx = collections.Counter('aab')", "x"),
        ("x = [[]]\nx.append(x[0])", "x"),
        ("x = [1]\ny = [x]", "x and y share state"),
    ):
        found = module("y = []", f"%%durable a\n{cell}", "%%durable b\nn = len(x)", "print(x, y)")
        with pytest.raises(StepError, match=message):
            invoke(found, {}, saver=InMemorySaver())
        invoke(found, {}, saver=InMemorySaver(serde=Serializer()))


def test_bytes_of_somebody_else_are_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sealed with another key is refused; what is plain goes LangGraph's own way."""
    serde = Serializer()
    assert serde.loads_typed(serde.dumps_typed({1: (2, {3})})) == {1: (2, {3})}
    assert serde.dumps_typed({"a": [1, None]})[0] == "msgpack"
    kind, data = serde.dumps_typed((1, 2))
    with pytest.raises(Untrusted):
        serde.loads_typed((kind, data[:-1] + b"x"))
    monkeypatch.setenv("DURANB_KEY", "ab" * 32)
    with pytest.raises(Untrusted, match="DURANB_KEY"):
        Serializer().loads_typed((kind, data))


def test_objects_without_a_seal_are_not_made(tmp_path: Path) -> None:
    """LangGraph's own would call what a database names; it still does for a database of one's own
    that it wrote before."""
    made = tmp_path / "made"
    called = ormsgpack.packb(("os", "mkdir", str(made)))
    data = "msgpack", ormsgpack.packb({"x": ormsgpack.Ext(EXT_CONSTRUCTOR_SINGLE_ARG, called)})
    with pytest.raises(Untrusted, match="not sealed"):
        Serializer().loads_typed(data)
    assert not made.exists()
    before = JsonPlusSerializer().dumps_typed({"at": datetime(2026, 1, 1, tzinfo=UTC)})
    with pytest.raises(Untrusted):
        Serializer().loads_typed(before)
    own = Serializer(JsonPlusSerializer())
    assert own.loads_typed(before) == {"at": datetime(2026, 1, 1, tzinfo=UTC)}


SAMPLE = [
    *("a dict of lists", "a frame in place", "redefined data", "await", "a map"),
    *("a variable that functions read", "main and run", "a generator of one's own"),
]
KILLED = ["augmented", "a closure", "seeded numbers"]
"""Those that are killed in each run of the tests; the others when there is time."""


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


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """A PostgreSQL server."""
    if not postgres.found():
        pytest.skip("PostgreSQL is not on this machine: initdb, pg_ctl")
    with postgres.serving() as where:
        yield where


def _soak(names: Collection[str], but: Collection[str]) -> list[Any]:
    return [n if n in but else pytest.param(n, marks=pytest.mark.soak) for n in names]


@pytest.mark.parametrize("name", _soak(NOTEBOOKS, KILLED))
def test_a_graph_is_killed_and_goes_on_with_sqlite(name: str, tmp_path: Path) -> None:
    """LangGraph's own checkpointer in a file: the process dies after some nodes, the next one goes
    on, and two more begin again. What cannot be so is refused and says which value it is."""
    check(NOTEBOOKS[name], tmp_path, f"sqlite:{tmp_path / 'checkpoints.db'}")


@pytest.mark.parametrize("name", _soak(NOTEBOOKS, KILLED[:1]))
def test_a_graph_is_killed_and_goes_on_with_postgres(
    name: str, tmp_path: Path, database: str
) -> None:
    """The same with LangGraph's checkpointer in a database server."""
    import psycopg

    own = f"d{abs(hash(name))}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"create database {own}".encode())
    check(
        NOTEBOOKS[name],
        tmp_path,
        f"postgres:{database.replace('dbname=postgres', f'dbname={own}')}",
    )


def check(case: Case, folder: Path, saver: str) -> None:
    """Export the notebook, and run it in four processes."""
    notebook = written(case, folder)
    if case.refused:
        with pytest.raises(ExportError, match=case.refused):
            export(notebook, "langgraph")
        return
    file = folder / "graph.py"
    file.write_text(export(notebook, "langgraph"))
    after = max(1, file.read_text().count("builder.add_node") // 2)
    words = ["-m", "tests.targets.graph_run", str(file), saver, str(after), "go on", "again"]
    done = subprocess.run(
        [sys.executable, *words, "again"],
        env={**os.environ, "DURANB_HOME": str(folder / "home"), "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    killed, *others = json.loads(done.stdout)
    if loud := case.loud or case.apart:
        assert all(x["code"] == 1 for x in others), others
        said = "in place" if "in place" in loud else loud
        assert said in killed["err"] + others[0]["err"], (killed, others)
        return
    assert killed["code"] == -signal.SIGKILL, killed["err"]
    for each in others:
        assert each["code"] == 0, each["err"]
        assert each["out"].splitlines()[-1] == plain(case).splitlines()[-1]
