"""Steps that run in several threads at once, and what they share."""

from __future__ import annotations

import array
import gc
import os
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from duranb.engine import inbox, memory as memories, runtime as engine, saga
from duranb.engine.functions import _Latest
from duranb.engine.memory import _encoder, _Held, _Remembered
from duranb.errors import UsageError
from duranb.record import events as e
from duranb.record.history import History
from duranb.record.model import Execution, Origin, Status
from duranb.record.standing import UNDO
from duranb.store import encryption
from tests.engine.world import World

HEAD = "import duranb\n"


@pytest.fixture(autouse=True)
def _no_undos() -> Iterator[None]:
    """Undos that a test registers are gone after it."""
    yield
    saga.functions.clear()


def in_thread(do: Callable[[], Any]) -> threading.Thread:
    """Do something in another thread of the notebook's."""
    runtime = engine.active()
    assert runtime is not None

    def run() -> None:
        with engine.using(runtime):
            do()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Gates:
    """Out of reach of the notebook."""

    open: dict[str, threading.Event] = {}
    drawn: list[float] = []


def opens(gate: str) -> None:
    """Whoever waits for it goes on."""
    Gates.open[gate].set()


def passes(gate: str) -> None:
    """Waits until it is open."""
    assert Gates.open[gate].wait(60)


# -- what failed steps undo ----------------------------------------------------------------------


UNDONE = (
    HEAD + "done = []\n"
    "@duranb.step(retries=0, on_failure='compensate')\n"
    "def book(n):\n    made(n)\n    raise ValueError(n)\n"
    "@duranb.tool(compensate=lambda result: undo(result))\n"
    "def made(n: int) -> int:\n    return n\n"
)


class Undone:
    """What was undone; while the first is, another step fails."""

    order: list[int] = []
    meanwhile: list[Callable[[], object]] = []


def undo(number: int) -> None:
    """Undoes what was made."""
    while Undone.meanwhile:
        Undone.meanwhile.pop()()
    Undone.order.append(number)


def undo_in_turn(number: int) -> None:
    """The first one begins and ends first, and the second goes on after it."""
    print(f"undoes {number}")
    opens("first" if number == 1 else "second")
    passes("second" if number == 1 else "over")


def fails(world: World, number: int) -> None:
    """A step fails for good, and what it did is undone."""
    with pytest.raises(ValueError, match=str(number)) as caught:
        world.live["book"](number)
    assert f"was undone: made({number})" in caught.value.__notes__[-1]


def test_a_step_may_fail_while_another_one_is_undone(world: World) -> None:
    """What it did is undone at once, and what is being undone is left to whoever does that: each is
    undone once. The undo may wait for that step."""
    world.live["undo"] = undo
    Undone.order = []
    Undone.meanwhile = [lambda: in_thread(lambda: fails(world, 2)).join()]
    world.plain(UNDONE)
    fails(world, 1)
    assert Undone.order == [2, 1]
    assert [x.status for x in world.history.executions_of("book")] == [Status.COMPENSATED] * 2
    assert not world.history.to_undo


