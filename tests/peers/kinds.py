# ruff: noqa: E501
"""The kinds of objects that notebooks hold, and what becomes of each: a table.

``make`` binds ``x``; ``change`` changes it in place (empty where nothing can); ``show`` is an
expression of ``x`` whose repr tells two values apart. ``fate`` is what has to become of it: it is
*stored*, *remade* by a factory, or *refused*: then a placeholder stands there and says so.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One line of the table. ``needs`` are modules without which it is left out."""

    name: str
    make: str
    change: str = ""
    show: str = "x"
    fate: str = "stored"
    needs: str = ""


def _plain() -> list[Kind]:
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


def _defined() -> list[Kind]:
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
        Kind("coroutine", "async def f(): pass\nx = f(); f2 = x.close()", fate="refused"),
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


def _library() -> list[Kind]:
    return [
        Kind("deque", "import collections; x = collections.deque([1, 2], 5)", "x.append(3)"),
        Kind("Counter", "import collections; x = collections.Counter('abca')", "x['z'] += 1"),
        Kind(
            "OrderedDict",
            "import collections; x = collections.OrderedDict(a=1, b=2)",
            "x.move_to_end('a')",
        ),
        Kind(
            "defaultdict",
            "import collections; x = collections.defaultdict(list, a=[1])",
            "x['b'].append(2)",
        ),
        Kind(
            "defaultdict of a lambda",
            "import collections; x = collections.defaultdict(lambda: 7)",
            "x['b']",
            "dict(x)",
        ),
        Kind(
            "ChainMap",
            "import collections; x = collections.ChainMap({'a': 1}, {'b': 2})",
            "x['c'] = 3",
        ),
        Kind("UserDict", "import collections; x = collections.UserDict(a=1)", "x['b'] = 2"),
        Kind("array", "import array; x = array.array('d', [1, 2])", "x.append(3)"),
        Kind("heap", "import heapq; x = [3, 1, 2]; heapq.heapify(x)", "heapq.heappush(x, 0)"),
        Kind("datetime", "import datetime as d; x = d.datetime(2026, 1, 2, tzinfo=d.timezone.utc)"),
        Kind("date", "import datetime as d; x = d.date(2026, 1, 2)"),
        Kind("timedelta", "import datetime as d; x = d.timedelta(1, 2, 3)"),
        Kind("zoneinfo", "import zoneinfo; x = zoneinfo.ZoneInfo('UTC')", show="str(x)"),
        Kind("Decimal", "import decimal; x = decimal.Decimal('1.10')"),
        Kind("Fraction", "import fractions; x = fractions.Fraction(2, 6)"),
        Kind("UUID", "import uuid; x = uuid.UUID(int=5)"),
        Kind("Path", "import pathlib; x = pathlib.Path('a') / 'b'"),
        Kind("compiled pattern", "import re; x = re.compile('a(b)', re.I)"),
        Kind("match", "import re; x = re.match('a', 'a')", fate="refused"),
        Kind("Struct", "import struct; x = struct.Struct('<I')", show="x.format", fate="refused"),
        Kind(
            "StringIO",
            "import io; x = io.StringIO('abc'); x.read(1)",
            "x.write('z')",
            "(x.getvalue(), x.tell())",
        ),
        Kind(
            "BytesIO",
            "import io; x = io.BytesIO(b'abc'); x.read(1)",
            "x.write(b'z')",
            "(x.getvalue(), x.tell())",
        ),
        Kind("Random", "import random; x = random.Random(3)", "x.random()", "x.getstate()"),
        Kind("SystemRandom", "import random; x = random.SystemRandom()", fate="refused"),
        Kind("itertools.count", "import itertools; x = itertools.count(5)", "next(x)"),
        Kind("hash object", "import hashlib; x = hashlib.sha256(b'a')", fate="refused"),
        Kind(
            "weakref",
            "import weakref\nclass C:\n    pass\nc = C(); x = weakref.ref(c)",
            show="x() is c",
        ),
        Kind(
            "ContextVar",
            "import contextvars; x = contextvars.ContextVar('v'); _ = x.set([1])",
            "x.get().append(2)",
            "(x.name, x.get())",
        ),
        Kind(
            "queue",
            "import queue; x = queue.Queue(); x.put(1)",
            "x.put(2)",
            "list(x.queue)",
            "stored",
        ),
        Kind(
            "ArgumentParser",
            "import argparse; x = argparse.ArgumentParser('p'); _ = x.add_argument('-a', type=int)",
            fate="refused",
        ),
        Kind(
            "string.Template", "import string; x = string.Template('$a')", show="x.substitute(a=1)"
        ),
        Kind(
            "ElementTree",
            "import xml.etree.ElementTree as e; x = e.fromstring('<a><b>1</b></a>')",
            "x[0].text = '2'",
            "e.tostring(x)",
        ),
        Kind(
            "email message",
            "import email.message; x = email.message.EmailMessage(); x['a'] = 'b'",
            "x['c'] = 'd'",
            "x.as_string()",
        ),
        Kind("IPv4Network", "import ipaddress; x = ipaddress.ip_network('10.0.0.0/8')"),
        Kind(
            "ConfigParser",
            "import configparser; x = configparser.ConfigParser(); x['s'] = {'k': 'v'}",
            "x['s']['k'] = 'w'",
            "x['s']['k']",
        ),
        Kind("lock", "import threading; x = threading.Lock()", show="x.locked()", fate="remade"),
        Kind(
            "RLock",
            "import threading; x = threading.RLock()",
            show="type(x).__name__",
            fate="remade",
        ),
        Kind(
            "Event",
            "import threading; x = threading.Event(); x.set()",
            show="x.is_set()",
            fate="remade",
        ),
        Kind("Condition", "import threading; x = threading.Condition()", show="type(x).__name__"),
        Kind("Semaphore", "import threading; x = threading.Semaphore(3)", show="x._value"),
        Kind(
            "thread",
            "import threading; x = threading.Thread(target=print)",
            show="type(x).__name__",
            fate="refused",
        ),
        Kind("thread-local", "import threading; x = threading.local(); x.a = 1", "x.a = 2", "x.a"),
        Kind(
            "thread pool",
            "import concurrent.futures as f; x = f.ThreadPoolExecutor(2)",
            show="x._max_workers",
            fate="remade",
        ),
        Kind(
            "process pool",
            "import concurrent.futures as f; x = f.ProcessPoolExecutor(2)",
            show="x._max_workers",
            fate="remade",
        ),
        Kind("future", "import concurrent.futures as f; x = f.Future()", fate="refused"),
        Kind(
            "event loop", "import asyncio; x = asyncio.new_event_loop(); x.close()", fate="refused"
        ),
        Kind("asyncio lock", "import asyncio; x = asyncio.Lock()", show="x.locked()"),
        Kind(
            "asyncio queue",
            "import asyncio; x = asyncio.Queue(); x.put_nowait(3)",
            "x.put_nowait(4)",
            "list(x._queue)",
        ),
        Kind("socket", "import socket; x = socket.socket(); x.close()", fate="refused"),
        Kind(
            "logger", "import logging; x = logging.getLogger('a.b')", show="x.name", fate="remade"
        ),
        Kind(
            "file opened for reading",
            "open('f.txt', 'w').write('abc'); x = open('f.txt'); x.read(1)",
            show="(x.tell(), x.read(), x.seek(1))",
            fate="remade",
        ),
        Kind(
            "file opened for bytes",
            "open('f.bin', 'wb').write(b'abc'); x = open('f.bin', 'rb')",
            show="(x.read(), x.seek(0))",
            fate="remade",
        ),
        Kind("file opened for writing", "x = open('w.txt', 'w')", fate="refused"),
        Kind(
            "subprocess",
            "import subprocess, sys; x = subprocess.Popen([sys.executable, '-c', '']); _ = x.wait()",
            fate="refused",
        ),
        Kind(
            "sqlite connection to a file",
            "import sqlite3; x = sqlite3.connect('t.db'); _ = x.execute('create table if not exists t(a)')",
            show="x.execute('select count(*) from sqlite_master').fetchall()",
            fate="remade",
        ),
        Kind(
            "sqlite connection in memory",
            "import sqlite3; x = sqlite3.connect(':memory:'); x.executescript('create table t(a)')",
            show="x.execute('select name from sqlite_master').fetchall()",
            fate="remade",
        ),
        Kind(
            "sqlite cursor",
            "import sqlite3; x = sqlite3.connect(':memory:').cursor()",
            fate="refused",
        ),
        Kind(
            "temporary folder",
            "import tempfile; x = tempfile.TemporaryDirectory()",
            show="x.name",
            fate="refused",
        ),
    ]


