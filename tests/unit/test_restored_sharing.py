"""What values share is shared again: variables of closures, memory that is looked at in part, what
a class holds; and what was bound anew in a kernel that stays."""

from __future__ import annotations

import numpy
import pytest

from duranb.state.linking import parts
from tests.unit.test_restoring import given
from tests.unit.test_state import Kernel

COUNTER = """
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step, lambda: n
step, peek = counter()
"""
ACCOUNT = """
class Account:
    all, kinds, rate = [], ["a", "b"], 1
    def __init__(self): Account.all.append(self)
"""


def recorded(setup: str, *steps: str) -> tuple[Kernel, Kernel]:
    """A kernel in which all was run and restored in the next one, and that one, where the step of
    each code bound and changed what it did when it ran."""
    first = Kernel()
    deltas = [first.run(code) for code in (setup, *steps)]
    second = Kernel(first.artifacts)
    for delta in deltas:
        given(second, delta, *delta.changed)
    return first, second


def test_functions_that_share_a_variable_do_so_again() -> None:
    """``nonlocal`` in one function is seen by the other, as before."""
    _, second = recorded(COUNTER, "step()")
    assert second["step"]() == 2 and second["peek"]() == 2


def test_a_function_is_linked_to_the_live_variable() -> None:
    """The cells above made ``step`` anew; a restored list of functions holds the one it shares
    with, and the variable keeps what it holds."""
    first = Kernel()
    first.run(COUNTER)
    delta = first.run("hooks = {'peek': peek, 'again': lambda: step()}")
    second = Kernel(first.artifacts)
    second.run(COUNTER)
    given(second, delta, "hooks")
    second["step"]()
    assert second["hooks"]["peek"]() == 1 and second["hooks"]["peek"] is second["peek"]


def test_what_a_variable_holds_is_shared_with_a_function_that_is_bound_anew() -> None:
    """Of two functions with a variable in common, whose list one fills, a step bound another name
    to one: it is linked to the live one's variables, and to what they hold."""
    code = "def maker():\n    log = []\n    return log.append, lambda: log\nadd, seen = maker()"
    first = Kernel()
    first.run(code)
    delta = first.run("told, seen = seen, 5")
    second = Kernel(first.artifacts)
    second.run(code)
    assert given(second, delta, "told", "seen") == []
    second["add"](1)
    assert second["told"]() == [1]


def test_a_function_that_a_class_was_given_is_the_one_with_a_name() -> None:
    """``C.extra = f``: what is set on the one is seen in the other; one with a cache too."""
    code = "import functools\nclass C: pass\ndef f(v): return 1\ng = functools.cache(f)"
    _, second = recorded(code, "C.extra, C.cached = f, g", "f.note = 1")
    second.run("f.note = 2")
    assert second["C"].cached is second["g"]
    assert second["C"].extra is second["f"] and second["C"].extra.note == 2


def test_what_is_registered_is_known_to_all_that_dispatch() -> None:
    """``functools.wraps`` gives ``register`` to another function: it is that of the first, in what
    was stored together and where the first was made anew."""
    code = "import functools\n@functools.singledispatch\ndef f(v): return 0\nf.note = 1"
    wrapped = "@functools.wraps(f)\ndef g(v): return f(v)"
    first = Kernel()
    deltas = [first.run(code), first.run(wrapped)]
    second = Kernel(first.artifacts)
    given(second, deltas[1], *deltas[1].changed)
    third = Kernel(first.artifacts)
    third.run(code)
    given(third, deltas[1], "g")
    for kernel in (second, third):
        kernel["g"].register(int, lambda v: 5)
        assert kernel["f"](3) == 5 and int in kernel["g"].registry and kernel["f"].note == 1
        assert kernel["g"].register is kernel["f"].register


