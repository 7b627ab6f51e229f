"""Any program, and any walk through its history: the namespace is always that of a plain run of the
cells that lead there, aliasing included."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from IPython.core.interactiveshell import InteractiveShell

from tests.examples import examples

NAMES = ("a", "b", "c", "d")

Maker = Callable[[str, str, int], str]

BODIES: dict[str, Maker] = {
    "bind": lambda x, y, n: f"{x} = [{n}]",
    "bind a number": lambda x, y, n: f"{x} = {n}",
    "bind a dict": lambda x, y, n: f"{x} = {{'k{n}': [{n}], 'same': 'text'}}",
    "bind an array": lambda x, y, n: f"import numpy as np\n{x} = np.arange({n}, {n} + 40.0)",
    "a view": lambda x, y, n: f"{x} = {y}[2:] if isinstance({y}, np.ndarray) else {y}",
    "alias": lambda x, y, n: f"{x} = {y}",
    "nest": lambda x, y, n: f"{x} = [{y}, {y}, {n}]",
    "one or two lists": lambda x, y, n: (
        f"i = [{n}]\n{x} = [i, i] if {n} % 2 else [[{n}], [{n}]]\ndel i"
    ),
    "append": lambda x, y, n: f"{x}.append({n})",
    "set an item": lambda x, y, n: f"{x}[0] = {n}",
    "change it through another": lambda x, y, n: f"z = {x}\nz[0] = [{n}]\ndel z",
    "change inside": lambda x, y, n: f"{x}[0].append({n})",
    "delete": lambda x, y, n: f"del {x}",
    "a function of a global": lambda x, y, n: (
        f"def f(v):\n    return [v, {n}, repr({y})]\n{x} = f({n})"
    ),
    "a function that changes": lambda x, y, n: (
        f"def g():\n    {y}.append({n})\n    return len({y})\n{x} = [g()]"
    ),
    "call it": lambda x, y, n: f"{x} = [g(), f({n})]",
    "a closure": lambda x, y, n: (
        f"def make(start):\n    count = [start]\n    def step():\n        count[0] += {n}\n"
        f"        return count[0]\n    return step\ntick = make({n})"
    ),
    "call the closure": lambda x, y, n: f"{x} = [tick(), tick()]",
    "a class": lambda x, y, n: (
        f"class P:\n    made = {n}\n    def __init__(self, v):\n        self.v = v\n"
        f"    def __getitem__(self, i):\n        return [self.v, self.made, i][i]\n"
        f"    def append(self, w):\n        self.v = [self.v, w]\n{x} = P({y})"
    ),
    "an instance": lambda x, y, n: f"{x} = P([{n}])",
    "an attribute": lambda x, y, n: f"{x}.v = {y}",
    "draw": lambda x, y, n: f"import random\n{x} = [random.randrange(1000) for _ in range(2)]",
    "perhaps a number": lambda x, y, n: f"if {y} == [{n}]:\n    {x} = {n}",
    "perhaps no more": lambda x, y, n: f"if {y} == [{n}]:\n    {x} = 0\n    del {x}",
    "numbers in a loop": lambda x, y, n: f"for {x} in range(len({y})):\n    z = {x}\n    del z",
    "numbers out of sight": lambda x, y, n: f"exec('{x} = {n}')",
    "a helper's number": lambda x, y, n: (
        f"def h():\n    global {x}\n    {x} = {n}" if n % 2 else "h()"
    ),
    "everything": lambda x, y, n: f"globals()['{x}'] = [globals().get('{y}'), {n}]",
}
"""Cells that raise where they do not fit what is there: as much of them as ran then counts."""


def guarded(body: str) -> str:
    """The body as a cell that survives what does not fit."""
    inside = "\n".join(f"    {line}" for line in body.splitlines())
    misfits = "NameError, AttributeError, TypeError, LookupError, ValueError"
    return f"try:\n{inside}\nexcept ({misfits}):\n    pass"


def described(live: dict[str, Any]) -> Any:
    """The values of the user's names, and who shares what with whom."""
    numbers: dict[int, int] = {}
    keep: list[object] = []

    def walk(value: Any) -> Any:
        kind = type(value).__name__
        if kind == "ndarray":
            base = value if value.base is None else value.base
            keep.append(base)
            owner = base if isinstance(base, type(value)) else value
            while isinstance(owner.base, type(value)):
                owner = owner.base
            return "array", value.tolist()
        if isinstance(value, (list, dict)) or kind == "P":
            keep.append(value)
            first = id(value) not in numbers
            number = numbers.setdefault(id(value), len(numbers))
            if not first:
                return "again", number
            if kind == "P":
                return "P", number, walk(value.v), value.made, type(value)([0])[0]
            items = value.items() if isinstance(value, dict) else enumerate(value)
            return kind, number, [(k, walk(v)) for k, v in items]
        return repr(value)

    found = {n: walk(live[n]) for n in NAMES if n in live}
    for name in ("f", "P"):
        if name in live:
            found[name] = live[name].__code__.co_consts if name == "f" else live[name].made
    if "tick" in live:
        found["tick"] = live["tick"].__closure__[0].cell_contents[0]
    return found


