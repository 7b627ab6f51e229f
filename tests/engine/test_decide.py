"""Whether a step runs, and what is said of why."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from duranb.engine.steprun import NOTHING
from duranb.record.model import Origin, Status
from tests.engine.world import World


def ran(world: World, step: str) -> int:
    """How often a step's body ran."""
    return sum(not x.of for x in world.history.executions_of(step))


SAME = {
    "the same text": "y = x + 1",
    "a comment": "# why\ny = x + 1  # because",
    "layout": "\n\ny  =  (x +\n  1)",
    "a blank line": "y = x + 1\n",
    "parentheses": "y = (x + 1)",
}
OTHER = {
    "another constant": "y = x + 2",
    "another operator": "y = x - 1",
    "another name": "y = z + 1",
    "one statement more": "y = x + 1\nw = 1",
    "another output": "v = x + 1\ny = v",
}


@pytest.mark.parametrize("how", SAME)
@pytest.mark.parametrize("restarted", [False, True], ids=["here", "restarted"])
def test_the_same_code_is_restored(world: World, how: str, restarted: bool) -> None:
    """Comments and layout are no part of a step's code; a restart changes nothing."""
    world.plain("x = 1")
    world.cell("s", SAME["the same text"])
    if restarted:
        world.start()
        world.plain("x = 1")
    world.cell("s", SAME[how])
    assert ran(world, "s") == 1
    assert world.live["y"] == 2
    assert world.last("s").origin is Origin.RESTORED


def test_what_a_step_gives_another_name_is_shared_with_what_was_made_anew(world: World) -> None:
    """``a, b = b, a``: a list that an edited cell has made holds what ``a`` was, and then ``b`` is;
    neither name leads to it any more once the step is restored, so it runs."""
    for code in ("held = [a]", "held = [a, 1]"):
        world.start()
        world.cell("x", "a, b = [1], [2]")
        world.cell("h", code)
        world.cell("s", "a, b = b, a")
        assert world.live["held"][0] is world.live["b"]
    world.start()
    world.cell("x", "a, b = [1], [2]")
    world.cell("h", "held = [a, 1]")
    world.cell("s", "a, b = b, a")
    assert world.last("s").origin is Origin.RESTORED
    assert world.live["held"][0] is world.live["b"]


def test_where_in_something_shared_a_name_lies_tells(world: World) -> None:
    """Of two equal parts another one was chosen: a step that changes it in place runs."""
    for number in (0, 1, 1):
        world.start()
        world.cell("r", "import numpy as np\nrows = [[1], [1]]\nwhole = np.ones((2, 2))")
        world.cell("x", f"x = rows[{number}]; y = whole[{number}]")
        world.cell("s", "x.append(2); y += 1")
        assert world.live["rows"][number] == [1, 2] and world.live["rows"][1 - number] == [1]
        assert world.live["whole"][number].tolist() == [2, 2] and world.live["whole"].sum() == 6
    assert world.last("s").origin is Origin.RESTORED


def test_a_step_that_ties_equal_values_is_restored_with_that(world: World) -> None:
    """``b.items = a.items``, both empty: the content of neither has changed, and one list is both
    from then on, in a run after the cell above was edited and one that starts clean too."""
    for code in ("a, b = [[]], [[]]", "a, b = [[]], [[]]; c = 1", "a, b = [[]], [[]]"):
        world.start()
        world.cell("x", code)
        world.cell("t", "b[0] = a[0]")
        assert world.live["b"][0] is world.live["a"][0]
    assert world.last("t").origin is Origin.RESTORED
    world.cell("s", "a[0].append(1); n = len(b[0])")
    assert world.live["n"] == 1


def test_a_function_that_only_another_one_calls_binds_nothing(world: World) -> None:
    """A cell defines two functions, of which one binds a global and the other calls it: a variable
    of that name, which an edited cell has made, stays what it is."""
    code = "def f():\n    global x\n    x = [*x, 1]\ndef g(): return f()"
    for value in (2, 3):
        world.start()
        world.cell("x", f"x = [{value}]")
        world.cell("f", code)
        assert world.live["x"] == [value]
    assert world.last("f").origin is Origin.RESTORED
    world.cell("call", "g()")
    assert world.live["x"] == [3, 1]