def test_a_function_that_a_class_holds_with_arguments_is_the_one_with_a_name() -> None:
    """``C.extra = functools.partial(f, things)``."""
    code = "import functools\nclass C: pass\nthings = []"
    code += "\nclass Meta(type): known = []\nclass Made(metaclass=Meta): pass"
    steps = "p = functools.partial(print, things)", "C.extra = Made.extra = p; Meta.known.append(1)"
    second = recorded(code, *steps)[1]
    assert second["C"].extra is second["p"] and second["p"].args[0] is second["things"]
    assert second["Made"].extra is second["p"] and type(second["Made"]) is second["Meta"]


def test_a_variable_that_holds_its_own_function_comes_back() -> None:
    """A function that calls itself by a variable of the function around it."""
    _, second = recorded("def f():\n    def g(n): return n and g(n - 1) + 2\n    return g\ng = f()")
    assert second["g"](3) == 6


@pytest.mark.parametrize(
    ("setup", "step", "changed", "shown"),
    [
        ("a = np.arange(9); b = a[1:3]", "a[7] = 50", "a", "a[7]"),
        ("a = np.arange(9); b = a[1:3]; c = {'x': a[5:]}", "c['x'][2] = 50", "ac", "a[7]"),
        ("m = bytearray(9); b = np.frombuffer(m, 'u1')[1:3]", "m[7] = 50", "m", "m[7]"),
        ("a = np.array([[1], 2, 3], object); b = a[:1]", "a[2] = 50", "a", "a[2]"),
        ("a = np.ma.masked_less(np.arange(9), 3); b = a[1:3]", "a[7] = 50", "a", "a[7]"),
    ],
)
def test_a_change_beside_what_a_view_shows_is_restored(
    setup: str, step: str, changed: str, shown: str
) -> None:
    """A step changed memory outside of the part that another name shows: the live memory gets the
    change, so that all still look at the same."""
    setup = "import numpy as np\n" + setup
    first = Kernel()
    first.run(setup)
    delta = first.run(step)
    second = Kernel(first.artifacts)
    second.run(setup)
    assert given(second, delta, *changed, in_place=set(changed)) == []
    assert eval(shown, second.live) == 50
    owner = f"np.shares_memory(np.asarray(b), np.asarray({changed[0]}))"
    assert eval(owner, second.live)


def test_memory_that_is_another_names_too_is_left_alone() -> None:
    """Where something else looks at the memory that did not then, nothing is written to it."""
    setup = "import numpy as np\na = np.arange(9); b = a[1:3]"
    first = Kernel()
    first.run(setup)
    delta = first.run("a[7] = 50")
    second = Kernel(first.artifacts)
    second.run(setup + "; other = a[5:]")
    given(second, delta, "a", in_place={"a"})
    assert second["other"][2] == 7 and second["a"][7] == 50


def test_what_a_class_holds_is_shared_again() -> None:
    """A registry of a class holds the instances that names are bound to."""
    _, second = recorded(ACCOUNT, "ann = Account()\nbob = Account()", "ann.paid = 3")
    assert second["Account"].all[0] is second["ann"] and second["Account"].all[0].paid == 3
    assert type(second["bob"]) is second["Account"]


def test_a_part_of_a_class_is_shared_with_a_name() -> None:
    """What is appended through the name is seen in the class."""
    _, second = recorded(ACCOUNT, "kinds = Account.kinds")
    second.run("kinds.append('c')")
    assert second["Account"].kinds == ["a", "b", "c"]


def test_instances_share_nothing_by_what_their_class_holds() -> None:
    """A list in a class ties no instances together: a change of one concerns no other."""
    kernel = Kernel()
    kernel.run("class C: names = ['x']\none, other = C(), C()")
    assert kernel.namespace.sharing("one") == set()