def _arrays() -> list[Kind]:
    np = "import numpy as np; "
    same = "(x.dtype.str, x.tolist())"
    return [
        Kind("array of floats", f"{np}x = np.arange(6.0).reshape(2, 3)", "x[0, 0] = 9", same),
        Kind("array of ints", f"{np}x = np.arange(6, dtype='i2')", "x[0] = 9", same),
        Kind("array of bools", f"{np}x = np.array([True, False])", "x[0] = False", same),
        Kind("array of complex", f"{np}x = np.array([1j])", "x[0] = 2", same),
        Kind("array of text", f"{np}x = np.array(['a', 'bc'])", "x[0] = 'z'", same),
        Kind(
            "array of objects",
            f"{np}x = np.array([[1], 'a'], dtype=object)",
            "x[0].append(2)",
            same,
        ),
        Kind(
            "array of dates",
            f"{np}x = np.array(['2026-01-01'], dtype='M8[D]')",
            "x[0] = '2026-01-02'",
            "str(x)",
        ),
        Kind(
            "structured array",
            f"{np}x = np.zeros(2, [('a', 'i4'), ('b', 'f8')])",
            "x['a'][0] = 1",
            same,
        ),
        Kind(
            "record array",
            f"{np}x = np.rec.array([(1, 2.0)], names='a,b')",
            "x.a[0] = 5",
            "(x.a.tolist(), x.b.tolist())",
        ),
        Kind("0-d array", f"{np}x = np.array(3.0)", "x[...] = 4", same),
        Kind("empty array", f"{np}x = np.empty((0, 3))", "", "x.shape"),
        Kind(
            "array in column order",
            f"{np}x = np.asfortranarray(np.arange(6.0).reshape(2, 3))",
            "x[1, 0] = 9",
            "(x.flags.f_contiguous, x.tolist())",
        ),
        Kind("every second element", f"{np}b = np.arange(10.0); x = b[::2]", "b[2] = 99", same),
        Kind(
            "transposed view",
            f"{np}b = np.arange(6.0).reshape(2, 3); x = b.T",
            "b[0, 1] = 99",
            same,
        ),
        Kind("read-only array", f"{np}x = np.arange(3); x.flags.writeable = False", "", same),
        Kind(
            "masked array",
            f"{np}x = np.ma.array([1, 2], mask=[0, 1])",
            "x[0] = 7",
            "(x.tolist(), x.mask.tolist())",
        ),
        Kind(
            "matrix",
            f"{np}x = np.asmatrix([[1, 2]])",
            "x[0, 0] = 5",
            "(type(x).__name__, x.tolist())",
        ),
        Kind(
            "memory-mapped array",
            f"{np}np.save('m.npy', np.arange(4)); x = np.load('m.npy', mmap_mode='r')",
            "",
            "x.tolist()",
        ),
        Kind("numpy scalar", f"{np}x = np.float32(1.5)", "", "(type(x), x)"),
        Kind("dtype", f"{np}x = np.dtype([('a', 'i4')])"),
        Kind(
            "Generator", f"{np}x = np.random.default_rng(3)", "x.random()", "x.bit_generator.state"
        ),
        Kind("RandomState", f"{np}x = np.random.RandomState(3)", "x.rand()", "x.get_state()[2]"),
        Kind("polynomial", f"{np}x = np.polynomial.Polynomial([1, 2])", "x.coef[0] = 5", "x(2)"),
        Kind("ufunc", f"{np}x = np.add"),
        Kind(
            "vectorized function",
            f"{np}x = np.vectorize(lambda v: v + 1)",
            "",
            "x([1, 2]).tolist()",
        ),
    ]


