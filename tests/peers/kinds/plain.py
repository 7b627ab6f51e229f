# ruff: noqa: E501
"""Python's own types, and what a notebook defines."""

from __future__ import annotations

from tests.peers.kinds.kind import Kind


def plain() -> list[Kind]:
    return [
        Kind("None", "x = None"),
        Kind("bool", "x = True"),
        Kind("int", "x = 10**50"),
        Kind("float", "x = 0.1"),
        Kind("nan", "x = float('nan')"),
        Kind("negative zero", "x = -0.0"),
        Kind("complex", "x = 1 + 2j"),
        Kind("str", "x = 'text \\u00e9 \\U0001f600'"),
        Kind("lone surrogate", "x = 'a\\ud800'", show="x.encode('utf-8', 'surrogatepass')"),
        Kind("bytes", "x = b'\\x00\\xff'"),
        Kind("bytearray", "x = bytearray(b'abc')", "x[0] = 1"),
        Kind("Ellipsis", "x = ..."),
        Kind("range", "x = range(3, 30, 4)"),
        Kind("slice", "x = slice(1, None, 2)"),
        Kind("tuple", "x = (1, (2, 'a'))"),
        Kind("tuple holding a list", "x = (1, [2])", "x[1].append(3)"),
        Kind("list", "x = [1, [2]]", "x[1].append(3)"),
        Kind("list holding itself", "x = [1]; x.append(x)", "x.insert(0, 5)", "(x[0], x[-1] is x)"),
        Kind("set", "x = {1, 2, 'a'}", "x.add(9)", "sorted(map(str, x))"),
        Kind("frozenset", "x = frozenset([1, 2])"),
        Kind("dict", "x = {'b': 1, 'a': [2]}", "x['a'].append(1)"),
        Kind("dict holding itself", "x = {}; x['me'] = x", "x['n'] = 1", "(x['me'] is x, len(x))"),
        Kind("dict keys", "d = {'a': 1}; x = d.keys()", show="list(x)"),
        Kind("memoryview", "x = memoryview(bytearray(b'abc'))", "x[0] = 1", "(type(x), bytes(x))"),
        Kind("memoryview of a part", "x = memoryview(bytearray(b'abc'))[1:]", fate="refused"),
        Kind("object", "x = object()", show="type(x)"),
        Kind("type", "x = int"),
        Kind("generic alias", "x = list[int]"),
        Kind("union type", "x = int | None"),
        Kind("NotImplemented", "x = NotImplemented"),
        Kind("built-in function", "x = len"),
        Kind("built-in method", "x = [3, 1].index", show="x(1)"),
        Kind("module", "import math; x = math", show="x.__name__"),
        Kind("list iterator", "x = iter([1, 2, 3]); next(x)", "next(x)", "x.__reduce__()[1:]"),
        Kind("range iterator", "x = iter(range(5)); next(x)", "next(x)", "x.__length_hint__()"),
        Kind(
            "enumerate", "x = enumerate('abc')", "next(x)", "__import__('copy').copy(x).__next__()"
        ),
        Kind("zip", "x = zip([1, 2], [3, 4])", "next(x)", "list(__import__('copy').copy(x))"),
        Kind("map", "x = map(str, [1, 2])", "next(x)", "list(__import__('copy').copy(x))"),
        Kind("reversed", "x = reversed([1, 2])", "next(x)", "x.__length_hint__()"),
        Kind("generator", "x = (i for i in range(3))", fate="refused"),
        Kind("exception", "x = ValueError('a', 3)", "x.note = 'b'", "(x.args, vars(x))"),
        Kind(
            "raised exception",
            "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    x = e",
            show="(type(x), x.args)",
        ),
        Kind(
            "exception group",
            "x = ExceptionGroup('g', [ValueError(1)])",
            show="x.exceptions[0].args",
        ),
        Kind(
            "traceback",
            "try:\n    1 / 0\nexcept Exception as e:\n    x = e.__traceback__",
            fate="refused",
        ),
        Kind("frame", "import sys; x = sys._getframe()", fate="refused"),
        Kind("code object", "x = compile('1 + 1', 'f', 'eval')", show="eval(x)"),
        Kind("mappingproxy", "import types; x = types.MappingProxyType({'a': 1})", show="dict(x)"),
        Kind("SimpleNamespace", "import types; x = types.SimpleNamespace(a=[1])", "x.a.append(2)"),
    ]


