"""Containers with classes of the user's come back with what was in them, and none of their code
runs for it."""

from __future__ import annotations

import datetime
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import pytest

from duranb.values import contents
from tests.unit.fresh import Case, Said, look

CASES = [
    Case(
        "a dict that notes what is put in, and holds itself",
        "class Log(dict):\n"
        "    def __init__(self, name):\n"
        "        super().__init__(); self.name, self.log = name, []\n"
        "    def __setitem__(self, key, value):\n"
        "        self.log.append(key); super().__setitem__(key, value)\n"
        "d = Log('n'); d['a'] = 1; d['d'] = d",
        "(type(d).__name__, list(d), d.log, d.name, d['d'] is d)",
    ),
    Case(
        "a dict with slots",
        "class Log(dict):\n"
        "    __slots__ = ('log',)\n"
        "    def __init__(self): self.log = []\n"
        "    def __setitem__(self, key, value):\n"
        "        self.log.append(key); dict.__setitem__(self, key, value)\n"
        "d = Log(); d[1] = 2",
        "(d, d.log)",
    ),
    Case(
        "a dict that tells the notebook of each key",
        "seen = []\n"
        "class Told(dict):\n"
        "    def __setitem__(self, key, value):\n"
        "        seen.append(key); super().__setitem__(key, value)\n"
        "d = Told(); d['a'] = 1",
        "(seen, d)",
    ),
    Case(
        "a list that counts",
        "class Counting(list):\n"
        "    def __init__(self, start):\n"
        "        super().__init__(); self.n = start\n"
        "    def append(self, item):\n"
        "        self.n += 1; super().append(item)\n"
        "    def extend(self, items):\n"
        "        for item in items: self.append(item)\n"
        "c = Counting(5); c.append(1); c.extend([2, c])",
        "(c[:2], c.n, c[2] is c)",
    ),
    Case(
        "sets that are made of something else",
        "class Tags(set):\n"
        "    def __init__(self, name):\n"
        "        super().__init__(); self.name = name\n"
        "class Doubled(set):\n"
        "    def __init__(self, items): super().__init__(2 * i for i in items)\n"
        "class Few(frozenset):\n"
        "    def __new__(cls, *items): return super().__new__(cls, items)\n"
        "t, d, f = Tags('x'), Doubled([1, 2]), Few(1, 2); t.add(1)",
        "(sorted(t), t.name, sorted(d), sorted(f))",
    ),
    Case(
        "what collections has",
        "from collections import Counter, OrderedDict, defaultdict, deque\n"
        "class Last(deque):\n"
        "    def __init__(self, name):\n"
        "        super().__init__(maxlen=2); self.name = name\n"
        "class Words(Counter):\n"
        "    def __init__(self, text):\n"
        "        super().__init__(text.split()); self.text = text\n"
        "class Lists(defaultdict):\n"
        "    def __init__(self):\n"
        "        super().__init__(list); self.made = 1\n"
        "class Cache(OrderedDict):\n"
        "    def __init__(self, size):\n"
        "        super().__init__(); self.size = size\n"
        "    def __setitem__(self, key, value):\n"
        "        super().__setitem__(key, value); self.move_to_end(key)\n"
        "        if len(self) > self.size: self.popitem(last=False)\n"
        "last, words, lists, cache = Last('l'), Words('a b a'), Lists(), Cache(2)\n"
        "last.extend([1, 2, 3]); lists['q'].append(1)\n"
        "for n in (1, 2, 3, 2): cache[n] = n",
        "(last, last.name, last.maxlen, dict(words), words.text, dict(lists), lists['z'],"
        " lists.made, list(cache), cache.size)",
    ),
    Case(
        "tuples and dates that are made of something else",
        "import datetime\nfrom typing import NamedTuple\n"
        "class Point(NamedTuple):\n    x: int\n    y: int = 2\n"
        "class Same(Point):\n"
        "    def __new__(cls, n): return super().__new__(cls, n, n)\n"
        "class Day(datetime.date):\n"
        "    def __new__(cls, text): return super().__new__(cls, *map(int, text.split('-')))\n"
        "s, d, p = Same(4), Day('2024-01-02'), Point(1)",
        "(s, type(s).__name__, d.isoformat(), type(d).__name__, p)",
    ),
    Case(
        "one that says itself how it is pickled",
        "class Own(dict):\n"
        "    def __init__(self, made): self.made = made\n"
        "    def __setitem__(self, key, value): super().__setitem__(key, value + 1)\n"
        "    def __reduce__(self): return Own, ('by reduce',), None, None, iter(self.items())\n"
        "o = Own('by hand'); o['a'] = 1",
        "(o['a'] >= 2, type(o.made).__name__)",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What was seen of each case before and after."""
    return look(CASES, tmp_path_factory.mktemp("contents"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_comes_back_as_it_was(case: Case, said: dict[str, Said]) -> None:
    """Content, attributes and version."""
    found = said[case.name]
    assert found.found == found.made
    assert found.missing == []
    if "__reduce__" not in case.make:
        assert found.versions == []


class Watched(OrderedDict[Any, Any]):
    """Fails when somebody puts something in."""

    def __setitem__(self, key: Any, value: Any) -> None:
        raise AssertionError(key)


class Appended(list[Any]):
    """Likewise."""

    def append(self, item: Any) -> None:
        raise AssertionError(item)

    def extend(self, items: Any) -> None:
        raise AssertionError(items)


REFILLED: list[tuple[Any, list[Any]]] = [
    ({1: 1}, [(2, 2), (1, 3)]),
    (OrderedDict({1: 1}), [(2, 2), (1, 3)]),
    (Watched(), [(2, 2), (1, 3)]),
    (Counter("a"), [("b", 2)]),
    (defaultdict(list, {1: []}), [(2, [])]),
    ([1], [2, 3]),
    (Appended(), [2, 3]),
    (deque([1], 2), [2, 3]),
    ({1}, [2]),
    (bytearray(b"a"), [98]),
]


@pytest.mark.parametrize(("container", "content"), REFILLED, ids=lambda v: type(v).__name__)
def test_it_is_given_another_content(container: Any, content: list[Any]) -> None:
    """In order, and without code of its class; an ordered dict knows its order afterwards."""
    contents.refill(container, content)
    assert contents.of(container) == content
    keys = [key for key, _ in content] if isinstance(container, dict) else content
    assert list(container) == keys


def test_the_order_of_an_ordered_dict_is_its_own() -> None:
    """Not that in which its keys came."""
    ordered = OrderedDict({1: 1, 2: 2})
    ordered.move_to_end(1)
    assert contents.of(ordered) == [(2, 2), (1, 1)]


class Plain(NamedTuple):
    """Has no code of the user's."""

    x: int


class Day(datetime.date):
    """Neither."""


@pytest.mark.parametrize("value", [Plain(1), Day(2024, 1, 1), Counter(), deque([1]), {}])
def test_what_has_no_such_code_is_left_as_it_is(value: object) -> None:
    """Pickle knows best, and older stores hold such values."""
    assert contents.reduction(value, None) is None
