"""Function steps: restored by their arguments, and told why they ran."""

from __future__ import annotations

import asyncio
import decimal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

import duranb
from duranb.engine import runtime as engine, saga
from duranb.errors import InDoubt
from duranb.record.model import Origin, Status
from tests.engine.world import World


class Ran:
    """The arguments with which bodies ran, out of reach of the notebook."""

    found: list[Any] = []
    error: BaseException | None = None


def ran(argument: Any) -> None:
    """A body runs."""
    Ran.found.append(argument)
    if Ran.error is not None:
        error, Ran.error = Ran.error, None
        raise error


HEAD = "import duranb\nfrom tests.engine.test_functions import ran\n"
WORK = (
    HEAD + "@duranb.step(retries=2, backoff=0)\ndef work(n):\n    ran(n)\n    return [n, ask(n)]\n"
)


@pytest.fixture(autouse=True)
def _ran() -> Iterator[None]:
    """Nothing has run yet."""
    Ran.found, Ran.error = [], None
    yield
    saga.functions.clear()


ARGUMENTS = [0, "a", (1, 2), [1], {"a": 1}, None, 1.5, True]


@pytest.mark.parametrize("argument", ARGUMENTS, ids=repr)
def test_equal_arguments_are_restored(world: World, argument: object) -> None:
    """Here and after a restart, from a plain cell."""
    world.plain(WORK)
    first = world.live["work"](argument)
    assert world.live["work"](argument) == first
    world.start()
    world.plain(WORK)
    assert world.live["work"](argument) == first
    assert Ran.found == [argument]


def test_other_arguments_run(world: World) -> None:
    """Each set of arguments is an execution of its own."""
    world.plain(WORK)
    for n in (1, 2, 1, 2, 3):
        world.live["work"](n)
    assert Ran.found == [1, 2, 3]


def test_a_keyword_is_the_same_argument(world: World) -> None:
    """However it is passed."""
    world.plain(WORK)
    world.live["work"](1)
    world.live["work"](n=1)
    assert Ran.found == [1]


def test_defaults_are_arguments(world: World) -> None:
    """A default that is not passed counts as passed."""
    world.plain(HEAD + "@duranb.step\ndef work(n, k=2):\n    ran(n + k)\n    return n + k\n")
    assert world.live["work"](1) == world.live["work"](1, 2) == world.live["work"](1, k=2) == 3
    assert Ran.found == [3]


def test_it_says_why_it_ran(world: World) -> None:
    """First call with these arguments, or what changed since that one."""
    world.plain(WORK)
    world.live["work"](1)
    assert world.last("work").reason == "first call with these arguments"
    world.plain(WORK.replace("[n, ask(n)]", "[n, ask(n), 1]"))
    world.live["work"](1)
    assert world.last("work").reason == "its code changed"


def test_a_changed_helper_is_named(world: World) -> None:
    """The helper that a function step uses is part of it."""
    source = HEAD + "def f(): return {}\n@duranb.step\ndef work(n):\n    ran(n)\n    return f()\n"
    for value in (1, 2):
        world.plain(source.format(value))
        assert world.live["work"](0) == value
    assert world.last("work").reason == "helper f changed"


def test_a_changed_global_is_named(world: World) -> None:
    """So is a variable that it reads."""
    world.plain("k = 1\n" + HEAD + "@duranb.step\ndef work(n):\n    return n + k\n")
    assert world.live["work"](0) == 1
    world.plain("k = 2")
    assert world.live["work"](0) == 2
    assert world.last("work").reason == "input k changed"


OPTIONS = {"always=True": [1, 1], "fresh=True": [1, 1], "ignore=('n',)": [1]}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_are_those_of_a_cell(world: World, option: str) -> None:
    """Some of them run it anyway, or leave an argument out."""
    world.plain(HEAD + f"@duranb.step({option})\ndef work(n):\n    ran(1)\n    return n\n")
    world.live["work"](1)
    world.live["work"](1 if OPTIONS[option] == [1, 1] else 2)
    assert Ran.found == OPTIONS[option]


