"""Rewind, replay, fork and switch in a real kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.kernel.harness import Kernel

SETUP = "base = [1]"
ONE = "%%durable one\na = base + [2]"
TWO = "%%durable two\nb = sum(a)"
THREE = "%%durable three\nc = b * 10\na.append('late')"


def run(kernel: Kernel, *cells: str) -> None:
    """Run cells that must work."""
    for cell in cells:
        result = kernel.run(cell)
        assert result.error is None, result.text


def test_rewind_brings_back_the_state(kernel: Kernel) -> None:
    """Values, deletions and in-place changes are undone; nothing runs; the history keeps all. A
    file that a step wrote to through a variable is named: it stays as it is."""
    run(kernel, SETUP, "import sqlite3\nlog, other = map(sqlite3.connect, ('log.db', 'other.db'))")
    run(kernel, ONE, TWO, f"{THREE}\nlog.execute('create table said (what)')")
    shown = kernel.run("%duranb rewind two --dry-run")
    assert "brings back 1 variable: a" in shown.stdout and "removes 1 variable: c" in shown.stdout
    assert kernel.value("('c' in globals(), a)") == "(True, [1, 2, 'late'])"
    said = kernel.run("%duranb rewind two --yes").text
    assert "log.db is not rewound, in which log keeps its state" in said and "other" not in said
    assert kernel.value("('c' in globals(), a, b)") == "(False, [1, 2], 3)"
    run(kernel, "%duranb rewind one --before --yes")
    assert kernel.value("('a' in globals(), base)") == "(False, [1])"
    run(kernel, "%duranb rewind three --yes")
    assert kernel.value("(a, b, c)") == "([1, 2, 'late'], 3, 30)"


def test_rewind_without_a_step_in_a_fresh_kernel(kernel: Kernel) -> None:
    """The whole namespace of the head comes back without running a cell, functions included."""
    run(kernel, "def f(x):\n    return x + k\nk = 1", SETUP, ONE, TWO, "%%durable z\nq = f(b)")
    kernel.restart()
    run(kernel, "%duranb rewind --yes")
    assert kernel.value("(a, b, q, f(1))") == "([1, 2], 3, 4, 2)"
    run(kernel, "k = 10")
    assert kernel.value("f(1)") == "11"


@pytest.mark.parametrize(
    "use",
    [
        "print(type(big).__name__, float(big.sum()))",
        "%%durable use\nprint(type(big).__name__, float(big.sum()))",
        "def f(): return big\nprint(type(f()).__name__, float(f().sum()))",
        "exec('print(type(big).__name__, float(big.sum()))')",
        "%time print(type(big).__name__, float(big.sum()))",
        "print(type(globals()['big']).__name__, float(np.add.reduce(big)))",
    ],
    ids=["plain", "durable", "function", "exec", "magic", "globals"],
)
def test_large_values_are_themselves_to_every_cell(kernel: Kernel, use: str) -> None:
    """After a restart and a rewind a large array is an array, however a cell comes by it."""
    run(kernel, "import numpy as np", "%%durable make\nbig = np.ones(400_000); small = 1")
    kernel.restart()
    run(kernel, "%duranb rewind --yes")
    assert kernel.run(use).stdout.startswith("ndarray 400000.0")


def test_replay_uses_the_recorded_inputs(kernel: Kernel) -> None:
    """A step replayed alone sees its inputs as they were, and later ones go stale, not away."""
    run(kernel, SETUP, ONE, TWO, THREE, "base = [100]")
    run(kernel, "%duranb replay one --yes")
    assert kernel.value("(base, a, c)") == "([1], [1, 2], 30)"
    run(kernel, "%duranb replay one --with base=[5] --yes")
    assert kernel.value("(a, c)") == "([5, 2], 30)"
    run(kernel, "%duranb replay --stale --yes")
    assert kernel.value("(b, c)") == "(7, 70)"


def test_replay_from_runs_what_follows(kernel: Kernel) -> None:
    """--from replays a step and what comes after it, restored where nothing changed."""
    run(kernel, SETUP, ONE, TWO, THREE)
    run(kernel, "%duranb replay --from one --with base=[7] --yes")
    assert kernel.value("(b, c)") == "(9, 90)"


def test_replay_from_follows_the_data(kernel: Kernel) -> None:
    """A step that was replayed alone ran last; what was computed from it still comes after it."""
    chain = ["k = 1", "%%durable a\nx = k", "%%durable b\ny = x * 10", "%%durable c\nz = y + 1"]
    run(kernel, *chain, "%duranb replay b --yes", "%duranb replay --from a --with k=2 --yes")
    assert kernel.value("(x, y, z)") == "(2, 20, 21)"


def test_fork_and_switch_keep_both_lines(kernel: Kernel) -> None:
    """Two branches each have their own state; switching brings it back."""
    run(kernel, SETUP, ONE, TWO)
    run(kernel, "%duranb fork other --at one --yes")
    assert kernel.value("'b' in globals()") == "False"
    run(kernel, "%%durable two\nb = 'other'")
    run(kernel, "%duranb switch main --yes")
    assert kernel.value("b") == "3"
    run(kernel, "%duranb switch other --yes")
    assert kernel.value("b") == "'other'"
    again = kernel.run("%duranb fork main --yes")
    assert again.error is not None and "already" in again.error[1]


def test_renamed_notebook_is_offered_what_it_left_behind(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    """A kernel of the new name says so, and one word goes on with the old history."""
    old = kernels("draft")
    old.notebook.write_text("{}")
    old.start().run("%%durable one\na = 1\nprint('ran')")
    refused = kernels("draft2").start().run("%duranb adopt draft")
    assert refused.error is not None and "left behind are: none" in refused.error[1]
    old.stop()
    old.notebook.rename(tmp_path / "final.ipynb")
    new = kernels("final").start(extension=False)
    assert "%duranb adopt draft" in new.run("%load_ext duranb").notices
    assert "come back to" in new.run("%duranb adopt draft").notices
    assert "nothing ran" in new.run("%%durable one\na = 1\nprint('ran')").notices
    again = new.run("%duranb adopt draft")
    assert again.error is not None and "a store of its own" in again.error[1]


def test_replay_shows_what_the_cell_shows(kernel: Kernel) -> None:
    """A value is shown again by a replay; after a semicolon it is not."""
    run(kernel, "%%durable loud\nx = 41\nx + 1", "%%durable quiet\ny = 1\ny + 6;")
    assert kernel.run("%duranb replay loud --yes").value == "42"
    assert kernel.run("%duranb replay quiet --yes").value is None


def test_unknown_words_are_one_message(kernel: Kernel) -> None:
    """A step, branch, verb or option that is not there is said plainly, with what there is."""
    run(kernel, SETUP, ONE)
    for line, word in (
        ("rewind nowhere", "the steps are: one"),
        ("switch nowhere", "the branches are main"),
        ("rewnd one", "no verb"),
        ("rewind one --bad", "No such option"),
        ("replay one --stale", "replay takes"),
    ):
        result = kernel.run(f"%duranb {line}")
        assert result.error is not None and word in result.error[1], result.text
        assert "Traceback" not in result.error[2]


@pytest.mark.parametrize(
    "written",
    ["%duranb  fork '{}' --yes", "if True:\n    %duranb fork {} --yes", '%duranb fork "{}" --yes'],
)
def test_a_verb_is_carried_out_however_it_is_written(kernel: Kernel, written: str) -> None:
    """With quotes, more spaces, or inside a block."""
    kernel.run("%%durable s\nx = 1")
    result = kernel.run(written.format("idea"))
    assert "on branch idea" in result.stdout, result.text


def test_without_yes_and_nobody_to_ask_nothing_changes(kernel: Kernel) -> None:
    """A verb that nobody confirms changes nothing."""
    run(kernel, SETUP, ONE, TWO)
    assert "nothing was changed" in kernel.run("%duranb rewind one").stdout
    assert kernel.value("b") == "3"


def test_what_is_not_loaded_yet_shows_as_what_it_is(kernel: Kernel) -> None:
    """``%whos`` after a rewind tells the types of large values too."""
    kernel.run("%%durable s\nwords = [f'w{i}' for i in range(400_000)]")
    kernel.restart()
    kernel.run("%duranb rewind --yes")
    line = next(x for x in kernel.run("%whos").stdout.splitlines() if x.startswith("words"))
    assert line.split()[1] == "list"


def test_the_verbs_are_methods_too(kernel: Kernel) -> None:
    """What ``%duranb VERB`` does and shows, ``duranb.current()`` does and gives."""
    run(kernel, "import duranb", SETUP, ONE, TWO, THREE, "here = duranb.current()")
    for verb, words, call in (
        ("status", "", "status()"),
        ("show", "two", "show('two')"),
        ("diff", "one two", "diff('one', 'two')"),
    ):
        shown = kernel.run(f"%duranb {verb} {words}").value
        assert shown is not None and kernel.run(f"here.{call}").value == shown
    assert "three" in kernel.value("here.log(3)")
    plan = kernel.run("here.rewind('two')")
    assert (
        plan.value is not None and "removes" in plan.value and "nothing has changed" in plan.value
    )
    assert kernel.value("c") == "30"
    run(kernel, "await here.rewind('two').apply()")
    assert kernel.value("('c' in globals(), a)") == "(False, [1, 2])"
    run(kernel, "await duranb.current().fork('idea', at='one').apply()")
    run(kernel, "await duranb.current().replay('two', with_={'a': '[5]'}).apply()")
    assert kernel.value("b") == "5"
    run(kernel, "await duranb.current().switch('main').apply()")
    assert kernel.value("b") == "3"
    refused = kernel.run("duranb.current().show('nowhere')")
    assert refused.error is not None and "nowhere" in refused.error[1]


def test_verify_and_export_from_inside(kernel: Kernel) -> None:
    """The command line's verbs on this notebook, while its kernel holds the store."""
    cells = [SETUP, ONE, TWO]
    made = list(map(nbformat.v4.new_code_cell, cells))
    nbformat.write(nbformat.v4.new_notebook(cells=made), kernel.notebook)
    run(kernel, *cells)
    assert "all as acknowledged" in kernel.run("%duranb verify").stdout
    assert "2 steps rerun offline" in kernel.run("%duranb verify --replay").stdout
    run(kernel, "%duranb export --target script -o agent.py")
    assert "def two" in (kernel.notebook.parent / "agent.py").read_text()
    assert "flowchart" in kernel.run("%duranb export --target mermaid").stdout
    run(kernel, "%%durable odd\nimport time; when = time.time()")
    differs = kernel.run("%duranb verify --replay")
    assert differs.error is not None and "odd" in differs.error[1], differs.text
    refused = kernel.run("%duranb export --target stone")
    assert refused.error is not None and "stone" in refused.error[1]
    assert "Traceback" not in refused.error[2]
    run(kernel, "%%durable three\nc = b + 1")  # the store is still this kernel's


def test_a_life_of_plain_cells_is_nothing_to_come_back_to(kernels: Callable[..., Kernel]) -> None:
    """A kernel in which a rewind was only looked at does not take the place of the one before it,
    nor do several."""
    kernel = kernels().start()
    kernel.run("%%durable one\nx = [1]")
    for _ in range(2):
        kernel.restart()
        kernel.run("y = 2")
        assert "brings back" in kernel.run("%duranb rewind --dry-run").text
    kernel.restart()
    assert kernel.run("%duranb rewind --yes").error is None
    assert kernel.value("x") == "[1]"


def test_a_notebook_without_a_name_is_told_whose_history_it_has(
    kernels: Callable[..., Kernel],
) -> None:
    """nbconvert, papermill and consoles name none: what runs so in a folder shares a history."""
    kernel = kernels("any", DURANB_NOTEBOOK="").start(extension=False)
    said = [kernel.run("%load_ext duranb").notices, kernel.run("%%durable a\nx = 1").notices]
    assert "no name" not in "".join(said)
    kernel.kill()
    kernel.start(extension=False)
    assert "has no name here" in kernel.run("%load_ext duranb").notices
    assert (kernel.notebook.parent / ".duranb" / "untitled").exists()
