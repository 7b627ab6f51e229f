"""Objects of Python's own and of libraries come back working in a new process."""

from __future__ import annotations

import collections
import functools
import importlib.util
import io

import cloudpickle.cloudpickle as cloudpickle
import pydantic
import pytest

from duranb.code import identity
from duranb.state import linking
from duranb.values import codec
from duranb.values.canonical import version
from duranb.values.target import Target, loading_into
from duranb.values.unpickling import loads
from tests.unit.fresh import Case, Said, look
from tests.unit.test_state import Kernel

CLASSES = """
import weakref, asyncio, threading, functools
class Node:
    def __init__(self, name): self.name = name
    def hello(self): return self.name
"""

GRAPH = """
import operator
from typing import Annotated, TypedDict
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
class S(TypedDict):
    xs: Annotated[list, operator.add]
def one(s): return {"xs": [1]}
def two(s): return {"xs": [len(s["xs"]) + 10]}
def ask(s): return {"xs": [interrupt("well?")]}
g = StateGraph(S)
g.add_node("one", one); g.add_node("two", two)
g.add_edge(START, "one"); g.add_edge("one", "two"); g.add_edge("two", END)
plain, kept = g.compile(), g.compile(checkpointer=InMemorySaver())
h = StateGraph(S); h.add_node("ask", ask); h.add_edge(START, "ask"); h.add_edge("ask", END)
asked = h.compile(checkpointer=InMemorySaver())
where = {"configurable": {"thread_id": "1"}}
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
        "a module of a class of its own, as those are that load their parts late",
        "late = sys.modules['late_module']; box = [late]",
        "late is sys.modules['late_module'] and box[0] is late",
        again="import sys, types\n"
        "class Late(types.ModuleType): pass\n"
        "sys.modules.setdefault('late_module', Late('late_module'))",
    ),
    Case(
        "errors whose __init__ takes something else than their args",
        "class Coded(Exception):\n"
        "    def __init__(self, code, **more):\n"
        "        super().__init__(f'code {code}'); self.code, self.more = code, more\n"
        "class Named(Coded):\n"
        "    def __init__(self, *, name): super().__init__(7, name=name)\n"
        "class Lost(OSError):\n"
        "    def __init__(self, path): super().__init__(2, 'gone', path)\n"
        "class Silent(ValueError):\n"
        "    def __init__(self, one, two): self.two = two\n"
        "errors = [Coded(3, at='x'), Named(name='n'), Lost('f'), Silent(1, 2)]\n"
        "errors[0].__cause__ = errors[1]; errors[1].add_note('noted')",
        "([(repr(e), vars(e)) for e in errors], errors[2].filename, errors[2].errno,"
        " errors[0].__cause__ is errors[1])",
    ),
    Case(
        "methods of an object that its class holds, and holds it",
        "class Account:\n"
        "    known = {}\n"
        "    def __init__(self, bus):\n"
        "        self.bus = bus; Account.known['a'] = self; bus.append(self.move)\n"
        "    def move(self, n): return n + len(self.bus)\n"
        "    @classmethod\n"
        "    def made(cls): return cls\n"
        "class Saving(Account):\n"
        "    first = None\n"
        "    def __init__(self, bus): super().__init__(bus); Saving.first = self, self.move\n"
        "bus = []; one = Account(bus); two = Saving(bus)\n"
        "Account.key, Account.make = one.move, two.made",
        "([move(1) for move in bus], Account.key(2), bus[0].__func__ is Account.move,"
        " bus[0].__self__ is one, bus[1].__self__ is two, Account.known['a'] is two,"
        " Account.make() is Saving, Saving.first[1](3), Saving.first[0] is two)",
    ),
    Case(
        "pools, open and shut",
        "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
        "threads, processes = ThreadPoolExecutor(2), ProcessPoolExecutor(2)\n"
        "with ThreadPoolExecutor(3) as shut: pass\n"
        "with ProcessPoolExecutor(3) as ended: pass\n"
        "def tried(pool):\n"
        "    try: return pool.submit(len, 'abc').result()\n"
        "    except RuntimeError as error: return str(error)",
        "(tried(threads), tried(shut), tried(ended), processes._max_workers, shut._max_workers)",
    ),
    Case(
        "matches, as each kind of search found them",
        "import re\np = re.compile(r'(?P<n>\\d+)(?<=5)?(x)?')\ntext = 'a1 25x 5 37'\n"
        "found = [re.search('b*', text), p.search(text, 3), p.match(text, 1), *p.finditer(text),"
        " p.fullmatch(text, 3, 5), re.search('(?=5)', text)]",
        "[(m.regs, m.pos, m.endpos, m.string, m.groupdict(), m.lastgroup) for m in found]",
        again="import re",
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
        "shower = Shower()\nshow.uses = [1]\n"
        "cached = functools.lru_cache(lambda x: x + 1)\ncached.uses = show.uses",
        "(cached(1), cached.uses is show.uses, show.uses, show('a'), show(True), show([1]),"
        " sorted(k.__name__ for k in show.registry),"
        " shower.at(1), shower.at(''), show.__name__)",
    ),
    Case(
        "an interactive function",
        "from ipywidgets import interact\n@interact(x=(0, 9))\ndef twice(x=2): return 2 * x",
        "twice(4)",
        needs="ipywidgets",
    ),
    # classes
    Case(
        "classes that register their subclasses",
        "class P:\n    seen = {}\n    def __init_subclass__(cls, *, key, **kw):\n"
        "        super().__init_subclass__(**kw); P.seen[key] = cls\n"
        "class Q(P, key='q'):\n    def f(self): return 1\nq = Q()",
        "(sorted(P.seen), P.seen['q'] is Q, q.f(), type(q) is Q)",
    ),
    Case(
        "a metaclass that counts",
        "class M(type):\n    made = []\n    def __new__(m, n, b, d, **k):\n"
        "        M.made.append(n); return super().__new__(m, n, b, d)\n"
        "class A(metaclass=M, flag=1):\n    x = 1\na = A()",
        "(M.made, type(A) is M, a.x, type(a) is A)",
    ),
    Case(
        "classes that their metaclass calls equal",
        "class M(type):\n    def __eq__(cls, other): return type(other) is M\n"
        "    def __hash__(cls): return 1\n"
        "class A(metaclass=M):\n    v = [1]\n    def __init__(self): self.a = 1\n"
        "class B(metaclass=M):\n    v = [2]\n    __slots__ = ('b',)\nboth = [A(), B()]\n"
        "both[1].b = 2",
        "([type(x) is c for x, c in zip(both, (A, B))], A.__name__, B.__name__, A.v, B.v,"
        " both[0].a, both[1].b, A is B)",
    ),
    Case(
        "a class that is of no module, as SymPy's functions are",
        "import pandas\nclass Meta(type): pass\n"
        "F = Meta('F', (), {'__module__': None, 'n': 3}); f = F(); f.x = [1]; both = [f, F]",
        "(f.x, type(f) is F, both[0] is f, both[1] is F, F.n, F.__module__)",
    ),
    Case(
        "slots",
        "import dataclasses\nclass A:\n    __slots__ = ('x', 'y', '__weakref__')\n"
        "a = A(); a.x = 1\n@dataclasses.dataclass(slots=True)\nclass D:\n    x: int = 1\nd = D(3)",
        "(a.x, hasattr(a, 'y'), hasattr(a, '__dict__'), d, hasattr(d, '__dict__'))",
    ),
    Case(
        "generic models, and one made by a call",
        "from pydantic import BaseModel, create_model\nfrom typing import Generic, TypeVar\n"
        "from openai.types.chat import ParsedChatCompletion\n"
        "T = TypeVar('T')\nclass Box(BaseModel, Generic[T]):\n    v: T\n"
        "b = Box[int](v=3); K = Box[int]; L = ParsedChatCompletion[int]\n"
        "M = create_model('M', x=(int, 3)); m = M(x=4)",
        "(b, type(b) is K, K is Box[int], K(v='4').v, L is ParsedChatCompletion[int], m,"
        " type(m) is M)",
    ),
    Case(
        "a model that holds itself, whose parts pydantic builds from complete models only",
        "import sys\nfrom pydantic import BaseModel\n"
        "class Seen:\n    def __init__(self, model):\n        self.model = model\n"
        "        __import__('sys').seen = model.__pydantic_complete__\n"
        "    def __reduce__(self): return Seen, (self.model,)\n"
        "class M(BaseModel):\n    kids: list['M'] = []\n"
        "type.__setattr__(M, 'seen', Seen(M)); m = M(kids=[M()]); sys.seen = False",
        "(m.model_dump(), M.model_validate({'kids': [{'kids': []}]}), M.__pydantic_complete__,"
        " sys.seen)",
    ),
    Case(
        "generic classes whose base, or metaclass, wants to know of each",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Base:\n    made = []\n"
        "    def __init_subclass__(cls):\n"
        "        super().__init_subclass__(); Base.made.append(cls.__name__)\n"
        "class Box(Base, Generic[T]):\n    x = 1\nclass Of(Box[int]): pass\nb = Of()\n"
        "class Meta(type): pass\nclass G(Generic[T], metaclass=Meta):\n    y = 2\ng = G()",
        "(Base.made, b.x, Of.__orig_bases__ == (Box[int],), g.y, G[int].__args__, type(G) is Meta)",
    ),
    Case(
        "types for the checker",
        "from typing import NewType, ParamSpec, Protocol, TypedDict, runtime_checkable\n"
        "U = NewType('U', int); S = ParamSpec('S')\nclass T(TypedDict):\n    a: int\n"
        "@runtime_checkable\nclass P(Protocol):\n    def f(self) -> int: ...",
        "(U(4), S.__name__, T.__annotations__, isinstance(3, P))",
    ),
    Case(
        "an object of a mapped class that a plain cell defines",
        "u = U(id=1); both = [u]",
        "(u.id, type(u) is U, both[0] is u)",
        again="from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n"
        "class Base(DeclarativeBase): pass\nclass U(Base):\n    __tablename__ = 'u'\n"
        "    id: Mapped[int] = mapped_column(primary_key=True)",
        needs="sqlalchemy",
    ),
    # graphs and runnables
    Case(
        "a compiled graph, with and without a checkpointer",
        GRAPH + "kept.invoke({'xs': [0]}, where); asked.invoke({'xs': []}, where)",
        "(plain.invoke({'xs': [0]}), kept.get_state(where).values, kept.invoke({'xs': [5]}, where),"
        " asked.get_state(where).next, asked.invoke(Command(resume='yes'), where))",
        needs="langgraph",
    ),
    Case(
        "runnables, tools and an agent",
        "from langchain_core.language_models.fake_chat_models import GenericFakeChatModel\n"
        "from langchain_core.messages import AIMessage\n"
        "from langchain_core.output_parsers import StrOutputParser\n"
        "from langchain_core.prompts import ChatPromptTemplate\n"
        "from langchain_core.runnables import RunnableLambda, RunnablePassthrough\n"
        "from langchain_core.tools import tool\nfrom langchain.agents import create_agent\n"
        "said = [AIMessage('a'), AIMessage('b')]\n"
        "def model(): return GenericFakeChatModel(messages=iter(said))\n"
        "asked = ChatPromptTemplate.from_messages([('user', '{q}')])\n"
        "chain = asked | model() | StrOutputParser()\n"
        "steps = RunnablePassthrough.assign(y=lambda d: d['x'] + 1) | RunnableLambda(lambda d: d)\n"
        "text = repr(steps)  # which it notes in itself\n"
        "@tool\ndef add(a: int, b: int) -> int:\n    'Add.'\n    return a + b\n"
        "agent = create_agent(model(), tools=[])",
        "(chain.invoke({'q': 'x'}), steps.invoke({'x': 1}), add.invoke({'a': 1, 'b': 2}),"
        " sorted(add.args), agent.invoke({'messages': [('user', 'x')]})['messages'][-1].content)",
        needs="langchain langgraph",
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
        "pools and contexts",
        "import ssl\nfrom concurrent.futures import ThreadPoolExecutor, ProcessPoolExecutor\n"
        "threads = ThreadPoolExecutor(2); processes = ProcessPoolExecutor(3)\n"
        "strict = ssl.create_default_context(); lax = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
        "lax.check_hostname = False; lax.verify_mode = ssl.CERT_NONE\n"
        "lax.minimum_version = ssl.TLSVersion.TLSv1_3",
        "(threads.submit(len, 'ab').result(), processes._max_workers, strict.verify_mode,"
        " strict.check_hostname, strict.get_ca_certs() != [], strict.options, lax.verify_mode,"
        " lax.minimum_version, lax.protocol, len(strict.get_ca_certs()))",
    ),
    Case(
        "what a mock was called with, a tuple that its class makes of something else",
        "from unittest.mock import MagicMock, call\nm = MagicMock(); m.run(1, x=2)\n"
        "said = m.run.call_args; both = [said, call.a(3)]; del m",
        "(len(said), said[0], said.kwargs, both[0] is said, said == call(1, x=2), len(both[1]))",
    ),
    Case(
        "files that are closed",
        "import io, os, tempfile\npath = os.path.join(tempfile.mkdtemp(), 'a')\n"
        "with open(path, 'w', encoding='latin-1') as f:\n    size = f.write('x')\n"
        "with open(path, 'r+b') as g:\n    read = g.read()\n"
        "with open(path, 'ab', buffering=0) as h:\n    size += h.write(b'y')\n"
        "b = io.BytesIO(b'1'); b.close(); t = io.StringIO('1'); t.close(); both = [f, f]",
        "([x.closed for x in (f, g, h, b, t)], f.name == path == g.name == h.name, f.encoding,"
        " [(type(x).__name__, x.mode) for x in (f, g, h)], both[0] is f, type(b), type(t))",
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
    if "mapped" not in case.name:  # what an ORM notes of a class is another in each process
        assert told.versions == []


BASES = """
import dataclasses
class Base:
    size = 1
