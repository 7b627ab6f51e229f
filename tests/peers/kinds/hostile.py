# ruff: noqa: E501
"""Objects that answer for themselves when they are looked at: they raise, lie, count or never end.

None of them may fail a cell. Where looking goes through their own code, they are refused by name.
"""

from __future__ import annotations

from tests.peers.kinds.kind import Kind


def _method(name: str, body: str, more: str = "") -> str:
    return (
        f"class C:\n    def {name}(self, *a, **k):\n        {body}\n{more}x = C()\nvars(x)['n'] = 1"
    )


# fmt: off
def raising() -> list[Kind]:
    """Own methods that raise. Pickling does not call most of them."""
    n = "vars(x)['n']"
    return [
        *(
            Kind(f"{name} that raises", _method(name, "raise RuntimeError('no')"), f"{n} = 2", n)
            for name in ("__repr__", "__str__", "__eq__", "__ne__", "__bool__", "__len__", "__iter__", "__getitem__",
                         "__contains__", "__call__", "__int__", "__index__", "__format__", "__lt__", "__enter__", "__await__",
                         "__instancecheck__", "__copy__", "__deepcopy__", "__array__", "__sizeof__")
        ),
        Kind("__hash__ that raises", _method("__hash__", "raise RuntimeError('no')"), f"{n} = 2", n),
        Kind("__hash__ that raises, in a list", _method("__hash__", "raise RuntimeError('no')") + "\nx = [x]", "vars(x[0])['n'] = 2", "vars(x[0])['n']"),
        Kind("__dir__ that raises", _method("__dir__", "raise RuntimeError('no')"), f"{n} = 2", n),
        Kind("__getattr__ that raises RuntimeError", _method("__getattr__", "raise RuntimeError('no')"), f"{n} = 2", n),
        Kind("__getattr__ that answers everything", _method("__getattr__", "return 5"), f"{n} = 2", n),
        Kind("__getattr__ that never ends", _method("__getattr__", "return self.more"), f"{n} = 2", n),
        Kind("__getattribute__ that raises", "class C:\n    def __getattribute__(self, n):\n        raise RuntimeError('no')\nx = C()", fate="refused"),
        Kind("__class__ that raises", "class C:\n    @property\n    def __class__(self):\n        raise RuntimeError('no')\nx = C()\nx.n = 1", fate="refused"),
        Kind("__class__ that lies", "class C:\n    __class__ = property(lambda self: int)\nx = C()\nx.n = 1", fate="refused"),
        Kind("__dict__ that raises", "class C:\n    @property\n    def __dict__(self):\n        raise RuntimeError('no')\nx = C(); x.n = 1", fate="refused"),
        Kind("__dict__ that lies", "class C:\n    __dict__ = property(lambda self: 5)\nx = C(); x.n = 1", fate="refused"),
        Kind("__getstate__ that raises", _method("__getstate__", "raise RuntimeError('no')"), fate="refused"),
        Kind("__reduce__ that raises", _method("__reduce__", "raise RuntimeError('no')"), fate="refused"),
        Kind("__reduce__ that gives nonsense", _method("__reduce__", "return 5"), fate="refused"),
        Kind("__setstate__ that raises", _method("__setstate__", "raise RuntimeError('no')"), show=n, fate="refused"),
        Kind("error whose __init__ takes more than its args", "class E(Exception):\n    def __init__(self, a, b):\n        super().__init__(a)\nx = E(1, 2)"),
        Kind("__reduce__ that exits", _method("__reduce__", "raise SystemExit(3)"), fate="refused"),
        Kind("__getstate__ that exits", _method("__getstate__", "raise SystemExit(3)"), fate="refused"),
        Kind("__getattr__ that raises GeneratorExit", _method("__getattr__", "raise GeneratorExit"), f"{n} = 2", n),
        Kind("__reduce__ that raises KeyboardInterrupt", _method("__reduce__", "raise KeyboardInterrupt"), fate="refused"),
        Kind("__reduce__ that raises CancelledError", _method("__reduce__", "import asyncio; raise asyncio.CancelledError"), fate="refused"),
        Kind("__repr__ that exits", _method("__repr__", "raise SystemExit(3)"), f"{n} = 2", n),
        Kind("__repr__ that gives a number", _method("__repr__", "return 5"), f"{n} = 2", n),
        Kind("__repr__ with a lone surrogate", _method("__repr__", "return '\\ud800'"), f"{n} = 2", n),
        Kind("__repr__ of a million letters", _method("__repr__", "return 'a' * 10**6"), f"{n} = 2", n),
        Kind("error whose text raises", "class E(Exception):\n    def __str__(self):\n        raise RuntimeError('no')\nx = E(1)", "x.n = 2", "x.args"),
        Kind("refusal whose text raises", "class E(Exception):\n    def __str__(self):\n        raise RuntimeError('no')\n" + _method("__reduce__", "raise E(1)"), fate="refused"),
        Kind("refusal without a text", _method("__reduce__", "raise ValueError"), fate="refused"),
        Kind("shape that raises", "class C:\n    @property\n    def shape(self):\n        raise RuntimeError('no')\nx = C(); x.n = 1", "x.n = 2", "x.n"),
        Kind("shape that lies", "class C:\n    shape = ('a', object())\n    columns = 5\nx = C(); x.n = 1", "x.n = 2", "x.n"),
        Kind("slots that raise", "class C:\n    __slots__ = ('a',)\n    def __getattr__(self, n):\n        raise RuntimeError('no')\nx = C()", fate="refused"),
        Kind("property that raises", "class C:\n    @property\n    def a(self):\n        raise RuntimeError('no')\nx = C(); x.n = 1", "x.n = 2", "x.n"),
        Kind("__wrapped__ that raises", "class C:\n    @property\n    def __wrapped__(self):\n        raise RuntimeError('no')\nx = C(); x.n = 1", "x.n = 2", "x.n"),
        Kind("hostile in a dict", _method("__reduce__", "raise SystemExit(3)") + "\nx = {'a': x, 'b': 2}", show="x['b']"),
        Kind("hostile in a list in an instance", _method("__getattribute__", "raise RuntimeError('no')").rpartition("\n")[0] + "\nclass D:\n    pass\nh = x; x = D(); x.of = [h]; x.b = 3; h = None", show="x.b"),
        Kind("__len__ that is negative", "class C(list):\n    def __len__(self):\n        return -1\nx = C([1])", "x.append(2)", "[i for i in x]"),
        Kind("__iter__ that never ends", "class C(list):\n    def __iter__(self):\n        while True:\n            yield 1\nx = {'a': 1}", "x['b'] = 2"),
        Kind("dict whose keys raise", "class K(str):\n    __hash__ = str.__hash__\n    def __eq__(self, o):\n        if type(o) is str and o != 'a':\n            raise RuntimeError('no')\n        return True\nx = {K('a'): 1}", "x['a'] = 2", "list(x.values())"),
        Kind("equal to everything", _method("__eq__", "return True"), f"{n} = 2", n),
        Kind("equal to nothing", "x = [float('nan')]", "x.append(1)"),
        Kind("__eq__ that gives an array", "import numpy as np\n" + _method("__eq__", "return np.zeros(2)"), f"{n} = 2", n),
    ]