def defined() -> list[Kind]:
    return [
        Kind("function", "def x(a):\n    return a * 2", show="x(4)"),
        Kind("function with a default", "def x(a=[1]):\n    return a", "x().append(2)", "x()"),
        Kind(
            "function with an attribute",
            "def x(): pass\nx.calls = [1]",
            "x.calls.append(2)",
            "x.calls",
        ),
        Kind("function of a global", "k = [3]\ndef x():\n    return k", "k.append(1)", "x()"),
        Kind("recursive function", "def x(n):\n    return n and n + x(n - 1)", show="x(4)"),
        Kind("lambda", "x = lambda a, *b: (a, b)", show="x(1, 2)"),
        Kind(
            "closure",
            "def make():\n    n = [0]\n    def x():\n        n[0] += 1\n        return n[0]\n    return x\nx = make()",
            "x()",
            "x.__closure__[0].cell_contents",
        ),
        Kind(
            "decorated function",
            "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(a):\n        return f(f(a))\n"
            "    return g\n@twice\ndef x(a):\n    return a + 1",
            show="(x(1), x.__name__)",
        ),
        Kind(
            "cached function",
            "import functools\n@functools.lru_cache\ndef x(a):\n    return a + 1",
            show="x(1)",
        ),
        Kind("partial", "import functools; x = functools.partial(pow, 2, mod=5)", show="x(3)"),
        Kind("generator function", "def x():\n    yield 1\n    yield 2", show="list(x())"),
        Kind("coroutine function", "async def x():\n    return 5", show="x.__name__"),
        Kind(
            "coroutine",
            "import asyncio\nasync def f(): await asyncio.sleep(0)\nx = f(); f2 = x.send(None)",
            fate="refused",
        ),
        Kind(
            "coroutine that has ended",
            "async def f(): pass\nx = f(); f2 = x.close()",
            show="x.cr_frame",
        ),
        Kind("async generator", "async def f():\n    yield 1\nx = f()", fate="refused"),
        Kind(
            "class",
            "class x:\n    a = [1]\n    def f(self):\n        return self.a",
            "x.a.append(2)",
            "x().f()",
        ),
        Kind("instance", "class C:\n    pass\nx = C(); x.a = [1]", "x.a.append(2)", "x.a"),
        Kind(
            "bound method",
            "class C:\n    def f(self):\n        return self.n\nc = C(); c.n = [1]; x = c.f",
            "c.n.append(2)",
            "x()",
        ),
        Kind(
            "instance with slots",
            "class C:\n    __slots__ = ('a',)\nx = C(); x.a = [1]",
            "x.a.append(2)",
            "x.a",
        ),
        Kind(
            "instance of a subclass of dict",
            "class C(dict):\n    pass\nx = C(a=1); x.more = 2",
            "x['b'] = 3",
            "(dict(x), x.more)",
        ),
        Kind(
            "instance of a subclass of list",
            "class C(list):\n    pass\nx = C([1]); x.more = 2",
            "x.append(3)",
            "(list(x), x.more)",
        ),
        Kind(
            "instance with __getattr__",
            "class C:\n    def __getattr__(self, n):\n        if n.startswith('_'):\n            raise AttributeError(n)\n        return n\nx = C()",
            show="x.anything",
        ),
        Kind(
            "instance with __reduce__",
            "class C:\n    def __init__(self, n):\n        self.n = n\n    def __reduce__(self):\n        return C, (self.n,)\nx = C(4)",
            "x.n = 5",
            "x.n",
        ),
        Kind(
            "instance that refuses",
            "class C:\n    def __reduce_ex__(self, p):\n        raise RuntimeError('never')\nx = C()",
            fate="refused",
        ),
        Kind(
            "instance with a metaclass",
            "class M(type):\n    def tag(cls):\n        return cls.__name__\nclass C(metaclass=M):\n    pass\nx = C()",
            show="type(x).tag()",
        ),
        Kind(
            "abstract base class",
            "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass C(A):\n    def f(self):\n        return 3\nx = C()",
            show="x.f()",
        ),
        Kind(
            "generic class",
            "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass C(Generic[T]):\n    def __init__(self, v):\n        self.v = v\nx = C[int](3)",
            "x.v = 4",
            "x.v",
        ),
        Kind(
            "class with super()",
            "class A:\n    def f(self):\n        return 1\nclass C(A):\n    def f(self):\n        return super().f() + 1\nx = C()",
            show="x.f()",
        ),
        Kind(
            "property and classmethod",
            "class C:\n    @property\n    def p(self):\n        return 1\n    @classmethod\n    def m(cls):\n        return cls.__name__\n    @staticmethod\n    def s():\n        return 3\nx = C()",
            show="(x.p, x.m(), x.s())",
        ),
        Kind(
            "dataclass",
            "import dataclasses\n@dataclasses.dataclass\nclass C:\n    a: int\n    b: list = dataclasses.field(default_factory=list)\nx = C(1)",
            "x.b.append(2)",
        ),
        Kind(
            "frozen dataclass with slots",
            "import dataclasses\n@dataclasses.dataclass(frozen=True, slots=True)\nclass C:\n    a: int\nx = C(1)",
        ),
        Kind(
            "enum",
            "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\nx = E.B",
            show="(x.name, x is type(x).B)",
        ),
        Kind(
            "flag",
            "import enum\nclass F(enum.Flag):\n    A = 1\n    B = 2\nx = F.A | F.B",
            show="x.value",
        ),
        Kind(
            "namedtuple", "import collections\nP = collections.namedtuple('P', 'a b')\nx = P(1, 2)"
        ),
        Kind(
            "typing.NamedTuple",
            "from typing import NamedTuple\nclass P(NamedTuple):\n    a: int\n    b: str = 'c'\nx = P(1)",
        ),
        Kind(
            "TypedDict",
            "from typing import TypedDict\nclass D(TypedDict):\n    a: int\nx = D(a=1)",
            "x['a'] = 2",
        ),
        Kind(
            "protocol",
            "from typing import Protocol\nclass x(Protocol):\n    def f(self) -> int: ...",
            show="x.__name__",
        ),
        Kind(
            "two that share",
            "class N:\n    pass\na = N(); a.n = 1; x = [a, a]",
            "x[0].n = 2",
            "(x[0] is x[1], x[1].n)",
        ),
        Kind(
            "parent and child",
            "class N:\n    pass\nx = N(); x.kid = N(); x.kid.up = x",
            "x.kid.n = 2",
            "(x.kid.up is x, vars(x.kid).get('n'))",
        ),
        Kind(
            "class redefined after",
            "class C:\n    v = 1\nx = C()\nclass C:\n    v = 2\n",
            show="x.v",
        ),
    ]