def test_transport_is_tried_again_and_nothing_paid_twice(world: World) -> None:
    """As in a cell."""
    world.plain(
        HEAD + "@duranb.step(backoff=0)\ndef work(n):\n    t = ask(n)\n    ran(n)\n    return t\n"
    )
    Ran.error = TimeoutError()
    assert world.live["work"]("a") == "a 1"
    assert world.model.paid == ["a"]
    assert len(world.last("work").attempts) == 2


def test_mended_code_finds_its_calls(world: World) -> None:
    """Its place in the journal is its arguments."""
    world.plain(WORK.replace("return [n, ask(n)]", "t = ask(n)\n    raise KeyError(t)"))
    with pytest.raises(KeyError):
        world.live["work"](1)
    world.plain(WORK)
    world.live["work"](1)
    assert world.model.paid == ["1"]
    assert world.last("work").origin is Origin.RESUMED


def test_two_calls_of_one_function_have_calls_of_their_own(world: World) -> None:
    """The same request from other arguments is another call."""
    world.plain(HEAD + "@duranb.step\ndef work(n):\n    return ask('same')\n")
    assert world.live["work"](1) != world.live["work"](2)


def test_a_function_step_inside_a_cell_knows_its_parent(world: World) -> None:
    """And its calls are its own, not the cell's."""
    world.plain(WORK)
    world.cell("outer", "y = work(1)")
    outer, inner = world.last("outer"), world.last("work")
    assert inner.parent == outer.id
    assert [c.execution for c in world.calls()] == [inner.id]


def test_async_functions_are_steps(world: World) -> None:
    """Side by side, each restored for itself."""
    world.plain(HEAD + "@duranb.step\nasync def work(n):\n    ran(n)\n    return await aask(n)\n")

    async def main() -> list[str]:
        return await asyncio.gather(*(world.live["work"](n) for n in range(10)))

    first = asyncio.run(main())
    assert asyncio.run(main()) == first
    assert sorted(Ran.found) == list(range(10))


def test_a_validator_looks_at_the_result(world: World) -> None:
    """And rejects the answer it was made of."""
    world.model.answers["a"] = ["bad", "good"]
    world.plain(HEAD + "@duranb.step(validate='result == \"good\"')\ndef work(n): return ask(n)\n")
    assert world.live["work"]("a") == "good"
    assert world.model.paid == ["a", "a"]


def test_a_compensation_is_given_arguments_and_result(world: World) -> None:
    """Those that were recorded, for the parameters that it has."""
    undone: list[tuple[object, object]] = []

    @duranb.compensation("work")
    def undo(n: object, result: object) -> None:
        undone.append((n, result))

    world.plain(WORK)
    world.live["work"](1)
    saga.compensate(world.runtime, world.last("work"))
    assert undone == [(1, [1, "1 1"])]
    assert world.last("work").status is Status.COMPENSATED


def test_an_effect_inside_is_in_doubt_as_in_a_cell(world: World) -> None:
    """Same step, same promises."""
    world.plain(HEAD + "@duranb.step\ndef work(n):\n    return duranb.call(ran, n)\n")
    Ran.error = ConnectionResetError()
    with pytest.raises(InDoubt):
        world.live["work"](1)
    with pytest.raises(InDoubt):
        world.live["work"](1)
    assert Ran.found == [1]


def test_without_a_store_it_is_the_plain_function(world: World) -> None:
    """Outside of notebooks nothing is durable."""
    world.plain(WORK)
    world.runtime.close()
    for _ in range(2):
        world.live["work"](1)
    assert Ran.found == [1, 1]


def test_the_first_step_opens_the_store(world: World) -> None:
    """A surface that opens its store when it is needed is asked to by a function step."""
    world.plain(WORK)
    world.runtime.close()
    live = world.live

    def opened() -> None:
        world.start()

    engine.open_when_needed(opened)
    try:
        work: Callable[[int], object] = live["work"]
        assert work(1) == work(1)
    finally:
        engine.open_when_needed(None)
    assert Ran.found == [1]


IN_PLACE = """
class Agent:
    def __init__(self):
        self.seen = []
        self.notes = {{}}

    @duranb.step(retries=0)
    def look(self, n):
        ran(n)
        self.seen.append(n)
        return self.seen

@duranb.step(retries=0)
def work({parameters}):
    ran(0)
    {body}

class Slotted:
    __slots__ = ("x", "y", "z")

agent, slotted, space = Agent(), Slotted(), types.SimpleNamespace(m=1)
slotted.x, slotted.z = [0], 1
xs, total, table = [[1], [2]], 0, {{"a": [1]}}
row = xs[0]
made = {call}
"""

