"""A notebook goes from one Python to another: instructions are of one version only."""

from __future__ import annotations

import pytest

from duranb.state.placeholder import Placeholder
from duranb.values import definitions
from tests.engine.world import World

MAKERS = {
    "a function": "def f(): return 1",
    "a class": "class f:\n    def g(self): return 1",
    "an object of a class": "class C:\n    def g(self): return 1\nf = C()\ndel C",
    "a lambda in a list": "f = [lambda: 1]",
    "a partial": "import functools\nf = functools.partial(lambda n: n, 1)",
    "a dataclass": "import dataclasses\n@dataclasses.dataclass\nclass f:\n    n: int = 1",
}


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose first process has another Python than those that are started after it."""
    monkeypatch.setattr(definitions, "PYTHON", "3.10")
    return World()


@pytest.mark.parametrize("what", MAKERS)
def test_a_step_that_made_code_runs_again(
    moved: World, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another Python compiled would make the process crash: it is compiled anew. What holds
    no code is restored."""
    cells = {"makes": MAKERS[what], "uses": "seen = [f]", "data": "x = [1, 2]"}
    for name, source in cells.items():
        moved.cell(name, source)
    monkeypatch.undo()
    moved.start()
    for name, source in cells.items():
        moved.cell(name, source)
        if name == "makes":
            assert f"holds code of Python 3.10, which Python {definitions.PYTHON} cannot run" in (
                moved.reason
            )
    assert type(moved.live["f"]) is not Placeholder
    assert moved.last("data").of == 3
    moved.start()
    for name, source in cells.items():
        moved.cell(name, source)
        assert moved.last(name).of, "from now on it is restored"


def test_a_result_of_a_function_is_made_again(
    moved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is with what a step that is a function gave back."""
    define = "@duranb.step\ndef make(n):\n    return lambda: n\n"
    moved.plain(define)
    moved.plain("one = make(1)")
    monkeypatch.undo()
    moved.start()
    moved.plain(define)
    moved.plain("one = make(1)")
    assert moved.live["one"]() == 1
    assert moved.last("make").reason.startswith("its result holds code of Python 3.10")


def test_a_rewind_names_what_it_cannot_bring_back(
    moved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing runs, a placeholder stands for the function, and the values beside it are
    there."""
    moved.cell("s", "def f(): return 1\nboth = [f, 7]")
    monkeypatch.undo()
    moved.start()
    moved.runtime.namespace.restore(moved.last("s").outputs)
    assert moved.live["both"][1] == 7
    with pytest.raises(Exception, match=r"OtherPython: it holds code of Python 3\.10"):
        moved.live["f"]()