def test_a_class_that_was_given_more_is_put_back() -> None:
    """In the same kernel: the class loses what it was given later, and stays the class that it
    is."""
    kernel = Kernel()
    before = kernel.run(ACCOUNT)
    kernel.run("Account.limit = 5\nAccount.rate = 2\nann = Account()")
    given(kernel, before, "Account")
    account = kernel["Account"]
    assert not hasattr(account, "limit") and account.rate == 1 and account.all == []
    assert type(kernel["ann"]) is account


def test_an_enum_has_all_its_members_and_what_they_were_given() -> None:
    """A flag's members that are made of others too; and an attribute that a step gave to one."""
    code = "import enum\nclass P(enum.Flag): R = 1; W = 2; RW = 3; ALSO = 1"
    _, second = recorded(code, "P.RW.seen = [1]", "P.RW.seen = [2]")
    flag = second["P"]
    assert list(flag.__members__) == ["R", "W", "RW", "ALSO"] and flag.ALSO is flag.R
    assert flag.R | flag.W is flag.RW and flag.RW.seen == [2]
    assert vars(flag)["ALSO"] is flag.R


def test_a_member_of_an_enum_has_what_it_had_and_no_more() -> None:
    """In the same kernel: what a step gave it since is gone when the class is put back, and stays
    where only a value is loaded that has the member in it."""
    kernel = Kernel()
    made = kernel.run("import enum\nclass P(enum.Enum): R = 1")
    held = kernel.run("held = [P.R]")
    kernel.run("P.R.seen = 1")
    kernel.run("held = 0")
    given(kernel, held, "held")
    assert kernel["held"][0] is kernel["P"].R and kernel["P"].R.seen == 1
    given(kernel, made, "P")
    assert not hasattr(kernel["P"].R, "seen")


def test_a_member_of_an_enum_that_was_defined_again_is_given_what_a_step_gave_it() -> None:
    """The cell of the enum ran again, and the step that changed a member in place is restored: the
    member stays the one there is, and holds what the step gave it."""
    code = "import enum\nclass P(enum.Enum):\n    R = 1\n    W = 2"
    first = Kernel()
    first.run(code)
    changed = first.run("P.R.seen = [1]")
    second = Kernel(first.artifacts)
    second.run(code)
    alive, member = second["P"], second["P"].R
    given(second, changed, "P", in_place={"P"})
    assert second["P"] is alive and alive.R is alive(1) is member and member.seen == [1]
    assert not hasattr(alive.W, "seen")


@pytest.mark.parametrize("anew", [False, True], ids=["as it was", "defined again"])
def test_an_abstract_class_knows_what_a_step_told_it_of(anew: bool) -> None:
    """``register`` changes the abstract class, which the restored step had as its output."""
    code = "import abc\nclass B(abc.ABC): pass\nclass C: pass"
    first = Kernel()
    made = first.run(code)
    told = first.run("B.register(C); B.register(int)")
    assert "B" in told.changed
    second = Kernel(first.artifacts)
    if anew:
        second.run(code)
    else:
        given(second, made, "abc", "B", "C")
    alive = second["B"]
    given(second, told, "B", in_place={"B"})
    assert second["B"] is alive
    assert issubclass(second["C"], alive) and issubclass(int, alive)
    assert not issubclass(str, alive)


def test_a_class_defines_what_its_base_defines_too() -> None:
    """What both define alike is the class's own when it comes back."""
    _, second = recorded("class A: rate = 1\nclass B(A): rate = 1", "A.rate = 2")
    assert second["B"].rate == 1


def test_what_was_bound_anew_since_is_shared_again() -> None:
    """Run All in the same kernel: a name was bound to an equal object, and what had shared the one
    before shares the new one."""
    kernel = Kernel()
    made = kernel.run("x = [1]")
    held = kernel.run("y = {'inner': x}")
    kernel.run("x = [0]", {"x"})
    given(kernel, made, "x")
    given(kernel, held, "y")
    assert kernel["y"]["inner"] is kernel["x"]