def _frames() -> list[Kind]:
    pd = "import pandas as pd; "
    csv = "(x.to_csv(), x.dtypes.astype(str).tolist())"
    return [
        Kind(
            "DataFrame",
            f"{pd}x = pd.DataFrame({{'a': [1, 2], 'b': ['x', 'y']}})",
            "x.loc[0, 'a'] = 9",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame with a new column",
            f"{pd}x = pd.DataFrame({{'a': [1, 2]}})",
            "x['c'] = x.a * 2",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame dropped from in place",
            f"{pd}x = pd.DataFrame({{'a': [1, 2]}})",
            "x.drop(index=0, inplace=True)",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame of nullable types",
            f"{pd}x = pd.DataFrame({{'a': pd.array([1, None], dtype='Int64')}})",
            "x.loc[0, 'a'] = 5",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame of objects",
            f"{pd}x = pd.DataFrame({{'a': [[1], {{}}]}})",
            "x.a[0].append(2)",
            csv,
            needs="pandas",
        ),
        Kind(
            "DataFrame with attrs",
            f"{pd}x = pd.DataFrame({{'a': [1]}}); x.attrs['k'] = 1",
            "x.attrs['k'] = 2",
            "x.attrs",
            needs="pandas",
        ),
        Kind(
            "Series",
            f"{pd}x = pd.Series([1.0, None], name='n')",
            "x.iloc[0] = 5",
            "x.to_dict()",
            needs="pandas",
        ),
        Kind(
            "categorical Series",
            f"{pd}x = pd.Series(['a', 'b'], dtype='category')",
            "x.iloc[0] = 'b'",
            "x.tolist()",
            needs="pandas",
        ),
        Kind(
            "Series with time zones",
            f"{pd}x = pd.Series(pd.date_range('2026', periods=2, tz='UTC'))",
            "x.iloc[0] = x.iloc[1]",
            "x.tolist()",
            needs="pandas",
        ),
        Kind(
            "sparse Series",
            f"{pd}x = pd.Series(pd.arrays.SparseArray([0, 0, 1]))",
            "",
            "x.tolist()",
            needs="pandas",
        ),
        Kind(
            "Index",
            f"{pd}x = pd.Index(['a', 'b'], name='i')",
            "",
            "(list(x), x.name)",
            needs="pandas",
        ),
        Kind(
            "MultiIndex",
            f"{pd}x = pd.MultiIndex.from_tuples([(1, 'a')])",
            "",
            "list(x)",
            needs="pandas",
        ),
        Kind(
            "DatetimeIndex",
            f"{pd}x = pd.date_range('2026', periods=3, freq='h')",
            "",
            "(list(x), x.freqstr)",
            needs="pandas",
        ),
        Kind("IntervalIndex", f"{pd}x = pd.interval_range(0, 3)", "", "list(x)", needs="pandas"),
        Kind("Timestamp", f"{pd}x = pd.Timestamp('2026-01-02', tz='UTC')", needs="pandas"),
        Kind("Timedelta", f"{pd}x = pd.Timedelta('1h')", needs="pandas"),
        Kind("Period", f"{pd}x = pd.Period('2026-01', 'M')", needs="pandas"),
        Kind("NaT", f"{pd}x = pd.NaT", needs="pandas"),
        Kind("NA", f"{pd}x = pd.NA", needs="pandas"),
        Kind(
            "groupby",
            f"{pd}x = pd.DataFrame({{'a': [1, 1], 'b': [2, 3]}}).groupby('a')",
            "",
            "x.sum().to_csv()",
            needs="pandas",
        ),
        Kind(
            "rolling window",
            f"{pd}x = pd.Series([1.0, 2.0]).rolling(2)",
            "",
            "x.sum().tolist()",
            needs="pandas",
        ),
        Kind(
            "Polars frame",
            "import polars as pl; x = pl.DataFrame({'a': [1, 2]})",
            "x[0, 'a'] = 9",
            "x.to_dicts()",
            needs="polars",
        ),
        Kind(
            "Polars series",
            "import polars as pl; x = pl.Series('s', [1, 2])",
            "x[0] = 9",
            "x.to_list()",
            needs="polars",
        ),
        Kind(
            "Polars lazy frame",
            "import polars as pl; x = pl.DataFrame({'a': [1]}).lazy().select(pl.col('a') + 1)",
            "",
            "x.collect().to_dicts()",
            needs="polars",
        ),
        Kind(
            "Polars expression",
            "import polars as pl; x = pl.col('a') + 1",
            "",
            "str(x)",
            needs="polars",
        ),
        Kind(
            "Arrow table",
            "import pyarrow as pa; x = pa.table({'a': [1, None]})",
            "",
            "x.to_pydict()",
            needs="pyarrow",
        ),
        Kind(
            "Arrow array",
            "import pyarrow as pa; x = pa.array(['a', None])",
            "",
            "x.to_pylist()",
            needs="pyarrow",
        ),
        Kind(
            "Arrow schema",
            "import pyarrow as pa; x = pa.schema([('a', pa.int64())])",
            "",
            "str(x)",
            needs="pyarrow",
        ),
    ]


