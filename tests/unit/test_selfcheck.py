"""What was stored is loaded once more, in a process aside, and compared."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from duranb.engine.runtime import Settings
from duranb.engine.selfcheck import SelfCheck
from duranb.session.session import Session
from duranb.state import aside
from duranb.values.description import describe
from duranb.values.differing import differences


def compared(was: Any, now: Any, again: Any = None) -> list[str]:
    """What is told of ``x`` that was one value and is another one."""
    old, _ = describe({"x": was})
    new, objects = describe({"x": now})
    other, _ = describe({"x": now if again is None else again})
    found = differences(old, new, other, lambda i, n: aside.asked(objects[i], n))
    return found.get("x", [])


class Plain:
    def __init__(self, **held: object) -> None:
        self.__dict__.update(held)


class Slotted:
    __slots__ = ("a", "b")


class WithDefault:
    unit = "m"


def test_equal_values_do_not_differ() -> None:
    """Two equal values, built from different objects, are told apart by nothing."""

    def make() -> object:
        shared = [1, 2]
        return {"a": Plain(x=shared, y=shared), "b": {1, "c"}, "c": (1.5, None, b"x" * 100)}

    assert compared(make(), make()) == []


def test_lost_and_changed_attributes_are_named() -> None:
    """An attribute that is gone, or has another value, is named with what it was."""
    assert compared(Plain(unit="m"), Plain()) == ["x.unit is lost (it was 'm')"]
    assert compared(Plain(unit="m"), Plain(unit="s")) == ["x.unit was 'm', and is 's'"]
    assert compared([Plain(a=[1])], [Plain(a=[])]) == ["x[0].a had 1 item, and has 0 items"]


def test_slots_are_attributes() -> None:
    """A slot that is empty now is a lost attribute."""
    was, now = Slotted(), Slotted()
    was.a, was.b, now.a = 1, 2, 1
    assert compared(was, now) == ["x.b is lost (it was 2)"]


def test_an_attribute_that_the_class_answers_is_not_lost() -> None:
    """An instance's attribute that has become its class's is compared with that."""
    was = WithDefault()
    was.unit = "m"
    assert compared(was, WithDefault()) == []
    was.unit = "cm"
    assert compared(was, WithDefault()) == ["x.unit was 'cm', and is 'm'"]


def test_another_type_and_another_length_are_named() -> None:
    """A value of another type, and one of another length, are told as such."""
    assert compared(Plain(), [1]) == [f"x was a {__name__}.Plain, and is a list of 1 item"]
    assert compared([1, 2], [1]) == ["x had 2 items, and has 1 item"]
    assert compared({"a": 1}, {"b": 1}) == ["x['a'] is lost"]


def test_sharing_is_compared() -> None:
    """What was one object and is two is told, and the other way around; equal texts are not."""
    one = [1]
    assert compared([one, one], [[1], [1]]) == ["x[1] and x[0] were one object, and are two"]
    assert compared([[1], [1]], [one, one]) == ["x[1] and x[0] were two objects, and are one"]
    assert compared(["ab", "".join("ab")], ["ab", "ab"]) == []


def test_a_ring_is_walked_once() -> None:
    """Values that hold themselves end, and are equal to others of their shape."""

    def ring() -> list[Any]:
        made: list[Any] = [1]
        made.append(made)
        return made

    assert compared(ring(), ring()) == []


def test_arrays_are_compared_by_their_numbers() -> None:
    """Another type, another shape and other numbers are told."""
    import numpy as np

    assert compared(np.zeros(3), np.zeros(3)) == []
    assert compared(np.zeros(3), np.ones(3)) == ["x holds other values"]
    assert compared(np.zeros(3), np.zeros(2)) == ["x was float64 (3,), and is float64 (2,)"]


def test_what_a_library_keeps_for_itself_is_its_own_business() -> None:
    """Private attributes of a library's instances are not compared; its public ones are, unless
    two copies differ in them as well."""
    from email.message import Message

    was, now = Message(), Message()
    was._cache = 1  # type: ignore[attr-defined]
    assert compared(was, now) == []
    was.seen, now.seen = 1, 2  # type: ignore[attr-defined]
    assert compared(was, now) == ["x.seen was 1, and is 2"]
    other = Message()
    other.seen = 3  # type: ignore[attr-defined]
    assert compared(was, now, other) == []


def test_a_marker_of_a_module_is_that_very_object() -> None:
    """A copy of what a module's code compares by ``is`` is told, a copy of anything else not."""
    import dataclasses
    import email.policy

    told = "x was dataclasses.MISSING itself, and is a copy of it"
    assert compared(dataclasses.MISSING, type(dataclasses.MISSING)()) == [told]
    assert compared(email.policy.default, email.policy.EmailPolicy()) == []