def counting() -> list[Kind]:
    """Own methods with effects, or with another answer each time."""
    return [
        Kind("__getstate__ that counts", "class C:\n    def __getstate__(self):\n        self.n += 1\n        return {'n': self.n, 'v': self.v}\nx = C(); vars(x).update(n=0, v=[1])", "x.v.append(2)", "(x.v, type(x).__name__)"),
        Kind("__getstate__ that counts elsewhere", "looks = [0]\nclass C:\n    def __getstate__(self):\n        looks[0] += 1\n        return vars(self)\nx = C(); x.v = [1]", "x.v.append(2)", "x.v"),
        Kind("__reduce__ that never gives the same", "import uuid\nclass C:\n    def __init__(self, u=None):\n        self.v = [1]\n    def __reduce__(self):\n        return C, (uuid.uuid4(),), {'v': self.v}\nx = C()", "x.v.append(2)", "x.v"),
        Kind("__getattribute__ that counts", "class C:\n    n = 0\n    def __getattribute__(self, a):\n        C.n += 1\n        return object.__getattribute__(self, a)\nx = C(); x.v = [1]", show="x.v"),
        Kind("__getstate__ that empties itself", "class C:\n    def __getstate__(self):\n        self.__dict__.pop('cache', None)\n        return vars(self)\nx = C(); x.v = [1]; x.cache = 3", "x.v.append(2)", "x.v"),
        Kind("__getstate__ that prints", "class C:\n    def __getstate__(self):\n        print('looked')\n        return vars(self)\nx = C(); x.v = [1]", "x.v.append(2)", "x.v"),
        Kind("__getstate__ that warns", "import warnings\nclass C:\n    def __getstate__(self):\n        warnings.warn('looked')\n        return vars(self)\nx = C(); x.v = [1]", "x.v.append(2)", "x.v"),
        Kind("__getstate__ that binds a global", "class C:\n    def __getstate__(self):\n        globals()['seen'] = object()\n        return vars(self)\nx = C(); x.v = [1]", "x.v.append(2)", "x.v"),
        Kind("__getstate__ that deletes a global", "y = 1\nclass C:\n    def __getstate__(self):\n        globals().pop('y', None)\n        return vars(self)\nx = C(); x.v = [1]", "x.v.append(2)", "x.v"),
        Kind("time in __reduce__", "import time\nclass C:\n    def __reduce__(self):\n        return C, (), {'at': time.perf_counter_ns(), 'v': self.v}\nx = C(); x.v = [1]", "x.v.append(2)", "x.v"),
    ]