CHANGES = {
    "an argument": ("xs", "xs.append([3])", "work(xs)"),
    "a part of one": ("xs", "xs[0].append(9)", "work(xs)"),
    "by another name": ("xs", "ys = xs; ys[0] += [9]; return ys[1]", "work(xs)"),
    "in a loop": ("xs", "for x in xs: x.clear()", "work(xs)"),
    "of its result": ("xs", "return {'first': xs[0], 'all': xs}", "work(xs)"),
    "a method's object": ("a", "a.look(3); a.notes['k'] = a.seen", "work(agent)"),
    "itself": ("a", "return a", "agent.look(5)"),
    "a global in place": ("n", "table['a'].append(n); table['b'] = row", "work(1)"),
    "a global's binding": ("n", "global total; total += n", "work(4)"),
    "a new global": ("n", "global fresh; fresh = [row, n]", "work(4)"),
    "slots": ("s", "s.x.append(1); s.y = s.x; del s.z; return s.x", "work(slotted)"),
    "a namespace": ("s", "s.n = [7]; del s.m; return s.n", "work(space)"),
    "nothing": ("xs", "return sum(map(len, xs))", "work(xs)"),
    "random numbers": ("n", "import random; return random.random()", "work(1)"),
    "numpy": ("n", "import numpy; n[0, 0] = 7; n.sort(); return n[0]", "work(grid)"),
}


@pytest.mark.parametrize("made", ["n.reshape(9)[2:]", "n.T", "{'row': n[1]}['row']", "n[::-1, 1:]"])
def test_an_array_over_the_memory_of_an_argument_lies_there_again(world: World, made: str) -> None:
    """Restored in another life, what is changed through one is changed in the other."""
    for _ in range(2):
        world.plain(
            f"{HEAD}import numpy\n@duranb.step\ndef work(n):\n    ran(0)\n    n[0, 0] = 7\n"
            f"    return [{made}, n]\n"
            "grid = numpy.arange(9).reshape(3, 3)\nmade, same = work(grid)\n"
            "grid[1, 1] = 100\nmade += 1\n"
        )
        live = world.live
        n = live["numpy"].arange(9).reshape(3, 3)
        n[0, 0], n[1, 1] = 7, 100
        view = eval(made, {"n": n})
        view += 1
        assert live["same"] is live["grid"]
        assert live["grid"].tolist() == n.tolist() and live["made"].tolist() == view.tolist()
        world.start()
    assert Ran.found == [0]


@pytest.mark.parametrize("change", CHANGES)
def test_what_it_changes_in_place_comes_back(world: World, change: str) -> None:
    """Restored in another life, everything is as it was after it had run: arguments, what shares
    with them, globals, objects of methods, and the random generators."""
    parameters, body, call = CHANGES[change]
    source = HEAD + IN_PLACE.format(parameters=parameters, body=body, call=call)
    if "grid" in call:
        source = "import numpy\ngrid = numpy.arange(9)[::-1].reshape(3, 3).copy()\n" + source
    told = (
        "import random\n"
        "told = [xs, row is xs[0], row, total, table, agent.seen, agent.notes, made, "
        "globals().get('fresh'), globals().get('grid'), random.random(), space, slotted.x, "
        "getattr(slotted, 'y', None) is slotted.x, hasattr(slotted, 'z')]\n"
    )
    after: list[str] = []
    for _ in range(2):
        world.plain("import random, types; random.seed(7)\n" + source + told)
        if "fresh" in world.live:
            assert world.live["fresh"][0] is world.live["row"]
        if change == "of its result":
            assert world.live["made"]["all"] is world.live["xs"]
            assert world.live["made"]["first"] is world.live["row"]
        after.append(repr(world.live["told"]))
        world.start()
    assert after[0] == after[1]
    assert len(Ran.found) == (2 if change == "a method's object" else 1)