def plain_run(cells: tuple[str, ...]) -> Any:
    """What the cells leave behind without duranb."""
    import random

    state = random.getstate()
    random.seed(7)
    live: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells:
        exec(cell, live)
    drawn = random.random()
    random.setstate(state)
    return described(live), drawn


class Notebook:
    """IPython with duranb, and what a plain run says of each place in its history."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.branch = "main"
        self.at: tuple[str, ...] = ()
        self.heads: dict[str, tuple[str, ...]] = {"main": ()}
        self.steps: list[tuple[str, tuple[str, ...]]] = []

    def run(self, cell: str) -> None:
        """Run a cell that has to work."""
        with contextlib.redirect_stdout(io.StringIO()) as said:
            result = self.shell.run_cell(cell)
        assert result.success, (cell, said.getvalue())

    def step(self, body: str) -> None:
        """Run a body as the next durable cell."""
        name, cell = f"s{len(self.steps)}", guarded(body)
        self.run(f"%%durable {name}\n{cell}")
        self._stand((*self.at, cell))
        self.steps.append((name, self.at))

    def plain(self, body: str) -> None:
        """Run a body as a plain cell: it belongs to the next step's past."""
        cell = guarded(body)
        self.run(cell)
        self.at = (*self.at, cell)

    def rewind(self, number: int) -> None:
        """Go back (or forth) to the state after a step."""
        name, cells = self.steps[number % len(self.steps)]
        self.run(f"%duranb rewind {name} --yes")
        self._stand(cells)

    def fork(self, number: int) -> None:
        """Begin another branch at a step."""
        name, cells = self.steps[number % len(self.steps)]
        branch = f"branch{len(self.heads)}"
        self.run(f"%duranb fork {branch} --at {name} --yes")
        self.heads[self.branch] = self.at  # what plain cells did was recorded before leaving
        self.branch = branch
        self._stand(cells)

    def switch(self, number: int) -> None:
        """Go to the head of another branch."""
        others = [b for b in self.heads if b != self.branch]
        if others:
            self.heads[self.branch] = self.at
            self.branch = others[number % len(others)]
            self.run(f"%duranb switch {self.branch} --yes")
            self._stand(self.heads[self.branch])

    def restart(self, number: int) -> None:
        """A new kernel, which comes back to where the last step left the old one."""
        import random

        self.run("%unload_ext duranb")
        self.shell.reset(new_session=False)
        random.seed(number)
        self.run("%load_ext duranb")
        self.run("%duranb rewind --yes")
        self._stand(self.heads[self.branch])

    def _stand(self, cells: tuple[str, ...]) -> None:
        self.at = self.heads[self.branch] = cells

    def check(self) -> None:
        """The namespace, and the next random number, are those of a plain run."""
        import random

        self.run("pass")
        state = random.getstate()
        found = described(self.shell.user_ns), random.random()
        random.setstate(state)
        assert found == plain_run(self.at)


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    """IPython without a kernel."""
    before = sys.modules["__main__"]  # which the shell takes the place of
    made = InteractiveShell.instance()
    # Each reset of a shell collects garbage, in all that the tests have imported so far.
    gc.collect()
    gc.freeze()
    yield made
    gc.unfreeze()
    with contextlib.redirect_stdout(io.StringIO()):
        made.run_cell("%unload_ext duranb")
    InteractiveShell.clear_instance()
    sys.modules["__main__"] = before