def test_describing_runs_no_code_of_the_values() -> None:
    """A property, a ``__getattribute__`` or a ``__len__`` that fails is never called."""

    class Hostile(dict[str, int]):
        def __getattribute__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __len__(self) -> int:
            raise RuntimeError("len")

        def __iter__(self) -> Any:
            raise RuntimeError("iter")

        def items(self) -> Any:
            raise RuntimeError("items")

    class Pretender:
        __dict__ = property(lambda self: 1 / 0)  # type: ignore[assignment]

    found, _ = describe({"a": Hostile(a=1), "b": Pretender()})
    assert found.nodes[0].parts == {"['a']": "1"}
    assert not found.ordinary


def test_long_containers_are_sampled() -> None:
    """Of a long list some items are looked at, and its length is compared."""
    found, objects = describe({"x": list(range(10**6))})
    assert found.nodes[0].size == 10**6
    assert len(found.nodes[0].parts) < 200
    assert len(objects) == 1
    assert compared([[i] for i in range(10**5)], [[i] for i in range(10**5)]) == []


# -- through the process aside -----------------------------------------------------------------


class Checked:
    """A session whose live namespace is a module of its own."""

    def __init__(self, folder: Path) -> None:
        self.main = types.ModuleType("__main__")
        sys.modules["__main__"] = self.main
        self.live = vars(self.main)
        self.session = Session.open(folder / "a.ipynb", folder / "store", self.live, Settings())
        self.check = SelfCheck(self.session.runtime, self.session.store_path)

    def run(self, code: str) -> dict[str, str]:
        """What is found of the values that some code makes."""
        for name in [n for n in self.live if not n.startswith("__")]:
            del self.live[name]
        exec(code, self.live)
        runtime = self.session.runtime
        runtime.namespace.touched(None)
        runtime.catch_up()
        runtime.flush()
        self.check.finish(30)
        found: dict[str, str] = {}
        for each in self.check.unsaid():
            found |= each.differences
        return found

    def close(self) -> None:
        self.check.close()
        self.session.close()


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    """One session for all cases: the process is started once."""
    before = sys.modules["__main__"]
    made = Checked(tmp_path_factory.mktemp("checked"))
    yield made
    made.close()
    sys.modules["__main__"] = before


REDUCE = """
class W:
    def __init__(self, v, unit="m"):
        self.v, self.unit = v, unit
    def __reduce__(self):
        return W, (self.v,)
w = W(1, "cm")
"""

DROPS = """
class S:
    def __setstate__(self, state):
        self.a = state["a"]
s = S()
s.a, s.b = 1, [2]
"""

NUMBER = """
class Quantity(float):
    def __reduce__(self):
        return Quantity, (float(self),)
q = Quantity(1)
q.unit = "kg"
"""


EQUALITY = """
class F:
    def __init__(self, a):
        self.a = a
    def __reduce__(self):
        return F, (self.a,)
    def __eq__(self, other):
        return self.key == other.key
f = F(1)
f.key = 1
"""

IDENTITY = """
class E:
    def __reduce__(self):
        return E, ()
    def __eq__(self, other):
        return self is other
e = E()
"""

SHARING = """
class G:
    def __init__(self, p, q):
        self.p, self.q = p, q
    def __reduce__(self):
        return G, (list(self.p), list(self.q))
g = G(*[[1]] * 2)
"""

TYPE = """
class M:
    def __reduce__(self):
        return list, ([1],)
m = M()
"""

RAISES = """
class R:
    def __setstate__(self, state):
        raise ValueError("no")
r = R()
r.a = 1
"""

ERROR = """
class Failed(Exception):
    def __init__(self, a, b):
        super().__init__(a)
        self.b = b
    def __reduce__(self):
        return Failed, self.args
x = Failed(1, 2)
"""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (REDUCE, {"w": "w.unit was 'cm', and is 'm'"}),
        (DROPS, {"s": "s.b is lost (it was a list of 1 item)"}),
        (NUMBER, {"q": "q.unit is lost (it was 'kg')"}),
        (EQUALITY, {"f": "f.key is lost (it was 1)"}),
        (IDENTITY, {"e": "it does not equal a copy of itself any more"}),
        (SHARING, {"g": "g.q and g.p were one object, and are two"}),
        (TYPE, {"m": "m was a M, and is a list of 1 item"}),
        (RAISES, {"r": "loading it raises ValueError: no"}),
    ],
    ids=lambda x: x.split(":")[0].split()[1] if isinstance(x, str) else "",
)
def test_what_does_not_come_back_is_named(
    checked: Checked, code: str, told: dict[str, str]
) -> None:
    """A class that forgets something when it is pickled is told of, with what and how."""
    assert checked.run(code) == told