def test_a_closure_comes_back(world: World) -> None:
    """What a function closes over is changed again."""
    source = HEAD + (
        "def make():\n    seen = []\n    @duranb.step\n    def work(n):\n        ran(n)\n"
        "        seen.append(n)\n        return len(seen)\n    return work, seen\n"
        "work, seen = make()\nmade = work(1)\n"
    )
    for _ in range(2):
        world.plain(source)
        assert world.live["seen"] == [1] and world.live["made"] == 1
        world.start()
    assert Ran.found == [1]


def test_what_a_named_tuple_holds_is_changed_again(world: World) -> None:
    """The tuple stays what it is; the list in it is the one that another variable has too."""
    source = HEAD + (
        "from collections import namedtuple\nPair = namedtuple('Pair', 'n xs')\n"
        "@duranb.step(retries=0)\ndef work(pair):\n    ran(pair.n)\n    pair.xs.append(2)\n"
        "    return pair\n"
        "xs = [1]\npair = Pair(1, xs)\nmade = work(pair)\n"
    )
    for _ in range(2):
        world.plain(source)
        live = world.live
        assert live["made"] is live["pair"]
        assert live["pair"].xs is live["xs"] and live["xs"] == [1, 2]
        world.start()
    assert Ran.found == [1]


def test_what_cannot_be_changed_again_is_refused_by_name(world: World) -> None:
    """A step whose change could not come back fails, and says which value it is."""
    world.plain(
        HEAD + "@duranb.step(retries=0)\ndef work(it):\n    return next(it)\nit = enumerate('ab')"
    )
    with pytest.raises(duranb.errors.UsageError, match="changed it in place"):
        world.live["work"](world.live["it"])


def test_another_seed_makes_it_run(world: World) -> None:
    """What a step draws depends on where the generators stood, if the notebook put them there."""
    world.plain(HEAD + "import random\n@duranb.step\ndef work():\n    return random.random()\n")
    drawn = []
    for seed in (1, 1, 2):
        world.cell("seed --always", f"random.seed({seed})")
        world.cell("draw --always", "made = ran(0), work(), random.random()")
        drawn.append(world.live["made"])
    assert drawn[0] == drawn[1] != drawn[2]
    assert [x.origin for x in world.history.executions_of("work")] == [
        Origin.EXECUTED,
        Origin.RESTORED,
        Origin.EXECUTED,
    ]


def test_what_changes_while_steps_run_at_once_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can tell whose change of a shared value it was."""
    world.plain(
        HEAD + "import threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "log, meet = [], threading.Barrier(2)\n"
        "@duranb.step\ndef work(n):\n    meet.wait(60)\n    log.append(n)\n    meet.wait(60)\n"
    )
    world.plain("with ThreadPoolExecutor() as pool: list(pool.map(work, [1, 2]))")
    assert "work: log changed while other steps ran that could" in capsys.readouterr().out


ALTERED = {
    "a class": ("class Kept:\n    n = 0\n", "Kept.n += 1\n    return Kept.n"),
    "a class's list": ("class Kept:\n    xs = []\n", "Kept.xs.append(1)\n    return len(Kept.xs)"),
    "a default": (
        "def keep(x, seen=[]):\n    seen.append(x)\n    return len(seen)\n",
        "return keep(1)",
    ),
    "an attribute of a function": (
        "def keep():\n    keep.n += 1\n    return keep.n\nkeep.n = 0\n",
        "return keep()",
    ),
    "a generator": ("kept = (n for n in range(1, 9))\n", "return next(kept)"),
    "a class's deque": (
        "import collections\nclass Kept:\n    xs = collections.deque()\n",
        "Kept.xs.append(1)\n    return len(Kept.xs)",
    ),
    "an object of a class, by a method": (
        "class Sum:\n    n = 0\n    def up(self):\n        self.n += 1\n        return self.n\n"
        "class Kept:\n    sum = Sum()\n",
        "return Kept().sum.up()",
    ),
    "a class's counter": (
        "import itertools\nclass Kept:\n    ids = itertools.count(1)\n",
        "return next(Kept.ids)",
    ),
    "a counter among defaults": (
        "import collections\ndef keep(x, seen=collections.Counter()):\n    seen[x] += 1\n"
        "    return seen[x]\n",
        "return keep('a')",
    ),
    "a deque of a function": (
        "import collections\ndef keep():\n    keep.xs.append(1)\n    return len(keep.xs)\n"
        "keep.xs = collections.deque()\n",
        "return keep()",
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_what_no_record_holds_is_done_again(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step that changes a class, a function or a generator in place says so, and runs again when
    it is called after a restart: what comes after it finds what it would have found."""
    head, body = ALTERED[name]
    source = HEAD + head
    for step in "one", "two":
        source += f"@duranb.step\ndef {step}():\n    ran('{step}')\n    {body}\n"
    for life in 1, 2:
        world.plain(source)
        assert [world.live["one"](), world.live["two"]()] == [1, 2], life
        world.start()
    assert Ran.found == ["one", "two"] * 2
    assert "one: it changed " in capsys.readouterr().out


