"""Objects that something waits for the end of: ``__del__``, files, somebody's weak reference."""

from __future__ import annotations

import pytest

from tests.unit.test_alive import second_life
from tests.unit.test_state import Kernel

CLASS = (
    "import io, weakref\nended = []\n"
    "class Client:\n    def __init__(self): self.parts, self.n = {'open': True}, 0\n"
    "    def __del__(self): ended.append(self.parts); self.parts['open'] = False\n"
    "class Plain: pass\n"
    "class File(io.StringIO):\n    def close(self): ended.append(1); super().close()\n"
)

WAITED_FOR = {
    "a class with an end": "x = Client()",
    "a weak reference": "x = Plain()\nwatch = weakref.ref(x, ended.append)",
    "a finalizer": "x = Plain()\nweakref.finalize(x, ended.append, 1)",
    "a file": "x = File()",
    "a generator": "def g():\n    try: yield 1\n    finally: ended.append(1)\nx = g(); next(x)",
}


@pytest.mark.parametrize("make", WAITED_FOR.values(), ids=WAITED_FOR)
@pytest.mark.parametrize("let_go", ["del x", "x = None", "x = 5"])
def test_an_object_ends_where_the_notebook_holds_it_no_more(make: str, let_go: str) -> None:
    """As without duranb: in the middle of the cell, though a clean start may need it again."""
    kernel = Kernel()
    kernel.run(CLASS + make)
    kernel.run("y = 1")
    kernel.namespace.loosen({"x"})
    mark = kernel.namespace.mark()
    kernel.run(f"{let_go}\nthen = len(ended)")
    assert kernel["then"] == 1 and "x" in mark.tracked


def test_a_clean_start_brings_back_one_that_has_ended() -> None:
    """From the store, with what it shared."""
    kernel = Kernel()
    kernel.run(f"{CLASS}x = Client(); x.n = 4; beside = x.parts; alive = Client()")
    kernel.namespace.loosen(None)
    mark = kernel.namespace.mark()
    alive = kernel["alive"]
    kernel.run("del x\nended.clear()")
    assert kernel.namespace.rollback(mark, {"x", "ended"}) == []
    assert kernel["x"].n == 4 and kernel["x"].parts is kernel["beside"]
    assert kernel["alive"] is alive


def test_one_that_ended_and_was_never_stored_is_named() -> None:
    """It is gone, and no name is left that says otherwise."""
    kernel = Kernel()
    kernel.run(CLASS + WAITED_FOR["a generator"])
    kernel.namespace.loosen({"x"})
    mark = kernel.namespace.mark()
    kernel.run("del x")
    assert kernel.namespace.rollback(mark, {"x"}) == ["x"]
    assert "x" not in kernel.live


def test_what_was_loaded_for_one_that_is_alive_has_no_end() -> None:
    """It has given its state away: its end would be the end of that."""
    second = second_life(f"{CLASS}client = Client()", "client.n += 1", "client")
    assert second["client"].n == 1
    assert second["client"].parts == {"open": True} and second["ended"] == []