def test_what_a_function_wraps_is_part_of_it(world: World) -> None:
    """``functools.wraps`` of a partial, which holds a list: a change of the list is one of what is
    wrapped, and of the function."""
    for _ in range(2):
        world.start()
        world.cell("x", "import functools\nx = [1]\np = functools.partial(print, x)")
        world.cell("f", "@functools.wraps(p)\ndef f(): return p()")
        world.cell("s", "x[0] = 9")
        assert world.live["x"] == [9] == world.live["f"].__wrapped__.args[0]
    assert world.last("s").origin is Origin.RESTORED


def test_a_step_that_deletes_what_is_gone_runs(world: World) -> None:
    """The cell that made it was removed: ``del`` raises. What a step has bound itself before it
    deletes it need not be there."""
    world.cell("x", "x = i = 1")
    world.cell("d", "del x")
    world.cell("own", "for i in range(3): pass\ndel i")
    world.start()
    with pytest.raises(NameError):
        world.cell("d", "del x")
    world.cell("own", "for i in range(3): pass\ndel i")
    assert world.last("own").origin is Origin.RESTORED
    world.cell("x", "x = i = 1")
    world.cell("d", "del x")
    assert ran(world, "own") == 1


SHARING = {
    "a copy, then the same": ("b = a.copy()", "b = a"),
    "the same, then a copy": ("b = a", "b = a.copy()"),
    "in another place": ("b = [a[0], 7]", "b = [a[1], 7]"),
}


@pytest.mark.parametrize("how", SHARING)
def test_inputs_that_share_otherwise_are_others(world: World, how: str) -> None:
    """Equal values, of which one shows what is changed in the other, or does not: what reads both
    runs. What reads one of them is restored."""
    before, after = SHARING[how]
    steps = {
        "one": "x = len(a)",
        "ids": "same = a is b, a[0] is b[0]",
        "kept": "pair = {'a': a, 'b': b}",
    }
    for code in (before, after, after):
        world.start()
        world.cell("a", "a = [[1], [1]]")
        world.cell("b", code)
        for step, source in steps.items():
            world.cell(step, source)
        live = world.live
        assert live["same"] == (live["a"] is live["b"], live["a"][0] is live["b"][0])
        assert live["pair"]["a"] is live["a"] and live["pair"]["b"] is live["b"]
    assert [ran(world, step) for step in steps] == [1, 2, 2]


def test_another_name_for_an_input_is_no_reason_to_run(world: World) -> None:
    """Neither one more name that shares with what a step reads, nor one that alone ties its inputs
    together; and what the step made shares with what it read, not with the copy of that."""
    for code in ("c = a", "c = a.copy()", "c = [a, b]", "d = 1"):
        world.start()
        world.cell("a", "a = [1]; b = [2]")
        world.cell("c", code)
        world.cell("s", "made = [a, a + b]")
        assert world.live["made"][0] is world.live["a"]
        if code == "c = a.copy()":
            assert world.live["c"] is not world.live["a"]
    assert ran(world, "s") == 1


def test_what_was_recorded_before_sharing_was_is_compared_as_it_was(world: World) -> None:
    """Executions of before tell nothing of what their inputs shared: they are restored."""
    world.cell("a", "a = [1]; b = a")
    world.cell("s", "x = a + b")
    this = world.last("s")
    assert this.together is not None
    world.history.executions[this.id] = msgspec.structs.replace(this, together=None)
    world.plain("b = [1]")
    world.cell("s", "x = a + b")
    assert ran(world, "s") == 1