def test_what_a_step_changed_is_linked_to_what_was_made_anew() -> None:
    """Run All in the same kernel: what the step bound is the same still, but the object in it that
    it changed was made anew."""
    kernel = Kernel()
    made = kernel.run("class T:\n    def __init__(self): self.n = 1\ntoday = T()")
    held = kernel.run("week = {'mon': today}\ntoday.n += 1")
    given(kernel, made, "T", "today")
    given(kernel, held, "week", "today", in_place={"today"})
    assert kernel["week"]["mon"] is kernel["today"] and kernel["today"].n == 2


def test_an_object_that_takes_its_state_in_shares_what_else_is_alive() -> None:
    """An object that holds itself and a second one is changed in place by a step."""
    setup = "class T: pass\nshared, one = T(), T()\none.held, one.n, one.me = (shared,), [1], one"
    first = Kernel()
    first.run(setup)
    delta = first.run("one.n.append(2)")
    second = Kernel(first.artifacts)
    second.run(setup)
    alive = second["one"]
    given(second, delta, "one", in_place={"one"})
    assert second["one"] is alive and alive.n == [1, 2] and alive.held[0] is second["shared"]


def test_the_options_of_a_dataclass_are_its_code() -> None:
    """They decide on the methods it has; the usual ones are told by no word, as in older stores."""
    kernel = Kernel()
    code = "from dataclasses import dataclass\n@dataclass{}\nclass P: x: int = 1"
    plain = kernel.run(code.format("")).changed["P"].version
    usual = kernel.run(code.format("(eq=True)")).changed.get("P")
    assert usual is None or usual.version == plain
    assert kernel.run(code.format("(order=True)")).changed["P"].version != plain


def test_instances_are_of_the_class_that_was_defined_again() -> None:
    """Run All in the same kernel: the cell of the class ran again, for whatever reason."""
    kernel = Kernel()
    code = "class T: pass"
    kernel.run(code)
    made = kernel.run("one, more = T(), [T()]")
    kernel.run(code, {"T"})
    given(kernel, made, "one", "more")
    assert type(kernel["one"]) is kernel["T"] is type(kernel["more"][0])


def test_bound_methods_are_of_the_class_that_was_changed() -> None:
    """A class that is put back to what it was keeps the functions that are the same still."""
    first = Kernel()
    deltas = [first.run(c) for c in ("class T:\n    def f(self): pass\nt = T()", "m = t.f")]
    later = first.run("T.rate = 5")
    second = Kernel(first.artifacts)
    for delta in deltas:
        given(second, delta, *delta.changed)
    given(second, later, "T", "t")
    assert second["m"].__func__ is second["T"].f and second["T"].rate == 5


@pytest.mark.parametrize(
    ("base", "subclass", "shown"),
    [
        ("class A:\n    __slots__ = ('x',)", "class B(A): pass", "B.__bases__[0] is A"),
        (
            "import enum\nclass A(enum.Enum): X = 1",
            "import dataclasses\n@dataclasses.dataclass\nclass B:\n    x: A = A.X",
            "B.x is B().x is A.X",
        ),
    ],
)
def test_a_class_is_built_on_the_classes_that_were_defined_again(
    base: str, subclass: str, shown: str
) -> None:
    """Run All in the same kernel: the cell of the base, or of an enum that fields default to, ran
    again for whatever reason; the restored class is of the new one, and so are its instances."""
    kernel = Kernel()
    kernel.run(base)
    made = kernel.run(subclass)
    instance = kernel.run("b = B()")
    kernel.run(base, {"A"})
    given(kernel, made, "B")
    given(kernel, instance, "b", step="c")
    assert eval(shown, kernel.live) and type(kernel["b"]) is kernel["B"]


VARIABLES = """
from typing import Generic, NewType, ParamSpec, TypeVar
T, P, U = TypeVar("T", bound=str), ParamSpec("P"), NewType("U", int)
"""