def test_an_exception_that_cannot_be_made_again_is_named(checked: Checked) -> None:
    """An exception's class that says it is made of other arguments than it takes itself."""
    (told,) = checked.run(ERROR).values()
    assert told.startswith("loading it raises TypeError")


FAITHFUL = """
import collections, dataclasses, enum, functools, re, threading, logging
import numpy as np
from pydantic import BaseModel, PrivateAttr

class Model(BaseModel):
    a: int
    _p: int = PrivateAttr(default=3)
class Colour(enum.Enum):
    RED = 1
class Cached:
    def __init__(self):
        self.n = 3
    @functools.cached_property
    def c(self):
        return [self.n]
    def __getstate__(self):
        return {k: v for k, v in self.__dict__.items() if k != "c"}
class Holder:
    def __init__(self):
        self.lock, self.log, self.parts = threading.Lock(), logging.getLogger("a"), [1]
class NeedsGlobals:
    def __setstate__(self, state):
        helper()
        self.__dict__.update(state, array=np.zeros(2))
def helper():
    return np
class Ordered(collections.OrderedDict):
    pass
class Queue(collections.deque):
    pass
class Meta(type):
    pass
class Made(metaclass=Meta):
    pass
model = Model(a=1)
model._p = 7
colours = [Colour.RED, {Colour.RED: 2}]
cached = Cached()
cached.c
holder = Holder()
needs = NeedsGlobals()
needs.array = np.zeros(2)
ordered = Ordered(a=1)
ordered.unit = "m"
queue = Queue([1, 2], maxlen=3)
queue.note = "n"
made = Made()
made.parts = [1]
pattern = re.compile("a+")
gate = threading.Semaphore(2)
error = ValueError("a", 2)
"""


def test_what_comes_back_is_not_complained_of(checked: Checked) -> None:
    """Enumerations, models, cached properties, locks, metaclasses, classes that need globals."""
    assert checked.run(FAITHFUL) == {}


def test_nothing_leaves_the_process_aside(checked: Checked, tmp_path: Path) -> None:
    """A value that writes a file when it is loaded is refused, and no verdict is given."""
    code = f"""
class N:
    def __setstate__(self, state):
        open({str(tmp_path / "written")!r}, "w").close()
n = N()
n.a = 1
"""
    assert checked.run(code) == {}
    assert not (tmp_path / "written").exists()


def test_a_value_that_ends_the_process_costs_nothing_else(checked: Checked) -> None:
    """One that aborts, or wants all memory, is left unchecked; the next one is checked."""
    for does in ("import os; os.abort()", "b'x' * (1 << 60)"):
        code = f"class A:\n    def __setstate__(self, state):\n        {does}\na = A()\na.b = 1\n"
        assert checked.run(code) == {}
    code = DROPS.replace("b = 1, [2]", "b = 1, [2, 3]")
    assert checked.run(code) == {"s": "s.b is lost (it was a list of 2 items)"}


def test_factories_are_not_called(checked: Checked, tmp_path: Path) -> None:
    """A connection that would be opened again is opaque, and what holds it is compared."""
    code = DROPS + f"import sqlite3\ns.a = sqlite3.connect({str(tmp_path / 'a.db')!r})\n"
    assert checked.run(code + "s.c = 1\n") == {
        "s": "s.b is lost (it was a list of 1 item); s.c is lost (it was 1)"
    }
    checked.live["s"].a.close()


def test_ordinary_values_are_not_sent(tmp_path: Path) -> None:
    """Numbers, texts, containers, arrays and plain classes start no process."""
    before = sys.modules["__main__"]
    made = Checked(tmp_path)
    try:
        code = "import numpy as np\nfrom dataclasses import dataclass\n"
        code += "@dataclass\nclass P:\n    a: int\n    b: list\n"
        made.run(code + "p = P(1, [2])\nx = {'a': [1, 'b', np.arange(3)]}\ndef f(): return 1\n")
        assert made.check.processes == 0
        made.run(DROPS)
        assert made.check.processes == 1
    finally:
        made.close()
        sys.modules["__main__"] = before


def test_a_changed_value_is_not_compared(checked: Checked) -> None:
    """What code has changed since it was stored is not what the store holds: it waits."""
    checked.run("x = 1")
    live, runtime = checked.live, checked.session.runtime
    exec(DROPS, live)
    runtime.namespace.touched(None)
    runtime.catch_up()
    runtime.flush()
    live["s"].a = 2
    runtime.namespace.touched({"s"})
    checked.check.look()
    assert checked.check.queued == 0
    runtime.catch_up()
    runtime.flush()
    checked.check.finish(30)
    assert [x.differences for x in checked.check.unsaid()] == []  # told before, of this class
    assert any("s" in x for x in runtime.history.differs.values())