def test_undos_that_run_at_once_print_each_their_own(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """And when they are over, in whatever order, standard output is what it was."""
    Gates.open = {name: threading.Event() for name in ("first", "second", "over")}
    world.live["undo"] = undo_in_turn
    world.plain(UNDONE)
    before = sys.stdout
    one = in_thread(lambda: fails(world, 1))
    passes("first")
    other = in_thread(lambda: fails(world, 2))
    passes("second")
    one.join()
    opens("over")
    other.join()
    assert sys.stdout is before
    kept = [
        world.runtime.store.get(x.messages)
        for x in world.history.executions_of(f"{UNDO}book")
        if x.messages
    ]
    assert sorted(b"undoes 1" in bytes(each) for each in kept) == [False, True]
    assert sorted(b"undoes 2" in bytes(each) for each in kept) == [False, True]


# -- effects -------------------------------------------------------------------------------------


class Sent:
    """How often something was sent; the first time takes as long as a gate is closed."""

    times: list[int] = []
    error: Exception | None = None


def sends(number: int) -> int:
    """Sends it."""
    Sent.times.append(number)
    if len(Sent.times) == 1:
        opens("begun")
        passes("over")
        if Sent.error is not None:
            raise Sent.error
    return len(Sent.times)


@pytest.mark.parametrize("error", [None, ValueError("no")], ids=["succeeds", "fails"])
def test_an_effect_that_is_on_its_way_is_in_no_doubt(world: World, error: Exception | None) -> None:
    """The same step with the same arguments, called by two threads at once: the second one waits
    for what the first one does, and does it itself only where that has failed."""
    Gates.open = {name: threading.Event() for name in ("begun", "over")}
    Sent.times, Sent.error = [], error
    world.live["sends"] = sends
    world.plain(HEAD + "@duranb.step(retries=0)\ndef work(n):\n    return duranb.call(sends, n)\n")
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(world.live["work"](1))
        except ValueError as raised:
            found.append(str(raised))

    one = in_thread(work)
    passes("begun")
    other = in_thread(work)
    while len(world.history.running) < 2:
        other.join(0.001)
    opens("over")
    one.join()
    other.join()
    assert sorted(map(str, found)) == (["1", "1"] if error is None else ["2", "no"])
    assert Sent.times == ([1] if error is None else [1, 1])


# -- what a step has done before -----------------------------------------------------------------


class Slow(History):
    """Has another thread ask while executions are gone through."""

    asked: list[Callable[[], object]] = []

    def carried_out_since(self, step: str, execution: int) -> list[Execution]:
        found = super().carried_out_since(step, execution)
        return _Slowly(found, self.asked) if found else found


class _Slowly(list[Execution]):
    def __init__(self, found: list[Execution], asked: list[Callable[[], object]]) -> None:
        super().__init__(found)
        self._asked = asked

    def __iter__(self) -> Iterator[Execution]:
        for each in super().__iter__():
            yield each
            while self._asked:
                self._asked.pop()()


def test_the_latest_execution_is_found_by_all_who_ask(world: World) -> None:
    """Also by the one that asks while another one looks for it."""
    world.plain(HEAD + "@duranb.step\ndef work(n):\n    return n\n")
    world.live["work"](1)
    world.live["work"](2)
    history = world.history
    history.__class__ = Slow
    given = {"n": history.executions_of("work")[0].inputs["n"]}
    latest, found = _Latest("work", frozenset(["n"])), []
    threads: list[threading.Thread] = []

    def ask() -> None:
        threads.append(in_thread(lambda: found.append(latest.of(history, given))))
        if not latest._lock.locked():
            threads[0].join()

    Slow.asked = [ask]
    assert latest.of(history, given) is not None
    threads[0].join()
    assert found == [history.executions_of("work")[0]]


# -- another attempt -----------------------------------------------------------------------------


def draws() -> None:
    """A random number."""
    Gates.drawn.append(random.random())


def test_another_attempt_leaves_alone_what_others_bind(world: World) -> None:
    """A step that runs beside it has bound that too: its work is not undone, nor are the numbers
    drawn once more that it has drawn."""
    Gates.open = {name: threading.Event() for name in ("begun", "bound", "over")}
    Gates.drawn = []
    world.live |= {"opens": opens, "passes": passes, "draws": draws}
    world.plain(
        HEAD + "total, mine = 0, 0\n"
        "@duranb.step(retries=1, backoff=0)\n"
        "def flaky():\n"
        "    global total, mine\n    opens('begun')\n    mine += 1\n"
        "    if duranb.context().attempt == 1:\n"
        "        passes('bound')\n        raise ConnectionError('x')\n"
        "    return total, mine\n"
        "@duranb.step(retries=0)\n"
        "def adds():\n    global total\n    total += 1\n    draws()\n"
        "    opens('bound')\n    passes('over')\n"
    )
    found: list[Any] = []
    one = in_thread(lambda: found.append(world.live["flaky"]()))
    passes("begun")
    other = in_thread(world.live["adds"])
    one.join()
    draws()
    opens("over")
    other.join()
    assert found == [(1, 1)] and world.live["total"] == 1
    assert len(set(Gates.drawn)) == 2


class Held:
    """Something that a step is given."""

    alive: list[weakref.ref[Any]] = []


def test_what_ran_beside_what_runs_is_let_go_of(world: World) -> None:
    """A process in which something always runs keeps nothing of what has long ended."""
    Gates.open = {f"{what}{n}": threading.Event() for what in ("begun", "over") for n in range(3)}
    world.live |= {"opens": opens, "passes": passes}
    world.plain(
        HEAD + "@duranb.step(retries=0)\ndef work(n, held):\n"
        "    opens(f'begun{n}')\n    passes(f'over{n}')\n"
    )

    def run(number: int) -> threading.Thread:
        held = [Held()]
        if not number:
            Held.alive = [weakref.ref(held[0])]
        thread = in_thread(lambda: world.live["work"](number, held))
        passes(f"begun{number}")
        return thread

    threads = [run(0), run(1)]
    opens("over0")
    threads[0].join()
    threads.append(run(2))
    opens("over1")
    threads[1].join()
    del threads[:2]
    gc.collect()
    assert Held.alive[0]() is None
    opens("over2")
    threads[0].join()


# -- what an agent remembers ---------------------------------------------------------------------


class Adding(list[Any]):
    """Another fact is remembered while the first are put into a table."""

    more: list[Any] = []

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        while self.more:
            self.append(self.more.pop())
        return found


def fact(text: str) -> bytes:
    """One with a vector."""
    return _encoder.encode(_Remembered(text, {}, array.array("f", [1.0, 0.0]).tobytes()))


def test_a_fact_that_comes_while_others_are_looked_for_is_found(world: World) -> None:
    """By whoever looks next."""
    held = _Held()
    held.take(fact("tea"))
    held._new = Adding(held._new)
    extra = _Held()
    extra.take(fact("tea"))
    extra.take(fact("rome"))
    Adding.more = [extra._new[1]]
    held.closest([1.0, 0.0], 5, {})
    held.facts |= extra.facts
    assert [f.text for f in held.closest([1.0, 0.0], 5, {})] == ["tea", "rome"]


def test_a_fact_is_forgotten_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that forget it at once leave a memory that can be read."""
    world.live["embed"] = lambda texts: [[1.0, 0.0]] * len(texts)
    world.plain("memory = duranb.memory(embed=embed)")
    memory = world.live["memory"]
    memory.add("tea")
    raised: list[str] = []
    others: list[threading.Thread] = []

    def forget() -> None:
        try:
            memory.forget(1)
        except UsageError as error:
            raised.append(error.message)

    write = memory._write

    def meanwhile(entry: Any) -> None:
        if not others:
            others.append(in_thread(forget))
            if not memories._adding.locked():
                others[0].join()
        write(entry)

    monkeypatch.setattr(memory, "_write", meanwhile)
    forget()
    others[0].join()
    assert raised == ["memory remembers no fact 1"] and memory.facts() == []


# -- what other processes leave ------------------------------------------------------------------


def test_a_signal_may_be_taken_in_by_another_thread(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between being seen and being read: it is not somebody else's then."""
    for name in ("first", "second"):
        inbox.post_signal(tmp_path, world.history, name, 1, "me")
    read = encryption.letter

    def first_taken(file: Path) -> bytes:
        for other in (tmp_path / inbox.SIGNALS).iterdir():
            if other != file:
                os.remove(other)
        return read(file)

    monkeypatch.setattr(encryption, "letter", first_taken)
    assert [s.name for s in inbox.posted_signals(tmp_path, world.history)] == ["first"]


# -- the surroundings ----------------------------------------------------------------------------


class Gone(dict[str, Any]):
    """Another thread lets go of what was asked for, as soon as it was."""

    def get(self, name: str, default: Any = None) -> Any:
        return self.pop(name, default)


def test_threads_see_at_once_that_a_variable_was_set_since(world: World) -> None:
    """Each lets go of what was assumed of it."""
    around = world.runtime.surroundings
    around.restore({"$NOWHERE_SET": e.Binding("", "other", "variable", "")}, "work")
    assert around.version("$NOWHERE_SET") == "other"
    around._assumed = Gone(around._assumed)
    around._actual = lambda name: "set since"  # type: ignore[method-assign]
    assert around.version("$NOWHERE_SET") == "set since"


# -- looking at a notebook whose cell runs -------------------------------------------------------


LOOKED = (
    "if flag:\n    z = [7]\n    globals()['w'] = [9]\np.append(2)\nq = 6\ndel gone\nlook()\ny = 2"
)


def looked_at(world: World, look: Callable[[], object]) -> None:
    """A cell in whose middle somebody looks at the namespace."""
    world.live["look"] = look
    world.plain("p, flag, q, gone = [1], True, 5, 8")
    world.cell("work", LOOKED)


@pytest.mark.parametrize("own", [True, False], ids=["its own", "another"])
def test_a_step_has_all_that_it_did_whoever_looks_meanwhile(world: World, own: bool) -> None:
    """The page that plans a rewind while the cell runs, from another thread, or its own code."""

    def look() -> None:
        if own:
            world.runtime.catch_up()
        else:
            in_thread(world.runtime.catch_up).join()

    looked_at(world, look)
    assert {"z", "w", "p", "q", "y"} <= world.last("work").outputs.keys()
    assert world.last("work").deleted == ("gone",)
    world.start()
    looked_at(world, look)
    assert world.last("work").origin is Origin.RESTORED
    assert (world.live["z"], world.live["w"], world.live["y"]) == ([7], [9], 2)
    assert (world.live["p"], world.live["q"], "gone" in world.live) == ([1, 2], 6, False)


def test_half_of_a_step_is_no_snapshot(world: World) -> None:
    """Another thread that asks for the state while a cell runs is given the one it began with."""
    found: list[int] = []
    looked_at(world, lambda: in_thread(lambda: found.append(world.runtime.catch_up())).join())
    assert found == [world.last("work").before]
