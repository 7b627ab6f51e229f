"""Nodes of a plan, each carried out in a place of its own over a shared bucket."""

from __future__ import annotations

import asyncio
import inspect
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duranb.errors import Superseded, UsageError
from duranb.plan import Node, Plan, edges_of
from duranb.store.buckets import Folder
from duranb.temporal.board import Board, Conflict
from duranb.temporal.modules import OtherExport, Steps
from duranb.temporal.node import Held, NodeFailed, Nodes, Order
from duranb.temporal.visits import Disturbed

HEAD = """
import duranb


def note(text):
    with open({made!r}, "a") as file:
        file.write(text)
    return text


"""


class Run:
    """A run of a plan, each node on a worker that knows nothing of the others'."""

    def __init__(self, folder: Path, source: str, *nodes: Node, **parameters: Any) -> None:
        self.folder = folder
        self.plan = Plan(nodes=nodes, edges=edges_of(nodes))
        given = {f":{n}": [[-1, {"json": v}]] for n, v in parameters.items()}
        self.board = Board(self.plan, {"versions": given})
        self.made = folder / "made"
        (folder / "steps.py").write_text(HEAD.format(made=str(self.made)) + source)
        self.turns: dict[str, int] = {}

    def worker(self) -> Nodes:
        """One that has just begun."""
        sys.modules.pop("steps", None)
        return Nodes(Folder(self.folder / "bucket"), Steps(self.folder / "steps.py"))

    def order(self, name: str, **more: Any) -> Order:
        """What it is told to do."""
        node = self.plan.by_name[name]
        self.turns[name] = self.turns.get(name, 0) + 1
        return Order(
            run="run",
            node=node,
            sources=self.plan.sources[name],
            takes=self.board.begin(node),
            random=self.board.random(node),
            epoch=self.turns[name],
            **more,
        )

    def node(self, name: str, **more: Any) -> Any:
        """Carry one out."""
        done = self.worker().run(self.order(name, **more), execute)
        self.board.finish(self.plan.by_name[name], done.values, done.random)
        return done

    def all(self) -> None:
        """Carry all out, in the notebook's order."""
        for node in self.plan.nodes:
            assert node.name in [n.name for n in self.board.ready()]
            self.node(node.name)


def execute(fn: Callable[..., Any], arguments: list[Any]) -> Any:
    found = fn(*arguments)
    return asyncio.run(found) if inspect.iscoroutine(found) else found


def node(name: str, reads: str = "", writes: str = "", **more: Any) -> Node:
    names = tuple(reads.split())
    given = {"kind": "step", **more}
    return Node(
        name=name,
        function=name,
        reads=names,
        parameters=names,
        writes=tuple(writes.split()),
        **given,
    )


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    path, random_state = list(sys.path), __import__("random").getstate()
    yield
    sys.path[:] = path
    sys.modules.pop("steps", None)
    __import__("random").setstate(random_state)


def test_a_change_reaches_what_shares_state_on_every_worker(tmp_path: Path) -> None:
    """A list that another value holds is one list, although no two nodes ran in one place."""
    run = Run(
        tmp_path,
        "@duranb.step\ndef a(n):\n    return list(range(n))\n"
        "@duranb.step\ndef b(xs):\n    return {'xs': xs}\n"
        "def c(xs):\n    xs.append(9)\n    return xs\n"
        "@duranb.step\ndef d(holder, xs):\n"
        "    assert holder['xs'] is xs and xs == [0, 1, 9]\n    return sum(xs)\n",
        node("a", "n", "xs"),
        node("b", "xs", "holder"),
        node("c", "xs", "xs", changes=("xs",), kind="cell"),
        node("d", "holder xs", "total"),
        n=2,
    )
    run.all()
    assert run.board.latest()[-1][0] == "d:total"


def test_a_change_that_the_plan_does_not_know_is_handed_on(tmp_path: Path) -> None:
    """What a node changed in place by a way that no analysis sees, those after it find."""
    run = Run(
        tmp_path,
        "@duranb.step\ndef a():\n    return {'n': [0]}\n"
        "@duranb.step\ndef b(x):\n    [v.append(1) for v in x.values()]\n    return 1\n"
        "@duranb.step\ndef c(x):\n    assert x == {'n': [0, 1]}, x\n",
        node("a", "", "x"),
        node("b", "x", "y"),
        node("c", "x"),
    )
    run.all()


def test_variables_that_functions_read_have_the_runs_values(tmp_path: Path) -> None:
    """Before a node runs the module has them; afterwards it is as it was."""
    run = Run(
        tmp_path,
        "scale = 1\ndef times(x):\n    return x * scale\n"
        "@duranb.step\ndef a():\n    return 7\n"
        "@duranb.step\ndef b():\n    return times(6)\n"
        "@duranb.step\ndef c(y):\n    assert y == 42, y\n",
        node("a", "", "scale"),
        node("b", "", "y", uses=("scale",)),
        node("c", "y"),
    )
    run.all()
    assert sys.modules["steps"].scale == 1


