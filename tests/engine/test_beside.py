"""What the items of a map change beside their results is there after a death, and what they read
beside their items counts."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from duranb.engine.beside import Reached
from duranb.errors import UsageError
from duranb.record import ways
from duranb.record.kinds import Kind
from tests.engine.world import World


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A notebook beside a module of its own."""
    (tmp_path / "beside_helper.py").write_text(
        "COUNT = 0\nCACHE = {}\nPROMPT = 'a'\ndef bump():\n    global COUNT\n    COUNT += 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    world = World(root=tmp_path)
    yield world
    sys.modules.pop("beside_helper", None)


MAP = "got = duranb.map(f, range(10), workers=1)"

CHANGES = {
    "a dict of results": ("found = {}\ndef f(n): found[n] = ask(n)", MAP, "len(found)"),
    "a list in a helper": (
        "log = []\ndef note(x): log.append(x)\ndef f(n): note(ask(n))",
        MAP,
        "len(log)",
    ),
    "a counter": (
        "total = 0\ndef f(n):\n    global total\n    total += 1\n    return ask(n)",
        MAP,
        "total",
    ),
    "an object": (
        "class A:\n    def __init__(self): self.n = 0\n    def f(self, n):\n        self.n += 1\n"
        "        return ask(n)\na = A()\nf = a.f",
        MAP,
        "a.n",
    ),
    "a class": (
        "class A:\n    n = 0\n    def f(self, n):\n        type(self).n += 1\n"
        "        return ask(n)\nf = A().f",
        MAP,
        "A.n",
    ),
    "a function's attribute": (
        "def f(n):\n    f.n += 1\n    return ask(n)\nf.n = 0",
        MAP,
        "f.n",
    ),
    "a default": (
        "def f(n, seen=[]): seen.append(ask(n))",
        MAP,
        "len(f.__defaults__[0])",
    ),
    "a closure": (
        "def make():\n    n = 0\n    def f(x):\n        nonlocal n\n        n += 1\n"
        "        return ask(x)\n    return f, lambda: n\nf, get = make()",
        MAP,
        "get()",
    ),
    "what a partial holds": (
        "import functools\nlog = []\ndef g(into, n): into.append(ask(n))\n"
        "f = functools.partial(g, log)",
        MAP,
        "len(log)",
    ),
    "an iterator": (
        "import itertools\nids = itertools.count()\ndef f(n): return ask(n), next(ids)",
        MAP,
        "len({i for _, i in got})",
    ),
    "a generator": (
        "def numbers():\n    yield from range(100)\nids = numbers()\n"
        "def f(n): return ask(n), next(ids)",
        MAP,
        "len({i for _, i in got})",
    ),
    "a module's variable": (
        "import beside_helper\ndef f(n):\n    beside_helper.bump()\n    return ask(n)",
        MAP,
        "beside_helper.COUNT",
    ),
    "a module's dict": (
        "from beside_helper import CACHE\ndef f(n): CACHE[n] = ask(n)",
        MAP,
        "len(CACHE)",
    ),
    "what nobody can tell": (
        "log = []\ndef f(n): globals()['log'].append(ask(n))",
        MAP,
        "len(log)",
    ),
    "the items": (
        "docs = [{'n': n} for n in range(10)]\ndef f(d): d['said'] = ask(d['n'])",
        "got = duranb.map(f, docs, workers=1)",
        "sum('said' in d for d in docs)",
    ),
    "the items, known by a key": (
        "docs = [{'n': n} for n in range(10)]\ndef f(d): d['said'] = ask(d['n'])",
        "got = duranb.map(f, docs, workers=1, key=lambda d: d['n'])",
        "sum('said' in d for d in docs)",
    ),
    "which object it is": (
        "docs = [{'n': n} for n in range(10)]\ndef f(d): return d if ask(d['n']) else None",
        "got = duranb.map(f, docs, workers=1)",
        "sum(a is b for a, b in zip(docs, got))",
    ),
    "which of a table's objects it is": (
        "table = {n: {'n': n} for n in range(10)}\ndef f(n): return table[n] if ask(n) else None",
        MAP,
        "sum(got[n] is table[n] for n in range(10))",
    ),
    "where it awaits": (
        "log = []\nasync def f(n): log.append(await aask(n))",
        "got = await duranb.map(f, range(10), workers=1)",
        "len(log)",
    ),
    "in jobs that are gathered": (
        "log = []",
        "got = duranb.gather(*[lambda n=n: log.append(ask(n)) for n in range(10)], workers=1)",
        "len(log)",
    ),
    "in a map within a map": (
        "def f(n):\n    log = []\n    duranb.map(lambda m: log.append(ask(m)), [n, n + 10],"
        " workers=1)\n    return len(log)",
        "got = duranb.map(f, range(5), workers=1)",
        "sum(got)",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_items_change_beside_their_results_is_not_lost(project: World, what: str) -> None:
    """After a death in the middle, items that changed anything else run again, answered from the
    journal: the state is that of a run without a death, and nothing is paid for twice."""
    head, source, shown = CHANGES[what]
    project.plain(head)
    project.model.answers["7"] = [Killed(), "late"]
    if what == "in a map within a map":
        project.model.answers["12"] = [Killed(), "late"]
    with pytest.raises(Killed):
        project.cell("s", source)
    for _ in range(2):
        sys.modules.pop("beside_helper", None)
        project.start()
        project.plain(head)
        try:
            project.cell("s", source)
        except Killed:
            continue
        break
    assert eval(shown, project.live) == 10
    paid = project.model.paid
    again = [p for p in paid if paid.count(p) > 1]
    assert set(again) <= {"7", "12"} and len(set(paid)) == 10


def test_what_a_step_ignores_is_not_looked_at(project: World) -> None:
    """Of a name that --ignore names, changes do not matter: the items are served."""
    head = "ran = []\ndef f(n):\n    ran.append(n)\n    return {'said': [ask(n)]}"
    project.plain(head)
    project.model.answers["7"] = [Killed(), "late"]
    with pytest.raises(Killed):
        project.cell("s --ignore ran", MAP)
    project.start()
    project.plain(head)
    project.cell("s --ignore ran", MAP)
    assert project.live["ran"] == [7, 8, 9]


def test_items_that_only_read_are_served(project: World) -> None:
    """Whatever they read, and whatever mutable they return: no item that was made runs again."""
    head = (
        "import enum, beside_helper\nclass Kind(enum.Enum): A = 1\nclass Doc:\n"
        "    def __init__(self, n): self.n, self.kind = n, Kind.A\n"
        "table = {n: {'x': [n]} for n in range(10)}\ndocs = [Doc(n) for n in range(10)]\n"
        "def f(d):\n    got = ask(table[d.n]['x'][0])\n"
        "    return {'doc': Doc(d.n), 'said': [got], 'kind': d.kind, 'p': beside_helper.PROMPT}"
    )
    source = "got = duranb.map(f, docs, workers=1)"
    project.plain(head)
    project.model.answers["7"] = [Killed(), "late"]
    with pytest.raises(Killed):
        project.cell("s", source)
    sys.modules.pop("beside_helper", None)
    project.start()
    project.plain(head)
    project.cell("s", source)
    made = [c for c in project.calls() if c.kind is Kind.MAP and c.result is not None]
    assert len(made) == 10 and len(project.live["got"]) == 10


READS: dict[str, tuple[str, str, Any]] = {
    "a module's variable": (
        "import beside_helper\ndef f(n): return beside_helper.PROMPT + str(n)",
        "beside_helper.PROMPT = 'b'",
        range(2),
    ),
    "the environment": (
        "import os\nos.environ['BESIDE'] = 'a'\ndef f(n): return os.environ['BESIDE'] + str(n)",
        "os.environ['BESIDE'] = 'b'",
        range(2),
    ),
    "what the methods of an item read": (
        "said = 'a'\nclass Doc:\n    def __init__(self, n): self.n = n\n"
        "    def text(self): return said + str(self.n)\ndocs = [Doc(0), Doc(1)]\n"
        "def f(d): return d.text()",
        "said = 'b'",
        "docs",
    ),
    "what a function in an item reads": (
        "said = 'a'\ndef g(n): return said + str(n)\ndocs = [(g, 0), (g, 1)]\n"
        "def f(d): return d[0](d[1])",
        "said = 'b'",
        "docs",
    ),
}


@pytest.mark.parametrize("what", READS)
def test_what_items_read_counts(project: World, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """An item that read something else than there is now runs again."""
    monkeypatch.setenv("BESIDE", "a")
    head, change, items = READS[what]
    source = f"got = duranb.map(f, {items})"
    project.plain(head)
    project.cell("s", source)
    assert project.live["got"] == ["a0", "a1"]
    project.plain(change)
    project.cell("s", source)
    assert project.live["got"] == ["b0", "b1"]


def test_a_key_is_told_by_its_content(project: World) -> None:
    """Keys that print alike are two, and one that shows no content is refused."""
    project.plain("import numpy\ndef f(d): return ask(d[0])\ntables = numpy.zeros((2, 2000))")
    project.plain("tables[1, 1000] = 1\nitems = [('a', tables[0]), ('b', tables[1])]")
    source = "got = duranb.map(f, items, key=lambda d: d[1], workers=1)"
    project.cell("s", source)
    project.plain("items = items[::-1]")
    project.cell("s", source)
    assert [said[0] for said in project.live["got"]] == ["b", "a"] and len(project.model.paid) == 2
    with pytest.raises(UsageError, match="the key of item 0 of the map of f, a generator"):
        project.cell("t", "duranb.map(f, items, key=lambda d: (n for n in d))")


EFFECTS = {
    "a list": ("sent = []\ndef send(n): sent.append(n)", "duranb.call(send, 1)", "send: sent"),
    "an argument": (
        "box = {}\ndef put(into, n): into['n'] = n",
        "duranb.call(put, dict(box), 1)",
        "put: into",
    ),
    "a method's object": (
        "class Box:\n    def __init__(self): self.sent = []\n    @duranb.tool\n"
        "    def send(self, n: int) -> int:\n        'Send.'\n        self.sent.append(n)\n"
        "        return n\nbox = Box()",
        "box.send(1)",
        "Box.send: its object",
    ),
    "a global": ("n = 0\ndef up():\n    global n\n    n += 1", "duranb.call(up)", "up: n"),
    "where it awaits": (
        "sent = []\nasync def send(n): sent.append(n)",
        "await duranb.call(send, 1)",
        "send: sent",
    ),
}


@pytest.mark.parametrize("what", EFFECTS)
def test_what_an_effect_changed_and_a_replay_does_not_is_said(project: World, what: str) -> None:
    """An effect is not done twice, so what it changed in the notebook is missing where a step goes
    on after a death: its line names the effect and what that had changed."""
    head, source, named = EFFECTS[what]
    project.plain(head)
    project.model.answers["more"] = [Killed(), "late"]
    with pytest.raises(Killed):
        project.cell("s", f"{source}\ngot = ask('more')")
    project.start()
    project.plain(head)
    project.cell("s", f"{source}\ngot = ask('more')")
    told = ways.sentence("s", project.last("s").unrecorded)
    assert "answered from the journal, without the change in the notebook" in told and named in told
    assert "happens again" not in told


def test_an_effect_that_changes_nothing_is_replayed_without_a_word(project: World) -> None:
    """Nor is anything said when it is done."""
    head = "prices = {'a': [1]}\ndef send(item): return prices[item['name']][0]"
    source = "sent = duranb.call(send, {'name': 'a'})\ngot = ask('more')"
    project.plain(head)
    project.model.answers["more"] = [Killed(), "late"]
    with pytest.raises(Killed):
        project.cell("s", source)
    project.start()
    project.plain(head)
    project.cell("s", source)
    assert not project.last("s").unrecorded and project.live["sent"] == 1


def test_an_item_that_a_failed_try_had_changed_is_said(project: World) -> None:
    """What the next try finds in it is not what it was given; a try that fails before it changes
    anything leaves nothing to say."""
    model = project.model
    model.answers["1"] = [ConnectionResetError("gone"), "late"]
    project.plain("def f(d):\n    d['asked'] = d.get('asked', 0) + 1\n    return ask(d['n'])")
    project.cell("s", "docs = [{'n': n} for n in range(3)]\nduranb.map(f, docs, backoff=0)")
    assert [d["asked"] for d in project.live["docs"]] == [1, 2, 1]
    told = ways.sentence("s", project.last("s").unrecorded)
    assert "1 item of the map of f tried again as a try that failed had left it" in told
    model.answers["1"] = [ConnectionResetError("gone"), "later"]
    project.plain("def f(d): d['said'] = ask(f\"{d['n']}\")")
    project.cell("t", "docs = [{'n': n} for n in range(3)]\nduranb.map(f, docs, backoff=0)")
    assert not project.last("t").unrecorded and project.live["docs"][1]["said"] == "later"


class _Counting:
    """A lock that tells how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.came = 0

    def __enter__(self) -> None:
        self.came += 1  # only the test's threads come here, one after the other
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("changes", [False, True])
def test_items_that_end_while_one_is_looked_after_share_the_next_look(
    world: World, monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    """A look that began before an item ended says nothing of it; one that began later does."""
    world.plain("tally = []\ndef read(n): return len(tally)")
    reached = Reached(world.runtime, world.live["read"], ())
    lock = _Counting()
    monkeypatch.setattr(reached, "_lock", lock)
    looking, go_on, looks = threading.Event(), threading.Event(), []
    look = reached._looks_the_same

    def slow() -> bool:
        looks.append(look())
        looking.set()
        go_on.wait(30)
        return looks[-1]

    monkeypatch.setattr(reached, "_looks_the_same", slow)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(reached.is_as_it_was)
        looking.wait(30)
        if changes:
            world.live["tally"].append(1)  # the first look is over, but for its return
        others = []
        for number in range(2, 6):
            others.append(pool.submit(reached.is_as_it_was))
            while lock.came < number:
                time.sleep(0.001)
        go_on.set()
        assert first.result()
        assert {other.result() for other in others} == {not changes}
    assert looks == [True, not changes]