def _science() -> list[Kind]:
    np = "import numpy as np; "
    return [
        Kind(
            "sparse matrix",
            f"{np}import scipy.sparse as s; x = s.csr_matrix(np.eye(3))",
            "x[0, 0] = 5",
            "x.toarray().tolist()",
            needs="scipy",
        ),
        Kind(
            "sparse array",
            f"{np}import scipy.sparse as s; x = s.coo_array(np.eye(2))",
            "x.data[0] = 5",
            "x.toarray().tolist()",
            needs="scipy",
        ),
        Kind(
            "frozen distribution",
            "import scipy.stats as s; x = s.norm(1, 2)",
            "",
            "x.cdf(1)",
            needs="scipy",
        ),
        Kind(
            "interpolator",
            f"{np}import scipy.interpolate as s; x = s.CubicSpline([0, 1, 2], [0, 1, 4])",
            "",
            "float(x(1.5))",
            needs="scipy",
        ),
        Kind(
            "k-d tree",
            f"{np}import scipy.spatial as s; x = s.KDTree(np.eye(3))",
            "",
            "x.query([1, 0, 0])[1]",
            needs="scipy",
        ),
        Kind(
            "linear model",
            f"{np}from sklearn.linear_model import LinearRegression as L; x = L().fit([[0], [1]], [0, 2])",
            "x.coef_[0] = 7",
            "x.coef_.tolist()",
            needs="sklearn",
        ),
        Kind(
            "random forest",
            "from sklearn.ensemble import RandomForestClassifier as R; x = R(3, random_state=0).fit([[0], [1]], [0, 1])",
            "",
            "x.predict([[0], [1]]).tolist()",
            needs="sklearn",
        ),
        Kind(
            "pipeline",
            "from sklearn.pipeline import make_pipeline as m; from sklearn.preprocessing import StandardScaler as S; x = m(S()).fit([[0.0], [1.0]])",
            "",
            "x.transform([[1.0]]).tolist()",
            needs="sklearn",
        ),
        Kind(
            "vectorizer",
            "from sklearn.feature_extraction.text import TfidfVectorizer as T; x = T().fit(['a word', 'a text'])",
            "",
            "sorted(x.vocabulary_)",
            needs="sklearn",
        ),
        Kind(
            "figure",
            "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt; x, ax = plt.subplots(); _ = ax.plot([1, 2])",
            "_ = ax.set_title('t')",
            "(x.axes[0].get_title(), len(x.axes[0].lines))",
            needs="matplotlib",
        ),
        Kind(
            "colour map",
            "import matplotlib; x = matplotlib.colormaps['viridis']",
            "",
            "x.name",
            needs="matplotlib",
        ),
        Kind(
            "graph",
            "import networkx as nx; x = nx.path_graph(3)",
            "x.add_edge(0, 2)",
            "sorted(x.edges)",
            needs="networkx",
        ),
        Kind(
            "directed graph with data",
            "import networkx as nx; x = nx.DiGraph([(1, 2, {'w': 3})])",
            "x[1][2]['w'] = 4",
            "list(x.edges(data=True))",
            needs="networkx",
        ),
        Kind(
            "image",
            "from PIL import Image; x = Image.new('RGB', (2, 2), 'red')",
            "x.putpixel((0, 0), (1, 2, 3))",
            "x.tobytes()",
            needs="PIL",
        ),
        Kind(
            "lxml element",
            "import lxml.etree as e; x = e.fromstring('<a/>')",
            fate="refused",
            needs="lxml",
        ),
        Kind(
            "sympy expression",
            "import sympy; x = sympy.Symbol('a') ** 2 + 1",
            "",
            "str(x.diff())",
            needs="sympy",
        ),
        Kind(
            "tensor", "import torch; x = torch.arange(3.0)", "x[0] = 9", "x.tolist()", needs="torch"
        ),
        Kind(
            "parameter",
            "import torch; x = torch.nn.Parameter(torch.ones(2))",
            "x.data[0] = 9",
            "(x.tolist(), x.requires_grad)",
            needs="torch",
        ),
        Kind(
            "neural network",
            "import torch; x = torch.nn.Sequential(torch.nn.Linear(2, 1))",
            "x[0].weight.data.fill_(3)",
            "x[0].weight.tolist()",
            needs="torch",
        ),
        Kind(
            "optimizer",
            "import torch; x = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 0.1)",
            "x.param_groups[0]['lr'] = 0.5",
            "x.param_groups[0]['lr']",
            needs="torch",
        ),
    ]


