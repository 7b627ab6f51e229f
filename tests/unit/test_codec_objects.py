"""Objects of Python's own and of libraries come back working in a new process."""

from __future__ import annotations

import importlib.util

import pytest

from tests.unit.fresh import Case, Said, look

CLASSES = """
import weakref, asyncio, threading, functools
class Node:
    def __init__(self, name): self.name = name
    def hello(self): return self.name
"""

CASES = [
    # what a module holds
    Case(
        "a bare object of a library, in a container and in a closure",
        "import functools, dataclasses\n"
        "def outer(sentinel=functools._initial_missing):\n"
        "    def inner(value): return value is sentinel\n"
        "    return inner\n"
        "check = outer(); box = [functools._initial_missing, dataclasses.MISSING]",
        "(check(box[0]), check(1), box[0] is functools._initial_missing,"
        " box[1] is dataclasses.MISSING)",
        again="import functools, dataclasses",
    ),
    Case(
        "an instance that a library compares by identity",
        "import traitlets, openai, os\n"
        "got = {'u': traitlets.Undefined, 'n': openai.NOT_GIVEN, 'env': os.environ}",
        "(got['u'] is traitlets.Undefined, got['n'] is openai.NOT_GIVEN, got['env'] is os.environ)",
        again="import traitlets, openai, os",
    ),
    Case(
        "the defaults of a dataclass of the notebook",
        "import dataclasses\n@dataclasses.dataclass\nclass D:\n    a: int\n    b: int = 3\n"
        "d = D(1); f = dataclasses.fields(D)[0]",
        "(d, D(5), f.default is dataclasses.MISSING, dataclasses.replace(d, a=4))",
        again="import dataclasses",
    ),
    Case(
        "a closure of a library",
        "import functools, operator\n"
        "from concurrent.futures import thread\n"
        "import contextlib\n"
        "@contextlib.contextmanager\n"
        "def opened(x): yield x + 1\n"
        "key = functools.cmp_to_key(lambda a, b: b - a)",
        "(sorted([1, 3, 2], key=key), [v for v in [opened(1).__enter__()]],"
        " opened.__globals__ is vars(contextlib))",
        again="import contextlib",
    ),
    # context variables
    Case(
        "context variables",
        "from contextvars import ContextVar\nimport decimal\n"
        "plain = ContextVar('plain'); given = ContextVar('given', default=[1]); given.set([2])",
        "(plain.get('none'), plain.name, given.get())",
    ),
    # weak references
    Case(
        "weak references",
        CLASSES + "one = Node('a'); one.me = weakref.ref(one); one.child = Node('b')\n"
        "one.child.parent = weakref.ref(one); seen = weakref.ref(one.child)\n"
        "gone = weakref.ref(Node('c')); method = weakref.WeakMethod(one.hello)\n"
        "proxy = weakref.proxy(one); lost = weakref.proxy(Node('d'))",
        "(one.me() is one, one.child.parent() is one, seen() is one.child, gone(), method()(),"
        " proxy.name, type(lost).__name__)",
    ),
    Case(
        "dictionaries and sets of weak references",
        CLASSES + "k, v = Node('k'), Node('v')\n"
        "keys = weakref.WeakKeyDictionary({k: 1}); values = weakref.WeakValueDictionary({'v': v})\n"
        "members = weakref.WeakSet([k, v])",
        "(keys[k], values['v'] is v, k in members, len(members), len(keys))",
    ),
    # functions
    Case(
        "singledispatch",
        "import functools\n@functools.singledispatch\ndef show(x): return 'any'\n"
        "@show.register\ndef _(x: int): return 'int'\n@show.register(list)\n"
        "def _(x): return 'list ' + show(x[0])\n"
        "class Shower:\n    @functools.singledispatchmethod\n    def at(self, x): return 'any'\n"
        "    @at.register\n    def _(self, x: int): return 'int'\n"
        "shower = Shower()",
        "(show('a'), show(True), show([1]), sorted(k.__name__ for k in show.registry),"
        " shower.at(1), shower.at(''), show.__name__)",
    ),
    Case(
        "an interactive function",
        "from ipywidgets import interact\n@interact(x=(0, 9))\ndef twice(x=2): return 2 * x",
        "twice(4)",
        needs="ipywidgets",
    ),
    # threads and event loops
    Case(
        "locks and queues of threads",
        "import threading, queue\n"
        "lock = threading.Lock(); cond = threading.Condition(lock)\n"
        "sem = threading.BoundedSemaphore(3); sem.acquire(); barrier = threading.Barrier(2)\n"
        "q = queue.PriorityQueue(5); q.put(3); q.put(1)\n"
        "event = threading.Event(); event.set(); local = threading.local(); local.x = 5\n"
        "simple = queue.SimpleQueue()",
        "(cond._lock is lock, lock.acquire(), lock.release(), sem._value, barrier.parties,"
        " q.qsize(), q.get(), q.maxsize, event.is_set(), local.x, simple.empty(),"
        " cond.acquire(), cond.notify(), cond.release())",
    ),
    Case(
        "what tasks wait at",
        "import asyncio\nloop = asyncio.get_running_loop()\n"
        "lock = asyncio.Lock(); lock._get_loop(); event = asyncio.Event(); event.set()\n"
        "queue = asyncio.Queue(3); queue.put_nowait('a'); queue._get_loop()\n"
        "sem = asyncio.Semaphore(2); cond = asyncio.Condition(lock); held = [lock]",
        "(loop is asyncio.get_running_loop(), held[0] is lock, cond._lock is lock,"
        " lock._get_loop() is loop, event.is_set(), queue.qsize(), queue.get_nowait(),"
        " queue.maxsize, sem._value, cond._get_loop() is loop)",
        again="import asyncio",
    ),
    Case(
        "a future that is done",
        "from concurrent.futures import Future\nf = Future(); f.set_result(3)",
        "f.result()",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What was seen of all cases that can be made here."""
    folder = tmp_path_factory.mktemp("objects")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(folder / "home"))
        patch.delenv("OPENAI_API_KEY", raising=False)
        return look([c for c in CASES if installed(c)], folder)


def installed(case: Case) -> bool:
    """Whether what a case needs is there."""
    return all(importlib.util.find_spec(module) for module in case.needs.split())


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name.replace(" ", "-"))
def test_it_comes_back_working(case: Case, said: dict[str, Said]) -> None:
    """What is loaded in a new process says what the value said in the one that made it, nothing is
    missing, and its version is the same."""
    if not installed(case):
        pytest.skip(f"{case.needs} is not installed")
    told = said[case.name]
    assert told.found == told.made
    assert told.missing == [] or case.name == "an interactive function"
    assert told.versions == []
