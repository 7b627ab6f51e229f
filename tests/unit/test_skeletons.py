"""Classes come back as they were defined, whatever their metaclass does, and without its code."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, Said, look

CASES = [
    Case(
        "subclasses that a base was told of, each once",
        "class B:\n    all = []\n    def __init_subclass__(cls): B.all.append(cls)\n"
        "class C(B): pass\nclass D(C): pass\nimport enum\nclass E(enum.Enum): pass\n"
        "class F(E): A = 1\ne = F.A",
        "(B.__subclasses__() == [C], C.__subclasses__() == [D], B.all == [C, D],"
        " E.__subclasses__() == [F])",
    ),
    Case(
        "a named tuple and a tuple that hold one of themselves",
        "import typing, collections\nM = collections.namedtuple('M', 'a b', defaults=[2])\n"
        "M.zero = M(0); m = M(3)\nclass N(typing.NamedTuple):\n    a: int\n    b: int = 2\n"
        "N.zero = N(0)\nclass T(tuple):\n    def __new__(cls, *a): return super().__new__(cls, a)\n"
        "    def __getnewargs__(self): return tuple(self)\nT.zero = T(0, 1)",
        "(m, M.zero, type(M.zero) is M, N.zero, type(N.zero) is N, T.zero, type(T.zero) is T)",
    ),
    Case(
        "a metaclass that notes what its classes are given, and looks for a name",
        "log = []\nclass Meta(type):\n    def __setattr__(cls, name, value):\n"
        "        log.append(name); super().__setattr__(name, value)\n"
        "class A(metaclass=Meta):\n    __slots__ = ('y', '__z')\nA.x = 1; a = A(); a.y = 2",
        "(log, A.x, a.y, type(A) is Meta)",
    ),
    Case(
        "a metaclass upon that of abstract classes",
        "import abc, inspect\nclass Meta(abc.ABCMeta):\n    plugins = {}\n"
        "    def __new__(meta, name, bases, names, **options):\n"
        "        cls = super().__new__(meta, name, bases, names)\n"
        "        if not inspect.isabstract(cls): meta.plugins[name] = cls\n        return cls\n"
        "class P(metaclass=Meta):\n    @abc.abstractmethod\n    def f(self): ...\n"
        "class Q(P, order=1):\n    def f(self): return 1\nclass Other: pass\nP.register(Other)\n"
        "q = Q()",
        "(isinstance(q, P), isinstance(Other(), P), [*Meta.plugins], Meta.plugins['Q'] is Q, q.f(),"
        " P.__abstractmethods__)",
    ),
    Case(
        "typed dicts upon others, and made by a call",
        "from typing import Generic, Required, TypedDict, TypeVar, is_typeddict\n"
        "import typing_extensions\nT = TypeVar('T')\n"
        "class A(TypedDict, total=False):\n    a: Required[int]\n    b: str\n"
        "class B(A):\n    c: int\nclass G(TypedDict, Generic[T]):\n    x: T\n"
        "class H(G[int]):\n    y: int\nF = TypedDict('F', {'a b': int}, total=False)\n"
        "class E(typing_extensions.TypedDict):\n    e: int\nclass E2(E):\n    f: int",
        "[(c.__name__, c.__total__, sorted(c.__required_keys__), sorted(c.__annotations__),"
        " c.__bases__, is_typeddict(c)) for c in (A, B, G, H, F)]"
        " + [G.__parameters__ == (T,), G[int].__args__, sorted(E2.__required_keys__)]",
    ),
    Case(
        "what auto() gives, in classes that are defined later",
        "import enum\nclass Named(enum.Enum):\n"
        "    def _generate_next_value_(name, start, count, last): return name.lower()\n"
        "class A(Named):\n    X = enum.auto(); Y = enum.auto()\na = A.Y\n"
        "def later():\n    class B(Named):\n        Z = enum.auto()\n    return list(B)",
        "(a, list(A), repr(later()))",
    ),
    Case(
        "enums with a metaclass",
        "import abc, enum\nclass Meta(enum.EnumMeta):\n"
        "    def __contains__(cls, value): return value == 99 or super().__contains__(value)\n"
        "    def __call__(cls, value, *more): return super().__call__(abs(value), *more)\n"
        "class E(enum.Enum, metaclass=Meta):\n    A = 1\n    B = 1\n    C = 3\n"
        "class Both(abc.ABCMeta, enum.EnumMeta): pass\nclass F(enum.Enum, metaclass=Both):\n"
        "    @abc.abstractmethod\n    def f(self): ...\nclass G(F):\n    X = 1\n"
        "    def f(self): return 2\ne, g = E.A, G.X",
        "(99 in E, type(E) is Meta, E(-3), e is E.B, e is E.A, type(G) is Both, isinstance(g, F),"
        " g.f(), g is G.X)",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What was seen of all cases."""
    return look(CASES, tmp_path_factory.mktemp("looked"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name.replace(" ", "-"))
def test_it_is_as_it_was_defined(case: Case, said: dict[str, Said]) -> None:
    """The same is seen in a new process, nothing is missing, and versions are the same."""
    told = said[case.name]
    assert (told.found, told.missing, told.versions) == (told.made, [], [])


def test_looking_runs_no_code_of_a_metaclass(said: dict[str, Said]) -> None:
    """Pickle notes slots in a class; a metaclass that is told of each attribute is not told."""
    noting = next(told for name, told in said.items() if "notes" in name)
    assert noting.made.startswith("(['x'], 1, 2")