def test_a_name_that_a_step_binds_anew_is_no_reason_to_run(world: World) -> None:
    """It shared with what the step changes in place, and was something else then."""
    for number in (3, 4):
        world.start()
        world.cell("a", "import numpy as np\na = np.ones(4)")
        world.cell("b", f"b = np.broadcast_to(a[:2], ({number}, 2))")
        world.cell("s", "a[0] = 5\nb = 7")
    assert ran(world, "s") == 1 and world.live["a"][0] == 5


def test_a_name_for_the_namespace_stays_one(world: World) -> None:
    """``g = globals()``: what reads it depends on all names, and it comes back as the namespace."""
    world.plain("x = 1")
    world.cell("g", "g = globals()")
    world.cell("s", "y = g['x']")
    world.start()
    world.plain("x = 1")
    world.cell("g", "g = globals()")
    assert world.last("g").origin is Origin.RESTORED and world.live["g"] is world.live
    world.plain("x = 2")
    world.cell("s", "y = g['x']")
    assert world.live["y"] == 2


def test_a_name_of_a_cell_below_is_no_reason_to_run(world: World) -> None:
    """Run All in the same kernel: a step changed what a cell further down had bound a name to. In
    the next kernel that name does not exist yet; the step is restored, without it."""
    for code in ("c = C()\nC.made += 1", "c = C()\nC.made += 2"):
        world.cell("k", "class C: made = 0")
        world.cell("s", code)
        world.cell("d", "d = c")
    world.start()
    world.cell("k", "class C: made = 0")
    world.cell("s", "c = C()\nC.made += 2")
    assert world.last("s").origin is Origin.RESTORED
    assert world.live["C"].made == 2 and "d" not in world.live


@pytest.mark.parametrize("how", OTHER)
def test_other_code_runs(world: World, how: str) -> None:
    """An edit that may change the result runs the step, and is named as the reason."""
    world.plain("x = 1\nz = 5")
    world.cell("s", SAME["the same text"])
    world.cell("s", OTHER[how])
    assert ran(world, "s") == 2
    assert "its code changed" in world.reason


CHANGED_INPUTS = {
    "a number": ("x = 1", "x = 2"),
    "a string": ("x = 'a'", "x = 'b'"),
    "a list": ("x = [1]", "x = [1, 2]"),
    "a type": ("x = 1", "x = 1.0"),
    "a dict's order": ("x = {1: 1, 2: 2}", "x = {2: 2, 1: 1}"),
    "none": ("x = None", "x = 0"),
    "in place": ("x = [1]", "x.append(2)"),
    "a nested value": ("x = {'a': [1]}", "x['a'].append(1)"),
}


@pytest.mark.parametrize("how", CHANGED_INPUTS)
def test_a_changed_input_runs_the_step(world: World, how: str) -> None:
    """Inputs count by their content; the reason names the one that changed."""
    before, after = CHANGED_INPUTS[how]
    world.plain(before)
    world.cell("s", "y = repr(x)")
    world.plain(after)
    world.cell("s", "y = repr(x)")
    assert ran(world, "s") == 2
    assert world.reason == "input x changed"
    assert world.live["y"] == repr(world.live["x"])


SAME_INPUTS = {
    "bound again": ("x = [1, 2]", "x = [1, 2]"),
    "made another way": ("x = [1, 2]", "x = list(range(1, 3))"),
    "there and back": ("x = [1]", "x.append(2); x.pop()"),
    "a set's order": ("x = {1, 2, 3}", "x = {3, 2, 1}"),
    "an equal function": ("def x(): return 1", "def x():\n    return 1  # one"),
}


@pytest.mark.parametrize("how", SAME_INPUTS)
def test_an_input_with_the_same_content_restores(world: World, how: str) -> None:
    """It is the content that counts, not the object nor how it came to be."""
    before, after = SAME_INPUTS[how]
    world.plain(before)
    world.cell("s", "y = str(type(x))")
    world.plain(after)
    world.cell("s", "y = str(type(x))")
    assert ran(world, "s") == 1