GENERIC = """
class Stack(Generic[T, P]):
    def push(self, item): pass
    push.__annotations__ = {"item": T, "return": U}
"""


@pytest.mark.parametrize("anew", [False, True], ids=["new kernel", "same kernel"])
def test_what_is_generic_has_the_type_variables_that_were_made_again(anew: bool) -> None:
    """The cell of the variables ran again: they are what they were, and what is restored below is
    generic in the very ones there are now."""
    first = Kernel()
    before = first.run(VARIABLES)
    made, alias = first.run(GENERIC), first.run("alias, held = Stack[T, P], [T, P, U]")
    second = first if anew else Kernel(first.artifacts)
    second.run(VARIABLES, {"T", "P", "U"})
    for name in ("T", "P", "U"):
        assert second.namespace.version(name) == before.changed[name].version
    given(second, made, "Stack", reads={"T", "P", "U"})
    given(second, alias, "alias", "held", reads={"T", "P", "U", "Stack"})
    shown = "T is Stack.__parameters__[0] is alias.__args__[0] is held[0]"
    shown += " is Stack.push.__annotations__['item']"
    shown += " and P is Stack.__parameters__[1] is held[1]"
    shown += " and U is held[2] is Stack.push.__annotations__['return']"
    assert eval(shown, second.live)


def test_a_class_without_its_name_is_state_of_its_instances() -> None:
    """Its name stands for something else by now: what it holds comes back with what it made."""
    _, second = recorded(ACCOUNT, "ann = Account()", "Account = [1]", "ann.paid = 3; ann.of = [2]")
    assert type(second["ann"]).all[0] is second["ann"] and second["ann"].paid == 3
    assert second["Account"] == [1]


def test_what_lies_in_other_memory_by_now_is_not_linked() -> None:
    """The bytes that an array looked at are bound anew, to equal ones: a name for the array has
    nothing to do with them."""
    made = "import numpy as np\nb = bytearray(4)\na = np.frombuffer(b, np.uint8)"
    first = Kernel()
    first.run(made)
    delta = first.run("c = a")
    second = Kernel(first.artifacts)
    second.run(f"{made}\nb = bytearray(4)")
    given(second, delta, "c", reads={"a"})
    assert second["c"] is second["a"]
    assert second.namespace.sharing("c") == {"a"} and second.namespace.sharing("b") == set()


def test_scattered_memory_is_shared_again() -> None:
    """A column is no flat piece of memory; what holds it, and a part of it, is linked to it."""
    setup = "import numpy as np\nrows = np.arange(12).reshape(3, 4) + 1; cols = rows.T"
    _, second = recorded(setup, "rows = cols[0]", "both = [rows, rows[1:3]]")
    assert second["both"][0] is second["rows"]
    second.run("cols[0, 1] = 50")
    assert second["rows"][1] == second["both"][1][0] == 50


def test_a_view_is_linked_beside_memory_that_has_changed() -> None:
    """An edited cell has written to another part of the array: what the restored step shows of it
    is as it was, and is linked, and the rest is left as it is now."""
    setup = "import numpy as np\nwhole = np.zeros((3, 4)); row = whole[0]"
    first = Kernel()
    first.run(setup)
    delta = first.run("both = {'row': row, 'part': row[1:3]}")
    second = Kernel(first.artifacts)
    second.run(setup + "; whole[2] = 7")
    assert given(second, delta, "both") == []
    second.run("whole[0, 1] = 50")
    assert second["both"]["row"] is second["row"] and second["both"]["part"][0] == 50
    assert second["whole"][2, 0] == 7


def test_an_array_that_cannot_be_written_to_stays_so() -> None:
    """As content too, where its elements do not lie in a row; and it is another value than one that
    can be."""
    code = "import numpy as np\nfixed = np.arange(12.0)[::2].view()\nfixed.flags.writeable = False"
    first, second = recorded(code + "; wide = np.arange(9999)[::99]; wide.flags.writeable = False")
    assert not second["fixed"].flags.writeable and not second["wide"].flags.writeable
    versions = first.namespace.version("wide"), first.namespace.version_of(first["wide"].copy())
    assert versions[0] != versions[1]