class Sub(Base):
    size = 1
@dataclasses.dataclass
class Point:
    x: int = 0
@dataclasses.dataclass
class Named(Point):
    name: str = ""
"""


def test_what_a_class_has_in_common_with_its_base_is_its_own() -> None:
    """A class that sets an attribute to what its base has keeps it when the base gets another, and
    is the class that it was: no step runs again for it."""
    first = Kernel()
    first.run(BASES)
    second = Kernel(first.artifacts)
    second.namespace.restore(first.namespace.bindings())
    second.run("Base.size = 2")
    assert second["Sub"].size == 1
    for name in ("Point", "Named"):
        assert identity.of_class(second[name]) == identity.of_class(first[name])
        assert "__hash__" in vars(second[name])


def test_a_generic_of_a_librarys_model_is_the_same_wherever_it_was_first_asked_for() -> None:
    """pydantic puts it into the module of whoever asks at the top level, and nowhere for others:
    its version is that of the model and what it is of."""
    from openai.types.chat import parsed_chat_completion as library

    exec("made = ParsedChatCompletion[bytes]", found := vars(library))
    made = found.pop("made")
    name = made.__qualname__
    assert made.__module__ == library.__name__ and found[name] is made
    there = version(made, {})
    del found[name]
    assert version(made, {}) == there != version(library.ParsedChatCompletion[int], {})


def test_a_model_that_a_library_made_is_loaded_with_nothing_of_what_loads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a tool's arguments, for one. Taken apart it is what the cells make anew, and so what a
    restored step's values share with that is found."""
    made = pydantic.create_model("Made", __module__="pydantic.main", x=(int, 3))
    body = b"".join(bytes(piece) for piece in codec.dump(made, {}).body)
    monkeypatch.setattr(cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_ID", {})  # a new life
    with loading_into(Target({})):
        loaded = loads(memoryview(body), [])
    assert loaded is not made and loaded(x=4).x == 4
    assert set(vars(loaded)) == set(vars(made))
    mine, theirs = (list(map(type, linking.parts(each, {}))) for each in (loaded, made))
    assert mine == theirs


LOOKED_AT = [
    functools.partial(sorted, key=len),
    ValueError("no"),
    OSError(2, "gone", "f"),
    UnicodeDecodeError("utf-8", b"x", 0, 1, "why"),
    ExceptionGroup("both", [ValueError(1), KeyError(2)]),
    io.BytesIO(b"bytes"),
    io.StringIO("text"),
    collections.OrderedDict(a=1),
]


@pytest.mark.parametrize("value", LOOKED_AT, ids=lambda v: type(v).__name__)
def test_to_look_at_attributes_is_no_change(value: object) -> None:
    """Some types make the dict of an instance when somebody first asks for it."""
    before = version(value, {}), codec.dump(value, {}).body
    assert vars(value) == {}
    assert (version(value, {}), codec.dump(value, {}).body) == before
    vars(value)["more"] = 1
    assert version(value, {}) != before[0]