HELPERS = {
    "a function": ("def f(): return 1", "def f(): return 2"),
    "what it calls": ("def g(): return 1\ndef f(): return g()", "def g(): return 2"),
    "its default": ("def f(a=1): return a", "def f(a=2): return a"),
    "a global it reads": ("k = 1\ndef f(): return k", "k = 2"),
    "a class": ("class C:\n  v = 1\ndef f(): return C.v", "class C:\n  v = 2"),
}


@pytest.mark.parametrize("how", HELPERS)
def test_a_changed_helper_runs_the_step(world: World, how: str) -> None:
    """The functions and classes that a step uses are part of its code, transitively."""
    before, after = HELPERS[how]
    world.plain(before)
    world.cell("s", "y = f()")
    world.plain(after)
    world.cell("s", "y = f()")
    assert ran(world, "s") == 2
    assert world.live["y"] == 2
    assert "changed" in world.reason


OPTIONS_THAT_RUN = ["--always", "--fresh", "--validate 'y == 1'"]


@pytest.mark.parametrize("option", OPTIONS_THAT_RUN)
def test_an_option_that_runs_the_step(world: World, option: str) -> None:
    """Some options carry the step out although it is recorded."""
    world.cell("s", "y = 1")
    world.cell(f"s {option}", "y = 1")
    assert ran(world, "s") == 2


@pytest.mark.parametrize("option", ["--retries 9", "--backoff 0", "--timeout 9", "--retry-on X"])
def test_an_option_that_does_not(world: World, option: str) -> None:
    """How a step is carried out is no part of what it is."""
    world.cell("s", "y = 1")
    world.cell(f"s {option}", "y = 1")
    assert ran(world, "s") == 1


def test_an_ignored_input_does_not_count(world: World) -> None:
    """``--ignore`` leaves a name out of the identity."""
    world.plain("x = 1")
    world.cell("s --ignore x", "y = x")
    world.plain("x = 2")
    world.cell("s --ignore x", "y = x")
    assert ran(world, "s") == 1


def test_only_the_named_inputs_count(world: World) -> None:
    """``--inputs`` names the ones that do."""
    world.plain("a = 1\nb = 1")
    world.cell("s --inputs a", "y = a + b")
    world.plain("b = 2")
    world.cell("s --inputs a", "y = a + b")
    assert ran(world, "s") == 1
    world.plain("a = 2")
    world.cell("s --inputs a", "y = a + b")
    assert ran(world, "s") == 2


def test_only_the_named_outputs_are_kept(world: World) -> None:
    """``--outputs`` chooses what is recorded and restored."""
    world.cell("s --outputs a", "a = 1\nb = 2")
    assert list(world.last("s").outputs) == ["a"]


def test_an_unchanged_output_stops_staleness(world: World) -> None:
    """A step that ran again to the same result does not run those that use it."""
    world.plain("x = 1")
    world.cell("a", "b = x > 0")
    world.cell("c", "d = not b")
    world.plain("x = 2")
    world.cell("a", "b = x > 0")
    world.cell("c", "d = not b")
    assert (ran(world, "a"), ran(world, "c")) == (2, 1)


def test_an_earlier_state_is_found_again(world: World) -> None:
    """Going back to an input that was used before restores what it gave then."""
    for x in (1, 2, 1):
        world.plain(f"x = {x}")
        world.cell("s", "y = x * 10")
        assert world.live["y"] == x * 10
    assert ran(world, "s") == 2


def test_the_first_run_says_so(world: World) -> None:
    """Each execution knows why it ran."""
    world.cell("s", "y = 1")
    assert world.last("s").reason == "first run"


def test_several_reasons_are_all_named(world: World) -> None:
    """Code and inputs that changed are named together."""
    world.plain("x = 1")
    world.cell("s", "y = x")
    world.plain("x = 2")
    world.cell("s", "y = x + 1")
    assert world.reason == "its code changed; input x changed"