def lying() -> list[Kind]:
    """Classes and metaclasses that raise or lie, proxies, and things that are dead."""
    meta = "class M(type):\n    def {0}(cls, *a):\n        raise RuntimeError('no')\n"
    use = "class C(metaclass=M):\n    pass\nx = C(); x.n = 1"
    return [
        *(
            Kind(f"metaclass whose {name} raises", meta.format(name) + use, "x.n = 2", "x.n")
            for name in ("__eq__", "__hash__", "__repr__", "__call__", "__instancecheck__", "__subclasscheck__", "__iter__", "__len__", "__bool__", "__dir__")
            if name not in ("__eq__", "__hash__", "__call__")
        ),
        Kind("metaclass whose __hash__ raises", meta.format("__hash__") + use, fate="refused"),
        Kind("metaclass whose __eq__ raises", meta.format("__eq__") + use, fate="refused"),
        Kind("metaclass whose __call__ raises", meta.format("__call__") + "class C(metaclass=M):\n    pass\nx = object.__new__(C); x.n = 1", "x.n = 2", "x.n"),
        Kind("metaclass whose __getattribute__ raises", meta.format("__getattribute__") + "class C(metaclass=M):\n    pass\nx = C()", fate="refused"),
        Kind("metaclass whose __getattr__ raises", meta.format("__getattr__") + use, show="x.n"),
        Kind("metaclass that hides the module", "class M(type):\n    @property\n    def __module__(cls):\n        raise RuntimeError('no')\nclass C(metaclass=M):\n    pass\nx = C()", fate="refused"),
        Kind("metaclass that lies about its name", "class M(type):\n    @property\n    def __name__(cls):\n        raise RuntimeError('no')\nclass C(metaclass=M):\n    pass\nx = C()", fate="refused"),
        Kind("class with a hostile metaclass", meta.format("__hash__") + "class x(metaclass=M):\n    pass", fate="refused"),
        Kind("class whose module is gone", "class C:\n    pass\nC.__module__ = 'nowhere.at.all'\nx = C()", show="type(x).__name__"),
        Kind("class whose module is empty", "class C:\n    pass\nC.__module__ = ''\nx = C()", show="type(x).__name__"),
        Kind("class whose module is of dots", "class C:\n    pass\nC.__module__ = '..'\nx = C()", show="type(x).__name__"),
        Kind("function whose module is a number", "def x():\n    return 4\nx.__module__ = 5", show="x()"),
        Kind("function without a module", "def x():\n    return 4\nx.__module__ = None", show="x()"),
        Kind("class that another class changes", "class A:\n    kids = []\n    def __init_subclass__(cls):\n        A.kids.append(cls.__name__)\nclass B(A):\n    pass\nx = A", show="x.kids"),
        Kind("subclass that changes its base", "class A:\n    kids = []\n    def __init_subclass__(cls):\n        A.kids.append(cls.__name__)\nclass B(A):\n    pass\nx = B", show="x.kids"),
        Kind("class that cannot be subclassed", "class A:\n    def __init_subclass__(cls):\n        raise RuntimeError('no')\nx = A()\nx.n = 1", "x.n = 2", "x.n"),
        Kind("class with __class_getitem__ that raises", "class C:\n    def __class_getitem__(cls, k):\n        raise RuntimeError('no')\nx = C()\nx.n = 1", "x.n = 2", "x.n"),
        Kind("descriptor that raises", "class D:\n    def __get__(self, o, t=None):\n        raise RuntimeError('no')\nclass C:\n    d = D()\nx = C(); x.n = 1", "x.n = 2", "x.n"),
        Kind("descriptor in the class that raises", "class D:\n    def __get__(self, o, t=None):\n        raise RuntimeError('no')\nclass x:\n    d = D()", show="x.__name__"),
        Kind("dead weak proxy", "import weakref\nclass C:\n    pass\nc = C(); x = weakref.proxy(c); del c", show="type(x).__name__"),
        Kind("live weak proxy", "import weakref\nclass C:\n    pass\nc = C(); x = weakref.proxy(c)", show="(type(x).__name__, x == c)"),
        Kind("dead weak reference", "import weakref\nclass C:\n    pass\nx = weakref.ref(C())", show="x()"),
        Kind("list with a dead weak proxy", "import weakref\nclass C:\n    pass\nc = C(); x = [weakref.proxy(c), 2]; del c", show="x[1]"),
        Kind("wrapt proxy", "import wrapt; x = wrapt.ObjectProxy([1])", fate="refused", needs="wrapt"),
        Kind("lazy proxy whose value raises", "import wrapt\ndef f():\n    raise RuntimeError('no')\nx = wrapt.LazyObjectProxy(f)", fate="refused", needs="wrapt"),
        Kind("mock", "from unittest.mock import Mock; x = Mock(); x.f.return_value = 3", "x.g.return_value = 4", "x.f()"),
        Kind("magic mock", "from unittest.mock import MagicMock; x = MagicMock(); x.__len__.return_value = 3", show="len(x)"),
        Kind("mock with a spec", "from unittest.mock import Mock; x = Mock(spec=dict)", fate="refused"),
        Kind("sentinel of unittest", "from unittest.mock import sentinel; x = sentinel.a", show="x.name"),
        Kind("Django's settings, not configured", "from django.conf import settings as x", show="type(x).__name__", needs="django"),
        Kind("Django's lazy text", "from django.utils.functional import lazystr; x = lazystr('a')", show="str(x)", needs="django"),
        Kind("Django's lazy object that raises", "from django.utils.functional import SimpleLazyObject\ndef f():\n    raise RuntimeError('no')\nx = SimpleLazyObject(f)", fate="refused", needs="django"),
        Kind("LocalProxy without a context", "from werkzeug.local import LocalProxy\nimport contextvars\nx = LocalProxy(contextvars.ContextVar('v'))", needs="werkzeug"),
        Kind("half-built instance", "class C:\n    __slots__ = ('a', 'b')\nx = C(); x.a = [1]", "x.a.append(2)", "x.a"),
        Kind("instance of a class that is gone", "class C:\n    pass\nx = C(); x.n = [1]\ndel C", "x.n.append(2)", "x.n"),
        Kind("instance whose class was swapped", "class A:\n    pass\nclass B:\n    v = 2\nx = A(); x.__class__ = B; x.n = 1", "x.n = 2", "(x.v, x.n)"),
        Kind("instance with a name that is none", "class C:\n    pass\nx = C(); vars(x)[5] = 6", show="vars(x)"),
        Kind("instance with a lone surrogate as a name", "class C:\n    pass\nx = C(); vars(x)['\\ud800'] = 6", show="ascii(vars(x))"),
        Kind("abstract instance", "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass C(A):\n    def f(self): return self.n\nx = C(); x.n = 1", "x.n = 2", "x.f()"),
        Kind("ABC whose hook raises", "import abc\nclass A(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, c):\n        raise RuntimeError('no')\nclass C(A):\n    pass\nx = C(); x.n = 1", "x.n = 2", "x.n"),
        Kind("registered subclass", "import abc\nclass A(abc.ABC): ...\nclass C:\n    pass\nA.register(C)\nx = C(); x.n = 1", "x.n = 2", "x.n"),
    ]