def test_random_numbers_are_those_of_the_notebook(tmp_path: Path) -> None:
    """Seeded in one node and drawn in others, on workers that began anew."""
    import random

    random.seed(5)
    wanted = [random.random(), random.random()]
    run = Run(
        tmp_path,
        "import random\n"
        "def a():\n    random.seed(5)\n"
        "@duranb.step\ndef b():\n    return random.random()\n"
        "@duranb.step\ndef c(x):\n    return [x, random.random()]\n"
        f"def d(xs):\n    assert xs == {wanted}\n",
        node("a", draws=True, kind="cell"),
        node("b", "", "x", draws=True),
        node("c", "x", "xs", draws=True),
        node("d", "xs", kind="cell"),
    )
    run.all()


def test_what_is_lost_on_other_workers_is_refused(tmp_path: Path) -> None:
    """A variable of the module that a node changes in place unseen, and a value that cannot be
    stored, are named."""
    run = Run(
        tmp_path,
        "SEEN = []\ndef remember(x):\n    getattr(SEEN, 'app' + 'end')(x)\n"
        "@duranb.step\ndef a():\n    remember(1)\n    return len(SEEN)\n",
        node("a", "", "n"),
    )
    with pytest.raises(UsageError, match="'a' changed SEEN in place"):
        run.node("a")
    run = Run(
        tmp_path,
        "@duranb.step\ndef a():\n    return (i for i in range(3))\n",
        node("a", "", "g"),
        node("b", "g"),
    )
    with pytest.raises(Conflict, match="'a' gives 'g'"):
        run.node("a")


class Gates:
    """Where nodes of one worker wait for each other, out of reach of their module."""

    open: dict[str, threading.Event] = {}


def opens(gate: str) -> None:
    """Whoever waits for it goes on."""
    Gates.open[gate].set()


def passes(gate: str) -> None:
    """Waits until it is open."""
    assert Gates.open[gate].wait(60)


BESIDE = (
    "from tests.targets.test_nodes import opens, passes\nSEEN, OWN = [], [1]\n"
    "class Made:\n    def __init__(self, n):\n        self.n = n\n"
    "def remember(x):\n    getattr(SEEN, 'app' + 'end')(x)\n"
    "@duranb.step\ndef a():\n    remember(1)\n    opens('changed')\n    return len(SEEN)\n"
    "@duranb.step\ndef b():\n    opens('begun')\n    passes('changed')\n    return len(SEEN)\n"
    "@duranb.step\ndef c():\n    opens('begun')\n    passes('changed')\n"
    "    passes('over')\n    return Made(OWN[0])\n"
)


def beside(run: Run, worker: Nodes, name: str, raised: list[BaseException]) -> threading.Thread:
    """A node that runs in a thread of its own, once another one waits for it."""
    order = run.order(name)

    def go() -> None:
        try:
            worker.run(order, execute)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    return thread


def test_of_nodes_that_run_at_once_one_is_told_that_it_changed_something(tmp_path: Path) -> None:
    """Where two could have, each is tried again by itself; then it is known which one did."""
    Gates.open = {name: threading.Event() for name in ("begun", "changed", "over")}
    run = Run(tmp_path, BESIDE, node("a", "", "n"), node("b", "", "m"))
    worker, raised = run.worker(), list[BaseException]()
    thread = beside(run, worker, "b", raised)
    passes("begun")
    with pytest.raises(Disturbed, match="SEEN changed in place while a and b ran at once"):
        worker.run(run.order("a"), execute)
    thread.join()
    assert [type(error) for error in raised] == [Disturbed]
    assert worker.run(run.order("b"), execute).values
    with pytest.raises(UsageError, match="'a' changed SEEN in place"):
        worker.run(run.order("a"), execute)
    assert worker.run(run.order("b"), execute).values


def test_the_module_stays_what_it_is_under_the_hands_of_others(tmp_path: Path) -> None:
    """It is loaded anew once none of its nodes runs: what they make is of the same classes."""
    Gates.open = {name: threading.Event() for name in ("begun", "changed", "over")}
    run = Run(tmp_path, BESIDE, node("a", "", "n"), node("c", "", "made"))
    worker, raised = run.worker(), list[BaseException]()
    thread = beside(run, worker, "c", raised)
    passes("begun")
    with pytest.raises(UsageError, match="'a' changed SEEN in place"):
        worker.run(run.order("a"), execute)
    opens("over")
    thread.join()
    assert not raised
    with pytest.raises(UsageError, match="'a' changed SEEN in place"):
        worker.run(run.order("a"), execute)


def test_a_question_is_answered_and_the_calls_before_it_are_not_made_again(tmp_path: Path) -> None:
    """A node that waits says what for; with the answer it goes on after it."""
    run = Run(
        tmp_path,
        "@duranb.step\ndef a():\n    duranb.call(note, 'x')\n    return duranb.ask('Go on?')\n",
        node("a", "", "said"),
    )
    with pytest.raises(Held) as held:
        run.node("a")
    (asked,) = held.value.opens
    assert (asked.text, asked.doubt) == ("Go on?", False)
    run.node("a", answers={asked.call: "yes"})
    assert run.made.read_text() == "x"