bodies = st.builds(
    lambda kind, x, y, n: BODIES[kind](x, y, n),
    st.sampled_from(list(BODIES)),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.integers(0, 9),
)
moves = st.one_of(
    *[st.tuples(st.just("step"), bodies)] * 5,
    st.tuples(st.just("plain"), bodies),
    *[st.tuples(st.just(what), st.integers(0, 9)) for what in ("rewind", "fork", "switch")],
    st.tuples(st.just("restart"), st.integers(0, 9)),
)


@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(moves, min_size=3, max_size=16))
def test_every_place_in_history_is_a_plain_run(
    shell: InteractiveShell,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    walk: list[tuple[str, Any]],
) -> None:
    """Cells that bind, alias, change in place, delete, define functions and classes and draw random
    numbers, with rewinds, forks, switches and restarts between them."""
    import random

    folder: Path = tmp_path_factory.mktemp("walk")
    monkeypatch.setenv("DURANB_HOME", str(folder))
    monkeypatch.setenv("DURANB_NOTEBOOK", str(folder / "walk.ipynb"))
    notebook = Notebook(shell)
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell("%unload_ext duranb")
    shell.reset(new_session=False)
    random.seed(7)
    notebook.run("%load_ext duranb")
    for what, how in walk:
        if what in ("step", "plain") or notebook.steps:
            getattr(notebook, what)(how)
            notebook.check()


REBINDING = (
    *("bind", "bind a number", "append", "perhaps a number", "perhaps no more", "delete"),
    *("numbers in a loop", "numbers out of sight", "a helper's number"),
)
"""Cells that may leave a name bound to the very object that it was bound to before."""

programs = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from(REBINDING),
        st.sampled_from(NAMES[:2]),
        st.sampled_from(NAMES[:2]),
        st.integers(0, 2),
    ),
    min_size=2,
    max_size=6,
)


@settings(
    max_examples=examples(10),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(programs, st.integers(0, 5), st.integers(0, 2), st.booleans(), st.booleans())
def test_run_all_is_a_plain_run(
    shell: InteractiveShell,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    program: list[tuple[bool, str, str, str, int]],
    edited: int,
    number: int,
    twice: bool,
    restarted: bool,
) -> None:
    """Run All after a plain cell was edited, in the same kernel or a new one: restored steps and
    what runs anew leave the namespace as if all cells had run."""
    folder: Path = tmp_path_factory.mktemp("walk")
    monkeypatch.setenv("DURANB_HOME", str(folder))
    monkeypatch.setenv("DURANB_NOTEBOOK", str(folder / "walk.ipynb"))
    notebook = Notebook(shell)
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell("%unload_ext duranb")
    shell.reset(new_session=False)
    notebook.run("%load_ext duranb")

    def run_all() -> tuple[str, ...]:
        cells = tuple(guarded(BODIES[kind](x, y, n)) for _, kind, x, y, n in program)
        for i, (cell, (durable, *_)) in enumerate(zip(cells, program, strict=True)):
            notebook.run(f"%%durable s{i}\n{cell}" if durable else cell)
        return cells

    ran = run_all()
    if twice:
        ran += run_all()
    place = edited % len(program)
    durable, kind, x, y, _ = program[place]
    if not durable:
        program[place] = (durable, kind, x, y, number)
    if restarted:
        ran = ()
        notebook.run("%unload_ext duranb")
        shell.reset(new_session=False)
        notebook.run("%load_ext duranb")
    ran += run_all()
    notebook.run("pass")
    assert described(shell.user_ns) == plain_run(ran)[0]