ITERATORS = {
    "a generator": ("(n for n in range(START, 9))", "next(it)"),
    "in a list": ("[(n for n in range(START, 9))]", "next(it[0])"),
    "of an object": ("types.SimpleNamespace(n=(n for n in range(START, 9)))", "next(it.n)"),
    "over a generator": ("map(abs, (n for n in range(START, 9)))", "next(it)"),
    "of a library": ("csv.reader([str(n) for n in range(START, 9)])", "int(next(it)[0])"),
}


@pytest.mark.parametrize("name", ITERATORS)
def test_an_iterator_that_it_is_given_is_never_taken_for_another_one(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can tell what it has yet to give: a step that was given it says so, and runs again."""
    made, body = ITERATORS[name]
    for start in 1, 4, 4:
        world.plain(
            f"{HEAD}import csv, types\n@duranb.step\ndef work(it):\n    ran(1)\n"
            f"    return {body}\nit = {made.replace('START', str(start))}\n"
        )
        found = [world.live["work"](world.live["it"]) for _ in range(2)]
        assert found == [start, start + 1]
        world.start()
    assert len(Ran.found) == 6
    assert "work: it changed it, and a record cannot hold that" in capsys.readouterr().out


BESIDE = {
    "a variable of a module": ("beside_functions.add(1)", "beside_functions.ITEMS"),
    "an attribute of a class of a module": (
        "beside_functions.Config.level = 3",
        "beside_functions.Config.level",
    ),
    "the environment": ("os.environ['DURANB_TEST_BESIDE'] = 'on'", "$DURANB_TEST_BESIDE"),
    "a context variable": ("beside_functions.VARIABLE.set(7)", "beside_functions.VARIABLE"),
}
SET_AGAIN = {
    "the folder": ("os.chdir('..')", "os.path.basename(os.getcwd())"),
    "a setting": ("decimal.getcontext().prec = 5", "decimal.getcontext().prec"),
    "how numbers are printed": (
        "numpy.set_printoptions(precision=3)",
        "numpy.get_printoptions()['precision']",
    ),
    "what numbers raise": ("numpy.seterr(over='raise')", "numpy.geterr()['over']"),
    "how tables are printed": (
        "pandas.set_option('display.width', 70)",
        "pandas.get_option('display.width')",
    ),
}
HELPER = """
import contextvars
ITEMS = []
VARIABLE = contextvars.ContextVar("of_test", default=1)
class Config:
    level = 0
def add(x):
    ITEMS.append(x)
"""


@pytest.mark.parametrize("how", BESIDE)
def test_what_it_changes_beside_variables_is_done_again(
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A record of a function cannot hold it: the step says what it was, and runs again in another
    process. Of what it leaves out, nobody wants to know."""
    body, name = BESIDE[how]
    (tmp_path / "beside_functions.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    world = World(tmp_path)
    monkeypatch.setenv("DURANB_TEST_BESIDE", "")
    for options, runs in (("", 2), (f"ignore=('{name}',)", 1)):
        Ran.found.clear()
        for _ in range(2):
            monkeypatch.delitem(sys.modules, "beside_functions", raising=False)
            monkeypatch.setenv("DURANB_TEST_BESIDE", "")
            world.plain(
                f"{HEAD}import os, beside_functions\n"
                f"@duranb.step(name='work{runs}', {options})\n"
                f"def work(n):\n    ran(n)\n    {body}\n    return n\n"
            )
            assert world.live["work"](1) == 1
            world.start()
        assert len(Ran.found) == runs
        said = capsys.readouterr().out
        assert (f"it changed {name}, which is no variable" in said) == (runs == 2)


@pytest.mark.parametrize("how", SET_AGAIN)
def test_what_it_sets_is_set_again(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is restored in another process, where what it had set is as it left it."""
    body, read = SET_AGAIN[how]
    (tmp_path / "inner").mkdir()
    world = World(tmp_path)
    found = []
    for _ in range(2):
        monkeypatch.chdir(tmp_path / "inner")
        with (
            decimal.localcontext(),
            numpy.printoptions(),
            numpy.errstate(),
            pandas.option_context("display.width", 80),
        ):
            world.plain(
                f"{HEAD}import os, decimal, numpy, pandas\n"
                f"@duranb.step\ndef work(n):\n    ran(n)\n    {body}\n    return n\n"
            )
            before = eval(read, world.live)
            assert world.live["work"](1) == 1
            found.append(eval(read, world.live))
        world.start()
    assert Ran.found == [1]
    assert found[0] == found[1] != before


def test_an_iterator_that_is_not_begun_is_as_it_was(world: World) -> None:
    """A step that only hands a generator on is restored."""
    world.plain(f"{HEAD}@duranb.step\ndef work(it, n):\n    ran(n)\n    return n\n")
    for _ in range(2):
        assert world.live["work"]((n for n in range(3)), 2) == 2
    assert Ran.found == [2]


def test_classes_and_functions_that_stay_as_they_are_cost_nothing(world: World) -> None:
    """A step that only uses them is restored, whatever they hold."""
    world.plain(
        HEAD + "import functools\nclass Kept:\n    xs = [1]\n    @functools.cached_property\n"
        "    def n(self): return len(self.xs)\n@functools.cache\ndef twice(n): return 2 * n\n"
        "@duranb.step\ndef work():\n    ran(1)\n    return twice(Kept().n)\n"
    )
    assert world.live["work"]() == world.live["work"]() == 2
    assert Ran.found == [1]


def test_what_the_class_of_an_argument_reads_is_read(world: World) -> None:
    """Through a property or a method: a step depends on it, and what it changes is recorded."""
    world.plain(
        HEAD + "log = []\nclass Box:\n    @property\n    def size(self): return len(log)\n"
        "    def put(self, x): log.append(x)\n"
        "@duranb.step\ndef look(box):\n    ran('look')\n    return box.size\n"
        "@duranb.step\ndef put(box):\n    ran('put')\n    box.put(1)\n"
    )
    live = world.live
    assert live["look"](live["Box"]()) == 0
    live["put"](live["Box"]())
    assert live["look"](live["Box"]()) == 1
    live["log"].clear()
    live["put"](live["Box"]())
    assert live["log"] == [1] and Ran.found == ["look", "put", "look"]


SAME = HEAD + "@duranb.step(retries=0)\ndef same(n):\n    return n\n"


def test_they_begin_at_once_in_threads(world: World) -> None:
    """Hundreds of them: each has its result, whoever begins or ends beside it."""
    world.plain(SAME)
    runtime = engine.active()
    assert runtime is not None
    found: list[object] = []

    def run(n: int) -> None:
        with engine.using(runtime):
            found.append(world.live["same"](n))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(200)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sorted(map(str, found)) == sorted(map(str, range(200)))


KEEPS_ORDER = """
import duranb
from collections import OrderedDict

class Counted(list):
    n = 0
    def extend(self, items):
        self.n += 1
        super().extend(items)

@duranb.step(retries=0)
def change(order, counted):
    order["b"] = 2
    order.move_to_end("a")
    counted.append(3)
"""


def test_what_it_changed_in_a_container_is_done_as_the_built_in_class_does_it(world: World) -> None:
    """An ordered dict knows its order, and no method of the notebook's is called."""
    world.plain(KEEPS_ORDER)
    for _ in range(2):
        world.plain("order, counted = OrderedDict(a=1), Counted([1])\nchange(order, counted)")
        assert list(world.live["order"]) == ["b", "a"]
        assert world.live["counted"] == [1, 3]
        assert world.live["counted"].n == 0
    assert [x.of for x in world.history.executions.values()] == [0, 1]  # the second is restored
