"""What the functions of a class hold is shared with the rest of the notebook, as it was: variables
of the function that made the class, defaults, and what decorators were given."""

from __future__ import annotations

import pytest

from tests.unit.fresh import Case, Said, look
from tests.unit.test_restored_sharing import recorded
from tests.unit.test_restoring import given
from tests.unit.test_state import Kernel

MADE = """
def make():
    n = 0
    class Base:
        def add(self):
            nonlocal n
            n += 1
            return n
    class Sub(Base): pass
    def get(): return n
    return Base, Sub, get
"""

CASES = [
    Case(
        "a class, its instance, and a function made beside it",
        MADE + "C, _, get = make(); c = C(); c.add()",
        "(c.add(), C().add(), get())",
    ),
    Case(
        "an instance of a class without a name",
        MADE + "C, _, get = make(); c = C(); del C; c.add()",
        "(c.add(), get(), c.add(), get())",
    ),
    Case(
        "the base of a class",
        MADE + "_, C, a_get = make(); c = C(); c.add()",
        "(c.add(), a_get(), C().add(), a_get())",
    ),
    Case(
        "two classes by the same function",
        MADE + "C, _, get = make(); D, _, got = make(); C().add()",
        "(C().add(), C().add(), get(), D().add(), got())",
    ),
    Case(
        "properties, static methods and class methods",
        "def make():\n    n = 0\n    class C:\n        @property\n        def v(self): return n\n"
        "        @v.setter\n        def v(self, x):\n            nonlocal n\n            n = x\n"
        "        @staticmethod\n        def more():\n            nonlocal n\n            n += 1\n"
        "    return C(), lambda: n\nc, get = make(); c.v = 4",
        "(get(), setattr(c, 'v', 9), get(), c.more(), get(), c.v)",
    ),
    Case(
        "a list with a name in a default, by place and by name",
        "log = []\nclass C:\n    def add(self, x, log=log): log.append(x)\n"
        "    def more(self, x, *, into=log, other=3): into.append(x + other)\nC().add(1)",
        "(C().add(2), C().more(3), log)",
    ),
    Case(
        "a cache that is an attribute of the function as well, and a method of a list",
        "def memo(f):\n    cache, log = {}, []\n    def wrapper(self, x):\n"
        "        wrapper.calls += 1\n        log.append(x)\n"
        "        return cache.setdefault(x, f(self, x))\n"
        "    wrapper.cache, wrapper.calls, wrapper.more = cache, 0, {'too': cache}\n"
        "    return wrapper, log\nclass C: pass\nC.f, log = memo(lambda self, x: x + 1)\n"
        "C.forget = staticmethod(log.clear)\nC().f(1)",
        "(C().f(2), C.f.cache, C.f.more, log, C.forget(), log, C().f(3), log, C.f.calls)",
    ),
    Case(
        "a dictionary with a name that a decorator was given",
        "import functools\ncalls = {}\ndef counted(into):\n    def decorate(f):\n"
        "        @functools.wraps(f)\n        def wrapper(*a):\n"
        "            into[f.__name__] = into.get(f.__name__, 0) + 1\n            return f(*a)\n"
        "        return wrapper\n    return decorate\n"
        "class C:\n    @counted(calls)\n    def add(self): return 1\nC().add()",
        "(C().add(), calls)",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What was seen of all cases."""
    return look(CASES, tmp_path_factory.mktemp("looked"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name.replace(" ", "-"))
def test_it_is_shared_in_a_new_process(case: Case, said: dict[str, Said]) -> None:
    """What is done through a method is seen from outside, and the other way round."""
    told = said[case.name]
    assert (told.found, told.missing, told.versions) == (told.made, [], [])


def test_a_step_that_changed_it_is_restored() -> None:
    """It called a method, which bound the variable again."""
    _, second = recorded(MADE + "C, _, get = make()", "C().add()")
    assert second["get"]() == 1
    assert second["C"]().add() == 2 and second["get"]() == 2


def test_a_function_is_linked_to_the_live_variable_of_a_class() -> None:
    """The cells above made the class again; what is restored has the variable of that one."""
    first = Kernel()
    first.run(MADE + "C, _, get = make()")
    delta = first.run("hooks = {'get': get}")
    second = Kernel(first.artifacts)
    second.run(MADE + "C, _, get = make()")
    assert given(second, delta, "hooks") == []
    second["C"]().add()
    assert second["hooks"]["get"]() == 1 and second["hooks"]["get"] is second["get"]


def test_what_was_made_again_takes_in_what_a_step_had_changed() -> None:
    """The class and the function are there, with the variable as it was at first."""
    first = Kernel()
    first.run(MADE + "C, _, get = make()")
    delta = first.run("C().add()")
    second = Kernel(first.artifacts)
    second.run(MADE + "C, _, get = make()")
    given(second, delta, *delta.changed)
    assert second["get"]() == 1
    assert second["C"]().add() == 2 and second["get"]() == 2


def test_a_class_is_linked_to_the_list_of_its_default() -> None:
    """The list was made again by the cells above; a step restored makes the class that has it."""
    first = Kernel()
    first.run("log = []")
    delta = first.run("class C:\n    def add(self, x, log=log): log.append(x)")
    second = Kernel(first.artifacts)
    second.run("log = []")
    given(second, delta, *delta.changed)
    second["C"]().add(1)
    assert second["log"] == [1]
