"""What a restored step made of a view or of an instance, when what these belong to is another by
now: the array they look into has another size, the class was defined again."""

from __future__ import annotations

import io
import types

import pytest

from duranb.values import attributes, codec
from tests.unit.test_restoring import given
from tests.unit.test_state import Kernel

NUMPY = "import numpy as np\n"


@pytest.mark.parametrize(
    ("before", "now", "views", "step"),
    [
        ("np.arange(9)", "np.arange(12)", "v = a[2:7]; w = v[1:4]", "u = w[::-1]"),
        ("np.arange(9)", "np.arange(8)", "v = a[2:7]; w = v[1:4]", "u = w[:2]; k = [u]"),
        ("bytearray(9)", "bytearray(5)", "w = np.frombuffer(a, 'u1')[3:5]", "u = w[:1]"),
        ("np.arange(20)", "np.arange(30)", "w = a[:20].reshape(4, 5)[::2, 3:]", "u = w.T"),
        ("np.array([1, 2], object)", "np.array([1, 2, 3], object)", "w = a[1:2]", "u = w[:]"),
        ("np.arange(9)", "np.arange(12)", "w = a[3:6]", "u = np.ma.array(w, copy=False)"),
    ],
)
def test_a_view_of_a_view_is_linked_to_an_array_of_another_size(
    before: str, now: str, views: str, step: str
) -> None:
    """The step read the inner view, which shows what it showed; a change by what it made is seen in
    the array that lies around both."""
    first = Kernel()
    first.run(f"{NUMPY}a = {before}\n{views}")
    delta = first.run(step)
    second = Kernel(first.artifacts)
    second.run(f"{NUMPY}a = {now}\n{views}")
    assert given(second, delta, "u", reads={"w"}) == []
    second.run("u[0] = 50")
    assert 50 in list(second["a"]) and 50 in second["w"]


def test_a_view_is_linked_to_the_one_that_was_read_wherever_that_lies_by_now() -> None:
    """Other elements, of equal content: what is made of ``v`` lies where ``v`` does."""
    first = Kernel()
    first.run(f"{NUMPY}a = np.ones(9)\nv = a[1:4]")
    delta = first.run("u = v[:2]")
    second = Kernel(first.artifacts)
    second.run(f"{NUMPY}a = np.ones(9)\nv = a[5:8]")
    assert given(second, delta, "u", reads={"v"}) == []
    second.run("u[0] = 50")
    assert list(second["a"]).index(50) == 5 and second["v"][0] == 50


def test_views_that_lie_otherwise_by_now_are_not_put_back() -> None:
    """The step read both: they do not share what they shared, so neither is replaced, and the name
    that cannot be linked is told."""
    first = Kernel()
    first.run(f"{NUMPY}a = np.ones(9)\nv = a[1:4]")
    delta = first.run("u = [a[:2], v[:2]]")
    second = Kernel(first.artifacts)
    second.run(f"{NUMPY}a = np.ones(9)\nv = a[5:8]")
    a, v = second["a"], second["v"]
    assert given(second, delta, "u", reads={"a", "v"}) == ["u"]
    assert second["a"] is a and second["v"] is v


def test_the_fields_of_records_are_no_state_of_theirs() -> None:
    """Arrays of one type of records have the version, taken together, that they have when each was
    loaded with a type of its own."""
    first = Kernel()
    made = first.run(f"{NUMPY}a = np.zeros(3, [('x', 'i4'), ('y', 'f8')])\nv = a[:2]")
    second = Kernel(first.artifacts)
    given(second, made, *made.changed)
    versions = {k.namespace.version_of([k["a"], k["v"]]) for k in (first, second)}
    assert len(versions) == 1


@pytest.mark.parametrize(
    "code",
    [
        "class x:\n    n = 1\nx = x()",
        "class Outer:\n    class Inner: n = 1\nx = Outer.Inner()",
        "def make():\n    class Local: seen = []\n    return Local()\nx = make()",
        "class A: pass\nclass B(A): pass\nx = B()\ndel A, B",
    ],
    ids=["its own name", "inner", "local", "deleted"],
)
def test_an_instance_is_of_the_class_of_what_it_was_made_of(code: str) -> None:
    """Run All in the same kernel: the class was defined again, by the same code, and no name says
    so; what is restored is of the class of the instance that the step reads."""
    kernel = Kernel()
    kernel.run(code)
    made = kernel.run("import copy\ny = copy.deepcopy(x)")
    kernel.run(code)
    given(kernel, made, "y", reads={"x"})
    assert type(kernel["y"]) is type(kernel["x"])


GENERIC = """
from typing import Generic, TypeVar
T = TypeVar("T")
class History(Generic[T]):
    def add(self, value: T) -> T: return value
"""