def _tools() -> list[Kind]:
    model = "import pydantic\nclass M(pydantic.BaseModel):\n    a: int\n    b: list[int] = []\n"
    key = "api_key='sk-not-to-be-stored'"
    return [
        Kind("pydantic model", f"{model}x = M(a=1)", "x.b.append(2)", "x.model_dump()"),
        Kind("pydantic class", f"{model}x = M", "", "x(a='3').a"),
        Kind(
            "nested pydantic models",
            f"{model}class O(pydantic.BaseModel):\n    m: M\nx = O(m=M(a=1))",
            "x.m.b.append(2)",
            "x.model_dump()",
        ),
        Kind(
            "msgspec struct",
            "import msgspec\nclass S(msgspec.Struct):\n    a: list\nx = S([1])",
            fate="refused",
        ),
        Kind(
            "OpenAI client",
            f"import openai; x = openai.OpenAI({key}, base_url='http://127.0.0.1:1/v1')",
            "",
            "str(x.base_url)",
            "remade",
        ),
        Kind(
            "async OpenAI client",
            f"import openai; x = openai.AsyncOpenAI({key}, max_retries=7)",
            "",
            "x.max_retries",
            "remade",
        ),
        Kind(
            "OpenAI answer",
            "from openai.types import CompletionUsage as C; x = C(completion_tokens=1, prompt_tokens=2, total_tokens=3)",
            "",
            "x.model_dump()",
        ),
        Kind(
            "Anthropic client",
            f"import anthropic; x = anthropic.Anthropic({key})",
            "",
            "str(x.base_url)",
            "remade",
            "anthropic",
        ),
        Kind(
            "httpx client",
            "import httpx; x = httpx.Client(base_url='http://127.0.0.1:1')",
            "",
            "str(x.base_url)",
            "remade",
            "httpx",
        ),
        Kind(
            "DuckDB connection to a file",
            "import duckdb; x = duckdb.connect('d.duckdb')",
            "",
            "type(x).__name__",
            "remade",
        ),
        Kind("DuckDB connection in memory", "import duckdb; x = duckdb.connect()", fate="refused"),
        Kind("DuckDB relation", "import duckdb; x = duckdb.sql('select 1')", fate="refused"),
        Kind(
            "tenacity policy",
            "import tenacity; x = tenacity.stop_after_attempt(3)",
            "",
            "x.max_attempt_number",
        ),
        Kind(
            "nbformat notebook",
            "import nbformat; x = nbformat.v4.new_notebook()",
            "x.metadata['a'] = 1",
            "x.metadata",
        ),
        Kind(
            "rich text",
            "from rich.text import Text; x = Text('a', style='bold')",
            "_ = x.append('b')",
            "(x.plain, str(x.style))",
        ),
        Kind(
            "widget",
            "import ipywidgets; x = ipywidgets.IntSlider(value=3)",
            "",
            "x.value",
            "refused",
        ),
        Kind(
            "click command",
            "import click\n@click.command()\n@click.option('-a')\ndef x(a):\n    print(a)",
            "",
            "x.name",
        ),
        Kind(
            "bound display object",
            "from IPython.display import HTML; x = HTML('<b>a</b>')",
            "x.data = 'c'",
            "x.data",
        ),
    ]


KINDS = [*_plain(), *_defined(), *_library(), *_arrays(), *_frames(), *_science(), *_tools()]
"""All of them."""