def test_a_new_input_and_one_that_is_gone(world: World) -> None:
    """An input that came to be, or is not there any more, is named as such."""
    world.plain("x = 1")
    world.cell("s", "y = x")
    del world.live["x"]
    world.runtime.namespace.touched(None)
    with pytest.raises(NameError):
        world.cell("s", "y = x")
    assert world.reason == "input x is gone"


def test_a_step_that_failed_runs_again(world: World) -> None:
    """A failure is never restored; the reason names it."""
    for _ in range(2):
        with pytest.raises(KeyError):
            world.cell("s", "y = {}[1]")
    assert world.reason == "its last execution is failed (KeyError)"


def test_a_step_whose_process_died_runs_again(world: World) -> None:
    """A new process ends what was running; the next run says why."""
    world.plain("x = 1")
    with world.inside("s"):
        world.start()
    assert world.last("s").status is Status.FAILED
    world.cell("s", "y = 1")
    assert "its code changed" in world.reason or "kernel died" in world.reason


def test_the_result_is_restored_with_the_variables(world: World) -> None:
    """The value of the last expression comes back as well."""
    assert world.cell("s", "y = 1\ny + 1") == 2
    assert world.cell("s", "y = 1\ny + 1") == 2
    assert ran(world, "s") == 1


def test_a_cell_without_a_result_has_none(world: World) -> None:
    """An assignment shows nothing, whether it runs or is restored."""
    for _ in range(2):
        assert world.cell("s", "y = 1") is NOTHING


def test_deleted_names_are_deleted_again(world: World) -> None:
    """What a step deletes is gone after its restoring too."""
    world.plain("t = 1")
    world.cell("s", "y = 1\ndel t")
    world.plain("t = 1")
    world.cell("s", "y = 1\ndel t")
    assert "t" not in world.live


def test_an_input_changed_in_place_is_an_output(world: World) -> None:
    """What a step changes in place is stored, and restored."""
    world.plain("x = [1]")
    world.cell("s", "x.append(2)\ny = 1")
    world.start()
    world.plain("x = [1]")
    world.cell("s", "x.append(2)\ny = 1")
    assert world.live["x"] == [1, 2]
    assert ran(world, "s") == 1


def test_shared_values_are_shared_again(world: World) -> None:
    """Two outputs that are one object are one after a restart."""
    world.cell("s", "a = [1]\nb = a")
    world.start()
    world.cell("s", "a = [1]\nb = a")
    assert world.live["a"] is world.live["b"]


def test_random_numbers_go_on_where_they_stood(world: World) -> None:
    """A restored step leaves the generator where it had left it."""
    world.plain("import random\nrandom.seed(7)")
    world.cell("s", "a = random.random()")
    world.plain("b = random.random()")
    first = world.live["b"]
    world.start()
    world.plain("import random\nrandom.seed(7)")
    world.cell("s", "a = random.random()")
    world.plain("b = random.random()")
    assert world.live["b"] == first
    assert ran(world, "s") == 1


def test_code_that_reads_anything_depends_on_everything(world: World) -> None:
    """With ``exec`` nobody can tell what is read, so every name is an input."""
    world.plain("x = 1")
    world.cell("s", "exec('y = x')")
    world.plain("x = 2")
    world.cell("s", "exec('y = x')")
    assert ran(world, "s") == 2
    assert world.live["y"] == 2


def test_a_value_that_cannot_be_stored_is_named(world: World) -> None:
    """A generator is no value that comes back; the execution says so."""
    world.cell("s", "g = (i for i in range(3))\ny = 1")
    assert list(world.last("s").unstored) == ["g"]


def test_replay_runs_what_is_recorded(world: World) -> None:
    """A replay carries the step out, and the execution says which it replays."""
    world.cell("s", "y = ask('a')")
    first = world.last("s").id
    asyncio.run(world.acell("s", "y = ask('a')", replays=first))
    again = world.last("s")
    assert (again.replays, again.origin, again.reason) == (first, Origin.REPLAYED, "replayed")
    assert world.model.paid == ["a"]


