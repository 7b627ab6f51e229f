"""What a step reads and changes beside its variables: modules of the project, the environment."""

from __future__ import annotations

import decimal
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duranb.errors import NotRestorable
from tests.engine.test_decide import ran
from tests.engine.world import World

HELPER = """
import os
COUNT, BOUND = 0, 5
REGISTRY = []
SEEN = {}
MODE = "plain"
API_KEY = "none"
class Box:
    size, kind = 1, "b"
    def read(self): return SEEN.get("box")
BOX = Box()
def mode(): return MODE
def inner(): return deeper.LEVEL
def count():
    global COUNT
    COUNT += 1
    return COUNT
def variable(): return os.environ.get("DURANB_TEST_MODE", "unset")
from helper_pack import deeper
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Begins a notebook beside a module, or its next life: the module is imported anew."""
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "helper_pack").mkdir()
    (tmp_path / "helper_pack/__init__.py").write_text("")
    (tmp_path / "helper_pack/deeper.py").write_text(
        "import time\nLEVEL, START = 1, time.time_ns()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DURANB_TEST_MODE", "a")

    def begin(world: World | None = None) -> World:
        for name in [n for n in sys.modules if n.partition(".")[0] in ("helper", "helper_pack")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        os.chdir(tmp_path)
        decimal.setcontext(decimal.Context())
        if world is None:
            return World(tmp_path)
        world.start()
        return world

    here = os.getcwd()
    yield begin
    begin()
    os.chdir(here)


READS = {
    # how: (what a plain cell does, in the next life, the step)
    "an attribute": ("helper.COUNT = 3", "helper.COUNT = 4", "y = helper.COUNT"),
    "in a function": ("helper.MODE = 'x'", "helper.MODE = 'y'", "y = helper.mode()"),
    "not set any more": ("helper.MODE = 'x'", "", "y = helper.mode()"),
    "in place": (
        "helper.REGISTRY.append(1)",
        "helper.REGISTRY.append(2)",
        "y = len(helper.REGISTRY)",
    ),
    "a module's module": (
        "helper.deeper.LEVEL = 2",
        "helper.deeper.LEVEL = 3",
        "y = helper.inner()",
    ),
    "a method's global": ("helper.SEEN['box'] = 1", "", "y = helper.BOX.read()"),
    "an object": ("helper.BOX.size = 2", "helper.BOX.size = 3", "y = helper.BOX.size"),
    "a class": ("helper.Box.kind = 'x'", "helper.Box.kind = 'y'", "y = helper.Box.kind"),
    "by a notebook's function": (
        "helper.COUNT = 3\ndef f(): return helper.COUNT",
        "helper.COUNT = 4\ndef f(): return helper.COUNT",
        "y = f()",
    ),
    "by getattr": ("helper.COUNT = 3", "", "y = getattr(helper, 'CO' + 'UNT')"),
    "by a function that imports": (
        "helper.COUNT = 3\ndef f():\n    import helper as h\n    return h.COUNT",
        "def f():\n    import helper as h\n    return h.COUNT",
        "y = f()",
    ),
    "an installed one": (
        "import msgspec; msgspec.X = 3",
        "import msgspec; msgspec.X = 4",
        "y = msgspec.X",
    ),
    "the decimal context": (
        "import decimal; decimal.getcontext().prec = 4",
        "import decimal; decimal.getcontext().prec = 5",
        "y = str(1 / decimal.Decimal(3))",
    ),
    "the decimal context, by another name": (
        "import decimal; from decimal import Decimal as D; decimal.getcontext().prec = 4",
        "import decimal; from decimal import Decimal as D; decimal.getcontext().prec = 5",
        "y = str(1 / D(3))",
    ),
    "the folder": ("import os; os.chdir('helper_pack')", "import os", "y = os.listdir('.')"),
    "the environment": (
        "import os; os.environ['DURANB_TEST_MODE'] = 'b'",
        "import os",
        "y = os.environ['DURANB_TEST_MODE']",
    ),
    "the environment in a function": (
        "import os; os.environ['DURANB_TEST_MODE'] = 'b'",
        "import os",
        "y = helper.variable()",
    ),
}


@pytest.mark.parametrize("how", READS)
def test_what_a_step_reads_of_modules_is_an_input(
    start: Callable[..., World], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """As long as it is the same the step is restored, in the next life too; when it is another one
    the step runs again, and the reason names it."""
    before, after, step = READS[how]
    world = start()
    world.plain(f"import helper\n{before}")
    world.cell("s", step)
    world = start(world)
    world.plain(f"import helper\n{before}")
    world.cell("s", step)
    assert ran(world, "s") == 1, world.reason
    monkeypatch.setenv("DURANB_TEST_MODE", "a")
    world = start(world)
    world.plain(f"import helper\n{after}")
    world.cell("s", step)
    assert ran(world, "s") == 2, how
    assert world.reason.endswith("changed") and "code" not in world.reason


NOTHING_CHANGED = {
    "a constant": ("", "y = helper.BOUND"),
    "another variable": ("helper.COUNT = world_count", "y = helper.mode()"),
    "imported by the step": ("del helper", "import helper\ny = helper.mode()"),
    "set by the step": ("", "helper.MODE = 'mine'\ny = helper.mode()"),
    "a library's settings": ("", "import msgspec\ny = msgspec.UNSET is None"),
    "ignored": ("helper.SEEN['n'] = world_count", "y = len(helper.SEEN)"),
}


@pytest.mark.parametrize("how", NOTHING_CHANGED)
def test_what_a_step_does_not_read_makes_nothing_run(start: Callable[..., World], how: str) -> None:
    """Neither in the same life nor in the next one."""
    before, step = NOTHING_CHANGED[how]
    world = start()
    for life in range(3):
        world.plain(f"import helper\nworld_count = {life}\n{before}")
        world.cell("s --ignore helper.SEEN", step)
        if life:
            world = start(world)
    assert ran(world, "s") == 1


CHANGES = {
    "a number": ("helper.COUNT = 3", "helper.COUNT", 3),
    "by a function": ("helper.count()", "helper.COUNT", 1),
    "a list in place": ("helper.REGISTRY.append((1, {2}))", "helper.REGISTRY", [(1, {2})]),
    "a dict by any key": ("helper.SEEN[1, 2] = 'x'", "helper.SEEN", {(1, 2): "x"}),
    "an object": ("helper.BOX.size = 9", "helper.BOX.size", 9),
    "a class": (
        "helper.Box.kind = 'n'; helper.Box.made = 1",
        "(helper.BOX.kind, helper.Box.made)",
        ("n", 1),
    ),
    "a new name": ("helper.NEW = 5", "helper.NEW", 5),
    "a submodule's": ("helper.deeper.LEVEL = 2", "helper.deeper.LEVEL", 2),
    "by a name of the notebook's": ("registry.append(7)", "helper.REGISTRY", [7]),
    "an array": ("import numpy; helper.A = numpy.ones(3)", "helper.A.tolist()", [1, 1, 1]),
    "an installed module's": ("msgspec.X = 3", "msgspec.X", 3),
    "imported by the step": ("import helper as h; h.COUNT = 8", "helper.COUNT", 8),
}


@pytest.mark.parametrize("how", CHANGES)
def test_what_a_step_changes_in_modules_comes_back(start: Callable[..., World], how: str) -> None:
    """A restored step leaves the modules as it left them when it ran; the objects stay."""
    change, look, there = CHANGES[how]
    plain = "import helper, msgspec\nregistry, box = helper.REGISTRY, helper.BOX"
    world = start()
    world.plain(plain)
    world.cell("s", change)
    assert eval(look, world.live) == there
    sys.modules["msgspec"].__dict__.pop("X", None)
    world = start(world)
    world.plain(plain)
    world.cell("s", change)
    assert ran(world, "s") == 1 and not any(world.lost)
    assert eval(look, world.live) == there
    assert eval("helper.BOX is box", world.live)
    sys.modules["msgspec"].__dict__.pop("X", None)


def test_steps_that_build_upon_each_other_are_restored(start: Callable[..., World]) -> None:
    """Each finds the module as it was when it ran, and an edited one makes only those run again
    that read what it changes."""
    cells = {
        "a": "n = helper.count()",
        "b": "helper.SEEN['b'] = helper.count()",
        "c": "y = helper.SEEN['b']",
        "d": "z = helper.mode()",
    }
    world = start()
    for life, edit in enumerate(
        (cells, cells, cells | {"a": "n = helper.count() + helper.count()"})
    ):
        world = start(world) if life else world
        world.plain("import helper")
        for name, cell in edit.items():
            world.cell(name, cell)
    assert [ran(world, name) for name in cells] == [2, 2, 2, 1]
    assert world.live["y"] == 3


def test_a_variable_of_the_environment_is_named_and_never_kept(start: Callable[..., World]) -> None:
    """Its value may be a credential. What the restored step had set is named; a step that read it
    is restored, and one that would have to run without it is refused."""
    cells = [
        (
            "s",
            "import os; os.environ['DURANB_TEST_MODE'] = 'sesame-' + 'street'\n"
            "os.environ['A_TOKEN'] = 'open'",
        ),
        ("t", "import os; y = os.environ['DURANB_TEST_MODE'], os.environ['A_TOKEN']"),
    ]
    world = start()
    world.cell(*cells[0])
    assert not any("sesame-street" in repr(event.body) for event in world.store.events())
    world.cell(*cells[1])
    os.environ["DURANB_TEST_MODE"] = "a"
    del os.environ["A_TOKEN"]
    world = start(world)
    world.cell(*cells[0])
    assert world.lost[2] == ["$A_TOKEN", "$DURANB_TEST_MODE"]
    world.cell(*cells[1])
    assert [ran(world, n) for n in "st"] == [1, 1]
    with pytest.raises(NotRestorable, match="DURANB_TEST_MODE, which is not as step 's' left it"):
        world.cell("t", "import os; y = os.environ['DURANB_TEST_MODE']")
    os.environ["DURANB_TEST_MODE"] = "other"  # a plain cell has set it
    world.cell("t", "import os; y = os.environ['DURANB_TEST_MODE']")
    assert world.live["y"] == "other"


def test_what_a_step_was_refused_for_is_made_again(start: Callable[..., World]) -> None:
    """The step that set a variable of the environment, which nothing stores, is restored as long as
    nobody needs that. Once an edited step was refused for it, both run, in the next process too."""
    made = ("s", "import os; os.environ['DURANB_TEST_MODE'] = 'b'; x = 1")
    world = start()
    world.cell(*made)
    world.cell("t", "import os; y = os.environ['DURANB_TEST_MODE']")
    edited = ("t", "import os; y = os.environ['DURANB_TEST_MODE'] * 2")
    os.environ["DURANB_TEST_MODE"] = "a"
    world = start(world)
    world.cell(*made)
    assert ran(world, "s") == 1
    with pytest.raises(NotRestorable, match="DURANB_TEST_MODE"):
        world.cell(*edited)
    os.environ["DURANB_TEST_MODE"] = "a"
    world = start(world)
    world.cell(*made)
    assert ran(world, "s") == 2
    world.cell(*edited)
    assert world.live["y"] == "bb"


def test_a_module_is_given_again_what_a_step_was_refused_for(start: Callable[..., World]) -> None:
    """So it is with a variable of a module that holds what cannot be stored."""
    made = ("s", "helper.BOX = (n for n in range(3)); x = 1")
    world = start()
    world.plain("import helper")
    world.cell(*made)
    world.cell("t", "y = type(helper.BOX).__name__")
    world = start(world)
    world.plain("import helper")
    world.cell(*made)
    edited = ("t", "y = str(type(helper.BOX))")
    with pytest.raises(NotRestorable, match=r"helper\.BOX"):
        world.cell(*edited)
    world.cell(*made)
    assert ran(world, "s") == 2
    world.cell(*edited)
    assert "generator" in world.live["y"]


def test_what_cannot_be_kept_is_named(start: Callable[..., World]) -> None:
    """An object of a library's in a module, and one that is too large."""
    world = start()
    world.plain("import helper, msgspec")
    step = "helper.BOX = msgspec.json.Decoder(); helper.REGISTRY[:] = ['x' * 99] * 20_000"
    world.cell("s", step)
    world = start(world)
    world.plain("import helper, msgspec")
    world.cell("s", step)
    assert world.lost[2] == ["helper.BOX", "helper.REGISTRY"]


def test_a_module_begins_anew_with_an_attempt(start: Callable[..., World]) -> None:
    """What an attempt, or a step that failed, changed in a module is put back before the next one;
    what the user has set since is not."""
    world = start()
    world.plain("import helper, os\ntries = []\nadd = tries.append")
    body = (
        "seen = helper.count(), len(helper.REGISTRY), os.environ['DURANB_TEST_MODE']\n"
        "helper.REGISTRY.append(1); os.environ['DURANB_TEST_MODE'] = 'c'\n"
        "helper.SEEN['n'] = 1\n"
    )
    with pytest.raises(TimeoutError):
        world.cell("s --backoff 0 --retries 1", f"{body}raise TimeoutError()")
    assert world.live["seen"] == (1, 0, "a")
    world.plain("helper.SEEN['mine'] = 2")
    world.cell("s", body)
    assert world.live["seen"] == (1, 0, "a")
    assert world.live["helper"].SEEN == {"n": 1, "mine": 2}


def test_a_rewind_takes_modules_along(start: Callable[..., World]) -> None:
    """What steps had changed in a module is undone or done again with them. What a plain cell had
    set, and steps went by, is named."""
    world = start()
    world.plain("import helper\nhelper.MODE = 'mine'")
    world.cell("m", "y = helper.mode()")
    world.cell("a", "helper.REGISTRY.append(1)")
    world.cell("b", "helper.REGISTRY.append(2); helper.NEW = object")
    line = world.history.line
    first = world.last("a").snapshot
    lost = world.runtime.surroundings.move(line(), line(first))
    assert world.live["helper"].REGISTRY == [1] and lost == ["helper.NEW"]
    world = start(world)
    world.plain("import helper")
    assert world.runtime.surroundings.move([], line(first)) == ["helper.MODE"]
    assert world.live["helper"].REGISTRY == [1]


def test_a_function_step_reads_modules_too(start: Callable[..., World]) -> None:
    """What it could only have changed itself does not count: calls run beside each other."""
    world = start()
    world.plain(
        "import helper\n@duranb.step\ndef f(x):\n"
        "    helper.SEEN[x] = 1; helper.count()\n    return helper.mode()"
    )
    for x in (1, 2, 1, 2):
        world.plain(f"y = f({x})")
    assert ran(world, "f") == 2
    world.plain("helper.MODE = 'new'; y = f(1)")
    assert ran(world, "f") == 3 and world.live["y"] == "new"


LIBRARY = """
_cache = None
_mode = "plain"
_own = None

class Cache:
    def __init__(self): self.kept = {}

def set_cache(value):
    global _cache
    _cache = value

def set_mode(*, mode):
    global _mode
    _mode = mode

def own():
    global _own
    if _own is None:
        _own = Cache()
    return _own

def answer(question):
    if _cache is None:
        return "asked"
    return _cache.kept.setdefault(question, f"kept {len(_cache.kept)} {_mode}")
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Begins a notebook that uses an installed library, or its next life."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/library_of_others.py").write_text(LIBRARY)
    (tmp_path / "notebook").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))

    def begin(world: World | None = None) -> World:
        sys.modules.pop("library_of_others", None)
        importlib.invalidate_caches()
        if world is None:
            world = World(tmp_path / "notebook")
        else:
            world.start()
        world.plain("import library_of_others as lib\nfrom library_of_others import set_cache")
        return world

    yield begin
    sys.modules.pop("library_of_others", None)


def test_what_a_function_of_a_library_was_given_comes_back(library: Callable[..., World]) -> None:
    """The library keeps it in a global of its own, which no cell names; what later steps do to it
    without naming it comes back as well."""
    cells = {
        "one": "lib.set_mode(mode='loud')\nset_cache(lib.Cache())",
        "two": "a = lib.answer('a')",
        "three": "b = (lib.answer('b'), lib.answer('a'))",
    }
    world = library()
    for name, source in cells.items():
        world.cell(name, source)
    assert world.live["b"] == ("kept 1 loud", "kept 0 loud")
    world = library(world)
    for name, source in cells.items():
        world.cell(name, source)
        assert ran(world, name) == 1
    module = sys.modules["library_of_others"]
    assert module._mode == "loud" and not any(world.lost)
    assert module._cache.kept == {"a": "kept 0 loud", "b": "kept 1 loud"}


def test_what_a_plain_cell_gave_a_library_is_filled_again(library: Callable[..., World]) -> None:
    """The plain cell gives it an empty one in each life; a restored step has filled it."""
    world = library()
    for again in (False, True):
        if again:
            world = library(world)
        world.plain("set_cache(lib.Cache())")
        world.cell("two", "a = lib.answer('a')")
        assert ran(world, "two") == 1
        assert sys.modules["library_of_others"]._cache.kept == {"a": "kept 0 plain"}


def test_what_a_library_was_given_and_a_variable_holds_is_named(
    library: Callable[..., World],
) -> None:
    """It would come back as two."""
    world = library()
    for again in (False, True):
        if again:
            world = library(world)
        world.cell("one", "cache = lib.Cache()\nset_cache(cache)")
    assert world.lost[2] == ["library_of_others._cache"]


def test_what_a_library_makes_for_itself_is_its_own(library: Callable[..., World]) -> None:
    """A global that a function binds to what it makes is no change of the step's."""
    world = library()
    world.cell("one", "size = len(lib.own().kept)")
    assert not world.history.find("one").around