def test_an_effect_in_doubt_asks_whether_it_happened(tmp_path: Path) -> None:
    """What was begun and not known to be done is asked for, and settled by what is said."""
    run = Run(
        tmp_path,
        "def send():\n    raise ConnectionError('who knows')\n"
        "@duranb.step(retries=0)\ndef a():\n    return duranb.call(send)\n",
        node("a", "", "sent"),
    )
    with pytest.raises(Held) as held:
        run.node("a")
    (asked,) = held.value.opens
    assert asked.doubt and "send()" in asked.text
    done = run.node("a", verdicts={asked.call: [True, "receipt"]})
    assert done.values["a:sent"]["type"] == "str"


def test_a_long_sleep_gives_its_worker_back(tmp_path: Path) -> None:
    """A node that sleeps for hours says until when."""
    run = Run(
        tmp_path,
        "@duranb.step\ndef a():\n    duranb.sleep(7200)\n",
        node("a"),
    )
    with pytest.raises(Held) as held:
        run.node("a")
    assert held.value.until > (time.time() + 7000) * 1e6


def test_a_worker_that_lost_a_node_does_no_effect_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen between two effects; another worker took over. Its next effect is refused
    before it happens, and the other one does each of them once."""
    frozen, go_on = threading.Event(), threading.Event()
    pauses: Any = types.ModuleType("pauses")
    pauses.pause = lambda: (frozen.set(), go_on.wait(60))
    monkeypatch.setitem(sys.modules, "pauses", pauses)
    run = Run(
        tmp_path,
        "import pauses\n"
        "@duranb.step(retries=0)\ndef a():\n    duranb.call(note, '1')\n"
        "    pauses.pause()\n    duranb.call(note, '2')\n    return 1\n",
        node("a", "", "n"),
    )
    stale, raised = run.worker(), []
    order = run.order("a")

    def work() -> None:
        try:
            stale.run(order, execute)
        except Superseded as error:
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    frozen.wait(60)
    pauses.pause = lambda: None
    run.worker().run(run.order("a"), execute)
    go_on.set()
    thread.join(60)
    assert run.made.read_text() == "12"
    assert raised, "the stale worker was told"
    with pytest.raises(Superseded):
        run.worker().run(order, execute)


def test_what_a_node_did_is_undone_once(tmp_path: Path) -> None:
    """Its effects and its own undo, latest first; a second time nothing is done."""
    run = Run(
        tmp_path,
        "def back(text):\n    note('-' + text)\n"
        "@duranb.step\ndef a():\n    duranb.call(note, '1', compensate=back)\n"
        "    duranb.call(note, '2', compensate=back)\n    return 1\n",
        node("a", "", "n"),
    )
    assert run.node("a").undoable
    assert run.worker().undo(run.order("a")) == 1
    assert run.worker().undo(run.order("a")) == 1, "what a worker that died had undone counts"
    assert run.made.read_text() == "12-2-1"


def test_a_run_of_another_export_is_told_so(tmp_path: Path) -> None:
    """A function that is gone, or takes something else, is not called."""
    run = Run(tmp_path, "def a(y):\n    return 1\n", node("a", "x"), node("b"), x=1)
    with pytest.raises(OtherExport, match="takes \\(y\\)"):
        run.node("a")
    with pytest.raises(OtherExport, match="no function 'b'"):
        run.node("b")


def test_a_step_on_a_worker_has_no_session(tmp_path: Path) -> None:
    """The verbs are a notebook's: a step that asks for them is told so, whoever's process it is."""
    run = Run(tmp_path, "@duranb.step\ndef a():\n    return duranb.current()\n", node("a"))
    with pytest.raises(NodeFailed, match="runs on a worker"):
        run.node("a")


@pytest.mark.parametrize("other", ["xs", "[xs]", "{'all': xs}", "xs.append"])
def test_a_change_of_what_another_variable_of_the_module_shares_is_refused(
    tmp_path: Path, other: str
) -> None:
    """Each node is given a copy of what the module has, and of that alone: who takes the other one
    would not find the change. One that only reads it, or binds the name anew, is carried out."""
    source = f"xs = [1]\nys = {other}\ndef a(xs):\n    xs.append(2)\n    return xs\n"
    source += "def b(xs):\n    xs = [*xs, 3]\n    return xs\n"
    run = Run(tmp_path, source, node("b", "xs", "xs"), node("a", "xs", "xs"))
    run.node("b")
    (tmp_path / "other").mkdir()
    run = Run(tmp_path / "other", source, node("a", "xs", "xs"))
    with pytest.raises(UsageError, match="changed xs in place, and ys of the module shares state"):
        run.node("a")