def test_frames_that_were_loaded_share_nothing_that_pandas_guards() -> None:
    """The memory of what was loaded lies in a buffer of its own, which is guarded as well."""
    pytest.importorskip("pandas", minversion="3")
    setup = "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})"
    _, second = recorded(setup, "column = frame['a']")
    second.run("column.sum()", {"frame", "column"})
    assert second.namespace.sharing("frame") == set()


def test_a_memoryview_looks_at_what_was_made_anew() -> None:
    """In the same kernel: the array it looked at is another one by now, made by the same code."""
    kernel = Kernel()
    code = "import numpy as np\na = np.arange(12.0).reshape(3, 4)"
    kernel.run(code)
    made = kernel.run("view = memoryview(a)")
    kernel.run(code, {"a"})
    given(kernel, made, "view")
    kernel.run("a[2, 3] = 50")
    assert kernel["view"].obj is kernel["a"] and kernel["view"][2, 3] == 50


def test_a_class_that_a_step_changed_stays_the_one_that_is_alive() -> None:
    """The cells above have defined it anew, and a subclass of it: both see what the step gave it,
    be that kept in a list, bound to the class, or a method."""
    code = "class Base:\n    seen = []\n    def f(self): return 1"
    code += "\n    def g(self): return __class__\nclass Sub(Base): pass"
    first = Kernel()
    first.run(code)
    changes = "Base.f = lambda self: 2; Base.g.note = [1]; Base.h = lambda self: 3"
    delta = first.run(f"Base.seen.append(1); Base.rate = 7; {changes}; Base.h.by = 'hand'")
    second = Kernel(first.artifacts)
    second.run(code)
    base, sub, method = second["Base"], second["Sub"], second["Base"].g
    given(second, delta, *delta.changed, in_place=set(delta.changed))
    assert second["Base"] is base is second["Sub"].__bases__[0] and second["Sub"] is sub
    assert sub.seen == [1] and sub.rate == 7
    assert sub().f() == 2 and sub().g() is base
    assert base.g is method and method.note == [1] and base.h.by == "hand"


def test_a_method_that_a_step_gave_a_class_means_the_class_that_is_alive() -> None:
    """``super()`` in it, and the like."""
    code = "class Base:\n    def g(self): return __class__"
    first = Kernel()
    first.run(code)
    delta = first.run(f"{code}, 1\nBase.extra = 1")
    second = Kernel(first.artifacts)
    second.run(code)
    base = second["Base"]
    given(second, delta, "Base", in_place={"Base"})
    assert second["Base"] is base and base().g() == (base, 1)


def test_a_class_is_built_on_the_one_that_was_defined_again_though_that_had_changed() -> None:
    """A step had given a method of the old base an attribute; its cell ran again since."""
    kernel = Kernel()
    base = "class Base:\n    def f(self): return 1"
    kernel.run(base)
    made = kernel.run("class Sub(Base): pass")
    kernel.run("Sub.f.note = 1")
    kernel.run(base)
    given(kernel, made, "Sub")
    assert kernel["Sub"].__bases__ == (kernel["Base"],) and not vars(kernel["Sub"].f)


def test_a_class_takes_in_what_one_before_it_still_has() -> None:
    """In the same kernel its cell ran again, and the step that changes it is restored: the class of
    before, which an instance still holds, is not bound again."""
    kernel = Kernel()
    base = "class Base:\n    def f(self): return __class__"
    kernel.run(f"{base}\nold = Base()")
    delta = kernel.run("Base.f.note = 1; Base.rate = 2")
    kernel.run(base)
    now = kernel["Base"]
    given(kernel, delta, "Base", in_place={"Base"})
    assert kernel["Base"] is now is now().f() is not type(kernel["old"])
    assert now.f.note == 1 and now.rate == 2
    assert kernel["old"].f() is type(kernel["old"])