MAPPED = """
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
class Base(DeclarativeBase): pass
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    def hello(self): return "hi " + self.name
"""
QUERY = """
engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(User(name="b")); session.commit()
    found = session.scalars(select(User)).one()
    told = found.hello(), type(found) is type(u)
"""


def test_classes_that_a_library_maps_are_made_by_their_own_code(world: World) -> None:
    """A copy of such a class is nobody's: the step that defines it runs in each process and says
    why, and those that use it are restored, with objects of the class that is alive."""
    pytest.importorskip("sqlalchemy")
    cells = {"defs": MAPPED, "u": "u = User(name='a')", "q": QUERY}
    for life in (0, 1):
        if life:
            world.start()
        for name, cell in cells.items():
            world.cell(name, cell)
        assert world.live["told"] == ("hi b", True)
    assert [ran(world, name) for name in cells] == [2, 1, 1]
    world.plain(QUERY.replace("'b'", "'c'"))
    assert world.live["told"] == ("hi b", True)
    world.cell("defs", MAPPED.replace("30", "40"))
    world.cell("u", cells["u"])
    assert ran(world, "u") == 2


HOLDERS = {
    "deep among many": (
        "box = N(nodes=[N(a=N(), b=[N()]) for _ in range(90)], graph=N(x=N(y=[N(f=f)])))",
        "box.graph.x.y[0].f()",
    ),
    "behind many functions": (
        "box = {str(n): (lambda n=n: n) for n in range(300)} | {'last': f}",
        "box['last']()",
    ),
    "behind many numbers": ("box = [*range(1000), f]", "box[-1]()"),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_a_function_in_a_large_object_calls_counts(world: World, holder: str) -> None:
    """An agent's graph holds the notebook's functions wherever it likes; what those call was
    edited."""
    make, call = HOLDERS[holder]
    for number in (1, 2):
        world.start()
        world.plain(f"from types import SimpleNamespace as N\ndef g(): return {number}")
        world.plain(f"def f(): return g()\n{make}")
        world.cell("s", f"x = {call}")
        assert world.live["x"] == number and ran(world, "s") == number


def test_what_lies_behind_a_value_that_cannot_be_stored_is_no_reason_to_run(world: World) -> None:
    """After a restart nothing leads to the class and the variable that its code used: they are
    compared as they are, and count where they are others."""
    steps = {
        "made": "k = 2\nclass Maker:\n    def make(self): return k\n"
        "def forever(maker):\n    while True: yield maker.make()\n"
        "class Source:\n    def __init__(self):\n"
        "        self.maker, self.all = Maker(), forever(Maker())\n"
        "    def __reduce__(self): raise TypeError('it cannot be stored')\nsource = Source()",
        "used": "first = source.maker.make()",
    }
    for name, source in steps.items():
        world.cell(name, source)
    assert {"k", "Maker"} <= {*world.last("used").inputs, *world.last("used").uses}
    world.start()
    for name, source in steps.items():
        world.cell(name, source)
    assert (ran(world, "made"), ran(world, "used")) == (1, 1)
    assert world.live["first"] == 2
    world.start()
    world.cell("made", steps["made"].replace("k = 2", "k = 3"))
    world.cell("used", steps["used"])
    assert world.live["first"] == 3


def test_what_changes_by_itself_is_as_it_was_made(world: World) -> None:
    """A server's thread notes what it has done, and nothing of the notebook's has run."""
    steps = {
        "made": "class Server:\n    def __init__(self): self.seen = []\n"
        "    def __reduce__(self): raise TypeError('it cannot be stored')\nserver = Server()",
        "used": "known = server is not None",
    }
    world.cell("made", steps["made"])
    world.live["server"].seen.append("by itself")
    world.runtime.namespace.touched(None)  # as where threads run
    world.cell("used", steps["used"])
    world.start()
    for name, source in steps.items():
        world.cell(name, source)
    assert (ran(world, "made"), ran(world, "used")) == (1, 1)