def extreme() -> list[Kind]:
    """What is large, deep, or at the end of a range."""
    return [
        Kind("int of 5,000 digits", "x = 10**5000", show="hex(x)[:9], x.bit_length()"),
        Kind("negative int of 5,000 digits", "x = -10**5000", show="x.bit_length()"),
        Kind("list with an int of 5,000 digits", "x = [10**5000]", "x.append(1)", "[hex(i)[:9] for i in x]"),
        Kind("set with an int of 5,000 digits", "x = {10**5000}", "x.add(1)", "sorted(map(hex, x))[0][:9]"),
        Kind("dict by an int of 5,000 digits", "x = {10**5000: 1}", "x[2] = 3", "list(x.values())"),
        Kind("function of an int of 5,000 digits", "n = 10**5000\ndef x():\n    return n", show="hex(x())[:9]"),
        Kind("function with a default of 5,000 digits", "def x(a=10**5000):\n    return a", show="hex(x())[:9]"),
        Kind("class with an int of 5,000 digits", "class x:\n    a = 10**5000", show="hex(x.a)[:9]"),
        Kind("closure over an int of 5,000 digits", "def make(n):\n    return lambda: n\nx = make(10**5000)", show="hex(x())[:9]"),
        Kind("int beyond 64 bits", "x = 2**64"),
        Kind("int below 64 bits", "x = -2**63 - 1"),
        Kind("instance with an int of 5,000 digits", "class C:\n    pass\nx = C(); x.n = 10**5000", "x.n += 1", "hex(x.n)[-3:]"),
        Kind("Decimal of 5,000 digits", "import decimal; x = decimal.Decimal('9' * 5000)", show="str(x)[:5]"),
        Kind("Fraction of 5,000 digits", "import fractions; x = fractions.Fraction(10**5000, 3)", show="hex(x.numerator)[:9]"),
        Kind("range of large ints", "x = range(10**5000, 10**5000 + 3)", show="x.stop - x.start"),
        Kind("slice of large ints", "x = slice(10**5000)", show="hex(x.stop)[:9]"),
        Kind("complex infinity", "x = complex('inf')"),
        Kind("smallest float", "x = 5e-324"),
        Kind("list nested 200 deep", "x = []\nfor _ in range(200):\n    x = [x]", "x.append(1)", "len(x)"),
        Kind("list nested 100,000 deep", "x = []\nfor _ in range(100_000):\n    x = [x]", fate="refused"),
        Kind("dict nested 100,000 deep", "x = {}\nfor _ in range(100_000):\n    x = {'a': x}", fate="refused"),
        Kind("tuple nested 100,000 deep", "x = ()\nfor _ in range(100_000):\n    x = (x,)", fate="refused"),
        Kind("linked list of 5,000", "class N:\n    def __init__(self, n):\n        self.next = n\nx = None\nfor _ in range(5_000):\n    x = N(x)", fate="refused"),
        Kind("exception with a long chain", "x = None\nfor i in range(2_000):\n    e = ValueError(i)\n    e.__cause__ = x\n    x = e", fate="refused"),
        Kind("exception group nested 1,000 deep", "x = ValueError(1)\nfor _ in range(1_000):\n    x = ExceptionGroup('g', [x])", fate="refused"),
        Kind("long text", "x = 'a\\x00b' * 300_000", show="(len(x), hash(x) == hash('a\\x00b' * 300_000))"),
        Kind("text of every plane", "x = ''.join(map(chr, range(0, 0x110000, 7777)))", show="ascii(x)"),
        Kind("empty of each", "x = ['', b'', (), [], {}, set(), frozenset(), range(0), None]", "x[3].append(1)"),
        Kind("many small dicts", "x = [{'i': i} for i in range(3_000)]", "x[7]['i'] = 0", "x[7]"),
        Kind("one dict many times", "d = {}\nx = [d] * 1_000", "x[0]['a'] = 1", "(len(x), x[-1], x[0] is x[-1])"),
        Kind("ring of three", "a, b, c = [], [], []\na.append(b); b.append(c); c.append(a)\nx = a", "x.append(1)", "(x[0][0][0] is x, len(x))"),
        Kind("set holding its holder", "class C:\n    pass\nx = C(); x.all = {x}", "x.n = 1", "(x in x.all, vars(x).get('n'))"),
        Kind("tuple holding its holder", "x = [1]; x.append((x,))", "x.append(2)", "(x[1][0] is x, len(x))"),
        Kind("dict whose key holds it", "class K:\n    pass\nk = K(); x = {k: 1}; k.of = x", "x['n'] = 1", "(next(iter(x)).of is x, len(x))"),
    ]
# fmt: on


def hostile() -> list[Kind]:
    """All of these."""
    return [*raising(), *counting(), *lying(), *extreme()]