def test_an_instance_is_made_again_without_its_own_new() -> None:
    """A ``__new__`` that notes each instance in its class, or gives out the only one there is, is
    not run again; one that a built-in class needs something for gets it."""
    code = """
class Noted:
    all = []
    def __new__(cls, *given):
        it = super().__new__(cls)
        Noted.all.append(it)
        return it
    def __init__(self, n): self.n = n
class Only:
    it = None
    def __new__(cls):
        if cls.it is None:
            cls.it = super().__new__(cls)
        return cls.it
class Pair(tuple):
    def __new__(cls, a, b): return super().__new__(cls, (a, b))
class Told:
    def __new__(cls, n):
        it = super().__new__(cls)
        it.n = n
        return it
    def __getnewargs__(self): return (self.n * 2,)
    def __getstate__(self): return None
"""
    made = "one = Noted(5); only = Only(); pair = Pair(1, 2); told = Told(3)"
    first = Kernel()
    first.run(code)
    delta = first.run(made)
    second = Kernel(first.artifacts)
    second.run(code)
    given(second, delta, *delta.changed, in_place={"Noted", "Only"})
    assert second["Noted"].all == [second["one"]] and second["one"].n == 5
    assert second["Only"]() is second["only"]
    assert second["pair"] == (1, 2) and type(second["pair"]) is second["Pair"]
    assert second["told"].n == 6


STORES = """
import inspect
from types import SimpleNamespace
from pydantic import SecretStr, create_model
model = create_model("Arguments", __module__="pydantic.main", city=(str, "Paris"))
keys = [SecretStr("a-key-of-mine"), SecretStr("a-key-of-mine")]
store = SimpleNamespace(keys=keys, model=model, facts=[])
"""


@pytest.mark.parametrize("asked", ["", "inspect.signature(model)"])
def test_an_agent_shares_the_store_that_is_alive(asked: str) -> None:
    """That two equal secrets come back as the one that is alive is no other store, nor is what a
    library's object has worked out on one side only."""
    first = Kernel()
    first.run(STORES)
    delta = first.run("agent = SimpleNamespace(store=store, turns=1)")
    second = Kernel(first.artifacts)
    second.run(STORES + asked)
    alive = second["store"]
    assert given(second, delta, "agent") == []
    assert second["agent"].store is second["store"] is alive


def test_a_base_knows_its_subclasses_in_the_order_of_their_definition() -> None:
    """Whether each step is restored by itself or all names at once: plugins are called in it."""
    codes = ["class Base: pass", "class Z(Base): pass\nclass Y(Base): pass\nclass B(Base): pass"]
    first = Kernel()
    deltas = [first.run(code) for code in (*codes, "class A(Base): pass")]
    second, third = Kernel(first.artifacts), Kernel(first.artifacts)
    for delta in deltas:
        given(second, delta, *delta.changed)
    third.namespace.restore({n: b for delta in deltas for n, b in delta.changed.items()})
    for kernel in (first, second, third):
        kernel.run("names = [cls.__name__ for cls in Base.__subclasses__()]")
        assert kernel["names"] == ["Z", "Y", "B", "A"]


def test_texts_in_an_array_are_no_parts_and_what_they_stand_beside_is() -> None:
    """However many there are: a table's column of them is gone through whenever it is restored."""
    shared = ["a list"]
    column = numpy.array([["a", "b", None], [1, shared, (shared,)]], dtype=object)
    words = numpy.array([f"word {n}" for n in range(1000)], dtype=object)
    met = parts([column, words], {})
    assert any(part is shared for part in met)
    assert [type(part) for part in met].count(numpy.ndarray) == 2
    assert [type(part) for part in met].count(list) == 3  # of texts alone no list is made
