"""Instances come back with their state, whatever their class does when it is hashed or changed."""

from __future__ import annotations

import pytest

from duranb.values.canonical import version
from tests.unit.fresh import Case, Said, look

NODE = (
    "class Node:\n"
    "    def __init__(self, name): self.name, self.near = name, {}\n"
    "    def __hash__(self): return hash(self.name)\n"
    "    def __eq__(self, other): return self.name == other.name\n"
)

CASES = [
    Case(
        "nodes that hold each other as keys, and in sets",
        NODE + "a, b = Node('a'), Node('b')\n"
        "for x, y in ((a, b), (b, a)):\n"
        "    x.near[y] = 1; x.all = {x, y}; x.other = 1.5; x.pair = frozenset([y])\n"
        "roads = {a: [b], b: [a]}",
        "(a.near[b], b.near[a], roads[a][0] is b, list(roads)[0] is a, b in a.all, len(b.all),"
        " a in b.pair, list(vars(a)), next(iter(a.near)) is b)",
    ),
    Case(
        "the same in slots",
        "class Slotted:\n"
        "    __slots__ = ('near', 'at')\n"
        "    def __init__(self, x, y): self.at, self.near = (x, y), set()\n"
        "    def __hash__(self): return hash(self.at)\n"
        "    def __eq__(self, other): return self.at == other.at\n"
        "c, d = Slotted(1, 2), Slotted(3, 4); c.near.add(d); d.near.add(c); d.near.add(d)",
        "(d in c.near, c in d.near, len(d.near), c.at)",
    ),
    Case(
        "the same of data classes, counters and ordered dicts",
        "from collections import Counter, OrderedDict, defaultdict\n"
        "from dataclasses import dataclass, field\n"
        "@dataclass(unsafe_hash=True)\n"
        "class Place:\n"
        "    name: str\n"
        "    near: set = field(default_factory=set, hash=False, compare=False)\n"
        "    seen: Counter = field(default_factory=Counter, hash=False, compare=False)\n"
        "    ways: OrderedDict = field(default_factory=OrderedDict, hash=False, compare=False)\n"
        "p, q = Place('p'), Place('q')\n"
        "for x, y in ((p, q), (q, p)):\n"
        "    x.near.add(y); x.seen[y] += 2; x.ways[y] = [x]",
        "(q in p.near, p.seen[q], q.ways[p][0] is q)",
    ),
    Case(
        "what cannot be changed, and has slots",
        "class Point:\n"
        "    __slots__ = ('x', 'y')\n"
        "    def __init__(self, x, y):\n"
        "        object.__setattr__(self, 'x', x); object.__setattr__(self, 'y', y)\n"
        "    def __setattr__(self, name, value): raise AttributeError(name)\n"
        "f = Point(1, [2])",
        "(f.x, f.y)",
    ),
    Case(
        "what tells the notebook of each change",
        "changes = []\n"
        "class Told:\n"
        "    __slots__ = ('x',)\n"
        "    def __setattr__(self, name, value):\n"
        "        changes.append(name); super().__setattr__(name, value)\n"
        "t = Told(); t.x = 1",
        "(changes, t.x)",
    ),
    Case(
        "a method of an object that has something else under its name",
        "class Adding:\n"
        "    def add(self, n): return n + 1\n"
        "o = Adding(); o.add = lambda n: n + 100\n"
        "method = Adding.add.__get__(o)",
        "(o.add(1), method(1), method.__func__ is Adding.add)",
    ),
    Case(
        "streams and tuples that are hashed by their own code, and iterate otherwise",
        "import io\n"
        "class Named(io.BytesIO):\n"
        "    def __init__(self, name, data): super().__init__(data); self.name = name\n"
        "    def __hash__(self): return hash(self.name)\n"
        "class Back(tuple):\n"
        "    def __new__(cls, *items): return super().__new__(cls, items)\n"
        "    def __iter__(self): return reversed(list(tuple.__iter__(self)))\n"
        "stream, back = Named('n', b'bytes'), Back(1, 2); stream.seek(2)",
        "(stream.name, stream.tell(), stream.getvalue(), list(back), back[0])",
    ),
    Case(
        "a path and an amount of one's own",
        "import pathlib\nfrom decimal import Decimal\n"
        "class Folder(type(pathlib.Path())):\n"
        "    def hi(self): return self.name\n"
        "class Money(Decimal):\n"
        "    def __new__(cls, value, unit):\n"
        "        made = super().__new__(cls, value); made.unit = unit; return made\n"
        "path, money = Folder('a/b'), Money('1.5', 'EUR')",
        "(path.hi(), str(path), hash(path) == hash(path), money + 1, money.unit)",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What was seen of each case before and after."""
    return look(CASES, tmp_path_factory.mktemp("given"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_comes_back_as_it_was(case: Case, said: dict[str, Said]) -> None:
    """State and version."""
    found = said[case.name]
    assert found.found == found.made
    assert found.missing == [] and found.versions == []


class Node:
    """Hashed by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.near: set[Node] = set()

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.name == other.name


def ring(*names: str) -> list[Node]:
    """Nodes of which each has the next in a set."""
    nodes = [Node(name) for name in names]
    for node, after in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        node.near.add(after)
    return nodes


def test_the_version_of_sets_in_a_circle_is_that_of_their_content() -> None:
    """Not of the bytes that they happen to be pickled as."""
    found = version(ring("a", "b", "c"), {})
    assert found == version(ring("a", "b", "c"), {})
    assert found != version(ring("a", "c", "b"), {})
    assert not found.startswith("bytes")