def test_an_instance_is_of_the_live_class_though_its_type_variable_was_bound_anew() -> None:
    """The cell that ran binds the variable once more below the class: that class is alive, and
    what is restored is of it."""
    first = Kernel()
    first.run(GENERIC)
    made = first.run("history = History()")
    second = Kernel(first.artifacts)
    second.run(GENERIC + "T = TypeVar('T')")
    given(second, made, "history", reads={"History"})
    assert type(second["history"]) is second["History"]


@pytest.mark.parametrize("here", [True, False], ids=["the same kernel", "another one"])
def test_a_subclass_is_built_on_the_base_that_takes_in_what_it_registered(here: bool) -> None:
    """A class in whose metaclass its subclasses are noted was defined again: the restored subclass
    is built on that one, which is noted to have it."""
    code = """
class Meta(type):
    known = []
    def __init__(cls, *args): cls.known.append(cls.__name__)
class Base(metaclass=Meta): pass
"""
    first = Kernel()
    first.run(code)
    made = first.run("class Sub(Base): pass")
    second = first if here else Kernel(first.artifacts)
    second.run(code)
    given(second, made, "Sub", "Base", "Meta", reads={"Base"}, in_place={"Base", "Meta"})
    assert second["Sub"].__bases__ == (second["Base"],)
    assert type(second["Sub"]) is second["Meta"]
    assert second["Meta"].known == ["Base", "Sub"]


def test_instances_of_one_class_are_so_again_though_it_has_no_name() -> None:
    """Each was stored by another kernel, with a definition of its own."""
    code = "class A: n = 1\nx = A()\ndel A"
    first = Kernel()
    first.run(code)
    made = first.run("import copy\ny = copy.deepcopy(x)")
    second = Kernel(first.artifacts)
    again = second.run(code)
    third = Kernel(first.artifacts)
    third.namespace.restore({"x": again.changed["x"], "y": made.changed["y"]})
    assert type(third["x"]) is type(third["y"])


@pytest.mark.parametrize(
    ("setup", "step", "change", "look"),
    [
        ("class C: pass\no = C()\no.n = 1", "d = vars(o)", "d['n'] = 2", "o.n"),
        ("class C: pass\no = C()\no.n = 1", "d = [o.__dict__]", "o.n = 2", "d[0]['n']"),
        (
            "class C:\n    all = {}\n    def __init__(self): self.__dict__ = self.all\no = C()",
            "p = C()",
            "p.n = 2",
            "o.n",
        ),
        (
            "class C(dict):\n    def __init__(self): self.__dict__ = self\no = C()",
            "o.n = 1",
            "o['n'] = 2",
            "o.n",
        ),
    ],
    ids=["a name", "in a list", "of all instances", "a dict that is its own"],
)
def test_the_attributes_that_something_else_holds_are_the_same_dict(
    setup: str, step: str, change: str, look: str
) -> None:
    """``vars(o)`` and the instance show the same, in a new kernel and after a change that a step
    made is restored upon what the cells above have made anew."""
    first = Kernel()
    deltas = [first.run(code) for code in (setup, step)]
    changed = first.run(change)
    second = Kernel(first.artifacts)
    for delta in deltas:
        given(second, delta, *delta.changed)
    second.run(change)
    assert eval(look, second.live) == 2
    third = Kernel(first.artifacts)
    third.run(setup)
    third.run(step)
    given(third, changed, *changed.changed, in_place=set(changed.changed))
    assert eval(look, third.live) == 2
    third.run(change.replace("2", "3"))
    assert eval(look, third.live) == 3


def test_a_namespace_whose_attributes_have_a_name_is_refused() -> None:
    """It cannot be given a dict; one whose dict nobody else holds is stored."""
    kernel = Kernel()
    stored = kernel.run("import types\nn = types.SimpleNamespace(a=1)").changed["n"]
    held = kernel.run("d = vars(n)\nd['a'] = 2").changed["n"]
    assert stored.artifact and not held.artifact and "vars()" in held.why


def test_the_shell_and_what_looks_at_a_namespace_hold_none_of_its_attributes() -> None:
    """Only variables of the user's do, whatever their names: a name that leads to the shell leads
    to the pickler that is at work."""
    made = types.SimpleNamespace(a=1)
    looking = codec.NotebookPickler(io.BytesIO(), {}, None, None)
    looking.dump(made)
    assert attributes.reduction(made, None, {"get_ipython": [vars(made)]}) is None
    assert attributes.reduction(made, None, {"shell": [looking]}) is None
    with pytest.raises(TypeError, match=r"vars\(\)"):
        attributes.reduction(made, None, {"_mine": [vars(made)]})
