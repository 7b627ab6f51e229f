"""What cells tell libraries by statements of their own: nothing that could be stored."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duranb.code import commands
from tests.engine.world import World

LIBRARY = """
def _hidden():
    state = {"mode": "plain", "given": None, "told": 0}

    def set_mode(mode, strict=False):
        if mode == "none":
            raise ValueError("there is no such mode")
        state["mode"] = mode
        state["told"] += 1

    def configure(given):
        state["given"] = given

    return set_mode, configure, lambda: state["mode"], lambda: state["given"], lambda: state["told"]

set_mode, configure, mode, given, told = _hidden()

class Options:
    __slots__ = ("_width",)

    def __init__(self): self._width = 80

    @property
    def width(self): return self._width

    @width.setter
    def width(self, value): self._width = value

options = Options()

class patched:
    def __init__(self, mode): self.mode = mode
    def __call__(self, function): return function
    def __enter__(self): self.start()
    def __exit__(self, *why): self.stop()
    def start(self): set_mode(self.mode)
    def stop(self): set_mode("plain")

class Server:
    def start(self): set_mode("served")
    def stop(self): set_mode("plain")

def patching(mode) -> patched:
    return patched(mode)
"""


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Begins a notebook that may import a library, or its next life."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/library_that_hides.py").write_text(LIBRARY)
    (tmp_path / "notebook").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))

    def start(world: World | None = None) -> World:
        sys.modules.pop("library_that_hides", None)
        importlib.invalidate_caches()
        if world is None:
            return World(tmp_path / "notebook")
        world.start()
        return world

    yield start
    sys.modules.pop("library_that_hides", None)


IMPORT = "import library_that_hides as lib\nfrom library_that_hides import options"


def run(world: World, steps: dict[str, str]) -> list[str]:
    """Run cells; the names of those that ran."""
    for name, source in steps.items():
        world.cell(name, source)
    return [name for name in steps if not world.last(name).of]


def test_a_restored_step_tells_its_library_again(begin: Callable[..., World]) -> None:
    """By a function that keeps it where nobody can look, and by an attribute that is a property."""
    steps = {
        "import": IMPORT,
        "tell": "lib.set_mode('loud', strict=True)\nlib.options.width = 50",
        "use": "seen = lib.mode(), options.width",
    }
    world = begin()
    run(world, steps)
    assert world.live["seen"] == ("loud", 50)
    world = begin(world)
    assert run(world, steps) == []
    world.plain("now = lib.mode(), options.width")
    assert world.live["now"] == ("loud", 50)


def test_what_is_told_on_some_ways_is_told_again_on_those(begin: Callable[..., World]) -> None:
    """Under a condition, in a loop, where something else may fail; each as a whole."""
    steps = {
        "import": f"{IMPORT}\nsizes, wide = [20, 30], 80",
        "tell": "if wide > 70:\n    lib.set_mode('loud')\nelse:\n    lib.set_mode('low')\n"
        "for at in range(len(sizes)):\n    options.width = sizes[at]\n"
        "try:\n    lib.set_mode('none')\nexcept ValueError:\n    lib.configure(3)",
        "use": "seen = lib.mode(), options.width, lib.given()",
    }
    world = begin()
    run(world, steps)
    assert world.live["seen"] == ("loud", 30, 3)
    world = begin(world)
    assert run(world, steps) == []
    world.plain("now = lib.mode(), options.width, lib.given()")
    assert world.live["now"] == ("loud", 30, 3)
    world = begin(world)
    assert run(world, {**steps, "tell": steps["tell"].replace("> 70", "> 90")}) == ["tell", "use"]
    assert world.live["seen"] == ("low", 30, 3)


def test_a_function_of_the_notebooks_is_not_asked_again(begin: Callable[..., World]) -> None:
    """It may do something else than to answer."""
    world = begin()
    steps = {
        "import": f"{IMPORT}\nasked = []\ndef ask():\n    asked.append(1)\n    return True",
        "tell": "if ask():\n    lib.set_mode('loud')",
    }
    run(world, steps)
    world = begin(world)
    assert run(world, steps) == []
    assert world.live["asked"] == [1]


def test_a_condition_that_may_hold_no_more_is_not_asked_again(begin: Callable[..., World]) -> None:
    """What it asks was changed by the cell itself: it is named."""
    steps = {
        "import": IMPORT,
        "tell": "if options.width > 70:\n    lib.set_mode('loud')\noptions.width = 50",
    }
    world = begin()
    run(world, steps)
    world = begin(world)
    assert run(world, steps) == []
    assert world.lost[2] == ["lib.set_mode (what options was is no longer known)"]
    world.plain("now = lib.mode(), options.width")
    assert world.live["now"] == ("plain", 50)


def test_what_still_holds_is_not_told_again(begin: Callable[..., World]) -> None:
    """What another cell has told since is: the step is as it was run."""
    steps = {"import": IMPORT, "tell": "lib.set_mode('loud')"}
    world = begin()
    run(world, steps)
    assert run(world, steps) == []
    assert world.live["lib"].told() == 1
    world.plain("lib.set_mode('low')")
    assert run(world, steps) == []
    assert (world.live["lib"].told(), world.live["lib"].mode()) == (3, "loud")


def test_another_setting_makes_those_run_that_use_the_library(begin: Callable[..., World]) -> None:
    """No others; and a setting in a plain cell counts as well."""
    steps = {
        "import": IMPORT,
        "tell": "lib.set_mode('loud')",
        "use": "seen = lib.mode()",
        "other": "n = 1 + 1",
    }
    world = begin()
    run(world, steps)
    world = begin(world)
    steps["tell"] = "lib.set_mode('low')"
    assert run(world, steps) == ["tell", "use"]
    assert world.live["seen"] == "low"
    del steps["tell"]
    world = begin(world)
    world.plain(IMPORT + "\nlib.set_mode('odd')")
    assert run(world, steps) == ["use"]
    assert world.live["seen"] == "odd"


def test_a_library_is_given_the_very_object_that_a_name_stands_for(
    begin: Callable[..., World],
) -> None:
    """What one does is seen by the other."""
    steps = {
        "import": IMPORT,
        "make": "import types\nagent = types.SimpleNamespace(said=[1])\nlib.configure(agent)",
        "work": "agent.said.append(2)",
    }
    world = begin()
    run(world, steps)
    world = begin(world)
    assert run(world, steps) == []
    assert world.live["lib"].given() is world.live["agent"]
    assert world.live["lib"].given().said == [1, 2]


def test_what_a_library_was_given_may_be_gone_since(begin: Callable[..., World]) -> None:
    """Before anybody has asked what it was."""
    world = begin()
    world.plain(IMPORT + "\nhow = 'loud'\nlib.set_mode(how)")
    world.plain("del how")
    world.cell("use", "seen = lib.mode()")
    assert world.live["seen"] == "loud"


def test_what_a_library_takes_no_more_is_named(begin: Callable[..., World]) -> None:
    """With what it says; and what cannot be told again, since nobody knows what it was."""
    world = begin()
    told = "how = ['loud']\nlib.set_mode(how[0])\nhow[0] = 'none'"
    steps = {"import": IMPORT, "tell": told, "other": "n = 1\nlib.set_mode(n)\nn = 2"}
    run(world, steps)
    world = begin(world)
    world.cell("import", steps["import"])
    world.cell("tell", steps["tell"])
    assert world.lost[2] == ["lib.set_mode (ValueError: there is no such mode)"]
    world.cell("other", steps["other"])
    assert world.lost[2] == ["lib.set_mode (what n was is no longer known)"]


TELLS = [
    "np.seterr(all='raise')",
    "torch.set_default_dtype(torch.float64)",
    "mp.dps = 50",
    "alt.data_transformers.disable_max_rows()",
    "jax.config.update('jax_enable_x64', True)",
    "nltk.data.path.append('/data')",
    "cv2.setNumThreads(1)",
    "faiss.omp_set_num_threads(1)",
    "nest_asyncio.apply()",
    "tqdm.pandas()",
    "set_llm_cache(InMemoryCache())",
    "dspy.configure(lm=lm, adapter=lambda x: x)",
    "if more and torch.cuda.is_available():\n    torch.set_default_device('cuda')",
    "for name in ('a', 'b'):\n    import lib\n    lib.register(name)\n    print(name)",
    "with warnings.catch_warnings():\n    lib.set_mode(1)",
    "try:\n    lib.set_mode(1)\nexcept ValueError:\n    pass",
    "for n in [1, 2]:\n    if n > 1:\n        lib.set_mode(n)\n    else:\n        pass",
]
TELLS_NOTHING = [
    "x = torch.set_default_dtype(1)",
    "model.fit(x)",
    "plt.show()",
    "torch.manual_seed(3)",
    "transformers.set_seed(1)",
    "print(np.seterr())",
    "x.append(1)",
    "settings()",
    "table['a'] = 3",
    "a.b, c.d = 1, 2",
    "lib.use([f(n) for n in range(3)])",
    "lib.set_mode(await ask())",
    "if more:\n    lib.set_mode(1)\n    n = 1",
    "for n in [1, 2]:\n    ask(n)\n    lib.set_mode(n)",
    "for n in (m for m in more):\n    lib.set_mode(n)",
    "while more():\n    lib.set_mode(1)",
    "if more:\n    def told(): lib.set_mode(1)",
]


@pytest.mark.parametrize("source", TELLS)
def test_statements_that_tell_a_library_something(source: str) -> None:
    """Calls for their own sake of what is called to set something, and attributes that are set."""
    assert [each.source for each in commands.of_cell(ast.parse(source))] == [source]


@pytest.mark.parametrize("source", TELLS_NOTHING)
def test_statements_that_do_not(source: str) -> None:
    """Values are stored, random generators told by where they stand; and what does more than tell
    is not done again for that."""
    assert commands.of_cell(ast.parse(source)) == ()


def test_the_latest_of_several_holds() -> None:
    """Of one function it is that with the same first word and the same named arguments; what is
    added stays beside what was added before."""
    one, other, word, added = (
        [each.key for each in commands.of_cell(ast.parse(source))]
        for source in (
            "lib.set_mode('a')\nlib.set_mode('a', strict=1)",
            "lib.set_size(1)\nlib.set_size(2)",
            "lib.config.update('a', 1)\nlib.config.update('b', 1)\nlib.config.update('a', 2)",
            "lib.path.append('a')\nlib.path.append('b')",
        )
    )
    assert len(set(one)) == 2 and len(set(other)) == 1
    assert len(set(word)) == 2 and len(set(added)) == 2


def test_what_a_called_function_tells_is_told_again(begin: Callable[..., World]) -> None:
    """By its own statements and those of one that it calls, with what it was given; a name of its
    own it needs nobody knows any more, and that is said."""
    steps = {
        "import": f"{IMPORT}\nwide = 30\ndef widen(to):\n    options.width = to",
        "define": "def tell(mode, *, strict=False, to=60):\n"
        "    import library_that_hides as inside\n    inside.set_mode(mode, strict=strict)\n"
        "    widen(to)\n    if mode == 'low':\n        return 1\n    lib.configure(5)\n",
        "tell": "told = tell('loud', to=wide)",
        "use": "seen = lib.mode(), options.width",
        "lose": "def lose():\n    mine = wide + 1\n    lib.configure(mine)\nlose()",
    }
    world = begin()
    run(world, steps)
    assert world.live["seen"] == ("loud", 30)
    world = begin(world)
    lost = []
    for name in steps:
        assert run(world, {name: steps[name]}) == []
        lost += world.lost[2]
    assert lost == [
        "lib.configure (what the way through tell() was is no longer known)",
        "lib.configure (what mine was is no longer known)",
    ]
    world.plain("now = lib.mode(), options.width, lib.given()")
    assert world.live["now"] == ("loud", 30, None)
    world = begin(world)
    louder = {**steps, "define": steps["define"].replace("(mode,", "('very ' + mode,")}
    louder["define"] = louder["define"].replace("tell('very ' + mode,", "tell(mode,")
    assert run(world, louder) == ["define", "tell", "use"]
    assert world.live["seen"] == ("very loud", 30)


def test_a_patch_that_was_started_by_hand_is_started_again(begin: Callable[..., World]) -> None:
    """One that has a name, and one that has none, unless it was ended; a server is no patch."""
    named = {"import": IMPORT, "make": "by = lib.patched('p')", "start": "by.start()"}
    world = begin()
    run(world, named)
    world = begin(world)
    assert run(world, named) == []
    world.plain("now = lib.mode()")
    assert world.live["now"] == "p"
    unnamed = {"import": IMPORT, "anew": "n = 1\nlib.patching('q').start()", "after": "m = n"}
    world = begin()
    run(world, unnamed)
    world = begin(world)
    assert run(world, unnamed) == []
    world.plain("now = lib.mode()")
    assert world.live["now"] == "q"
    ended = {**named, "end": "by.stop()", "serve": "lib.Server().start()"}
    world = begin()
    run(world, ended)
    world = begin(world)
    assert run(world, ended) == []
    world.plain("now = lib.mode()")
    assert world.live["now"] == "plain"
