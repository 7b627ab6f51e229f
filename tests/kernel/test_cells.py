"""A durable cell is a cell: what it shows, keeps and restores in a real kernel."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.harness import Kernel, until

BODIES = {
    "print": "print('a'); x = 1",
    "value": "x = 41\nx + 1",
    "quiet": "x = 41\nx + 1;",
    "display": "from IPython.display import display, HTML\ndisplay(HTML('<b>x</b>'))\nx = 1",
    "await": "import asyncio\nawait asyncio.sleep(0)\nx = 5\nx",
    "async for": (
        "async def three():\n    for i in range(3):\n        yield i\n"
        "x = []\nasync for i in three():\n    x.append(i)\nx"
    ),
    "shell": "x = !echo hello\nx[0]",
    "line magic": "%time x = 3\nx",
    "cell magic below": "%%capture out\nprint('hidden')\nx = 2",
    "threads": (
        "import threading\nt = threading.Thread(target=lambda: print('from a thread'))\n"
        "t.start(); t.join(); x = 1"
    ),
    "error": "x = 1\ny = 2\nraise KeyError('z')",
    "nested error": "def f():\n    return 1 / 0\nx = 1\nf()",
    "future": "from __future__ import annotations\ndef f(a: Undefined) -> None: ...\nx = 1",
    "syntax error": "x = (1\n",
    "loose break": "break",
    "loose return": "return 1",
    "global": "x = 1\nglobal x\nx = 2\nx",
    "underscore": "x = 7\nx",
    "stderr": "import sys\nprint('oops', file=sys.stderr); x = 1",
    "clear": "from IPython import display\nprint('a'); display.clear_output(); print('b')\nx = 1",
    "semicolon in string": "x = 'a;'\nx",
    "walrus and loop": "for i in range(3):\n    x = (y := i) + 1\n(x, y, i)",
}


def seen(kernel: Kernel, code: str) -> tuple[object, object]:
    """What a person sees of a cell: outputs without duranb's own lines, and the error.

    A busy machine may send what was printed in pieces: they are one text again here.
    """
    result = kernel.run(code)
    shown: list[tuple[str, object]] = []
    for kind, content in result.messages:
        data = content.get("data") or {}
        if str(data.get("text/html", "")).startswith('<div class="duranb'):
            continue
        if kind == "stream":
            kind = content["name"]
            if shown and shown[-1][0] == kind:
                shown[-1] = (kind, f"{shown[-1][1]}{content['text']}")
                continue
        shown.append((kind, content.get("text") or data))
    error = None
    if result.error is not None:
        arrow = [line for line in result.error[2].splitlines() if "--->" in line]
        error = (result.error[0], re.sub(r"\d+\.py", "cell.py", result.error[1]), len(arrow))
    return shown, error


@pytest.mark.parametrize("body", BODIES, ids=lambda k: k.replace(" ", "-"))
def test_durable_cell_shows_what_a_plain_cell_shows(kernel: Kernel, body: str) -> None:
    """The same body gives the same outputs, result and error with and without the first line."""
    code = BODIES[body]
    plain = seen(kernel, code if code.startswith("%%") else f"# a comment\n{code}")
    durable = seen(kernel, f"%%durable step_x\n{code}")
    if body == "line magic":  # %time prints the time it took
        assert plain[1] == durable[1]
    else:
        assert plain == durable


def test_restores_after_a_restart(kernel: Kernel) -> None:
    """After a restart a step's variables, prints, rich output and result are back; nothing ran."""
    cell = (
        "%%durable first\n"
        "import pathlib\n"
        "p = pathlib.Path('ran.txt'); n = int(p.read_text()) + 1 if p.exists() else 1\n"
        "p.write_text(str(n))\n"
        "print('printed')\n"
        "data = {'n': n, 'list': [1, 2]}\n"
        "same = data['list']\n"
        "data"
    )
    before = kernel.run(cell)
    kernel.restart()
    after = kernel.run(cell)
    assert after.error is None, after.text
    assert after.stdout == before.stdout == "printed\n"
    assert after.value == before.value
    assert "restored" in after.notices
    assert kernel.value("(data, same is data['list'], _ is data)") == kernel.value(
        "({'n': 1, 'list': [1, 2]}, True, True)"
    )
    assert (kernel.notebook.parent / "ran.txt").read_text() == "1"


def test_runs_again_only_when_code_or_inputs_change(kernel: Kernel) -> None:
    """A comment or layout restores; a changed value, body or helper runs the step again."""
    kernel.run("def double(v):\n    return v * 2\nn = 2")
    kernel.run("%%durable s\nprint('ran')\nout = double(n)")

    def runs(cell: str = "%%durable s\nprint('ran')\nout = double(n)") -> bool:
        result = kernel.run(cell)
        assert result.error is None, result.text
        return "restored" not in result.notices

    assert not runs()
    assert not runs("%%durable s\n# new comment\nprint( 'ran' )\n\nout = double(n)")
    kernel.run("n = 3")
    assert runs()
    assert kernel.value("out") == "6"
    kernel.run("n = 2")
    assert not runs()
    assert kernel.value("out") == "4"
    kernel.run("def double(v):\n    return v * 20  # changed")
    assert runs()
    assert kernel.value("out") == "40"
    kernel.run("def double(v):\n    # only a comment\n    return v * 20")
    assert not runs()


def test_in_place_change_of_an_input_runs_the_step_again(kernel: Kernel) -> None:
    """A plain cell that changes an input in place, even through an alias, is seen."""
    kernel.run("docs = [1, 2]; alias = docs")
    cell = "%%durable total\nt = sum(docs)"
    kernel.run(cell)
    kernel.run("alias.append(3)")
    assert "restored" not in kernel.run(cell).notices
    assert kernel.value("t") == "6"


def test_code_that_could_read_anything_runs_again_when_anything_changed(kernel: Kernel) -> None:
    """A step with exec or eval depends on all variables there are when it runs, except those that
    it makes itself; with --inputs on those alone."""
    kernel.run("n, other = 1, 1\ncode = 'total = n + 1'")
    steps = {
        "%%durable cell\nexec(code)": "total",
        "%%durable helped\nfound = look()": "found",
        "%%durable narrow --inputs n\nnarrowed = eval('n + 1')": "narrowed",
    }
    kernel.run("def look():\n    return globals()['n'] + 1")

    def ran() -> list[str]:
        return [n for cell, n in steps.items() if "restored" not in kernel.run(cell).notices]

    assert ran() == ["total", "found", "narrowed"]
    assert ran() == []
    kernel.run("n = 2")
    assert ran() == ["total", "found", "narrowed"]
    assert kernel.value("(total, found, narrowed)") == "(3, 3, 3)"
    kernel.run("other = 2")
    assert ran() == ["total", "found"]


def test_helpers_named_only_by_options_count(kernel: Kernel) -> None:
    """The helper in --validate is part of the step, and --inputs says nothing about code."""
    kernel.run("def good(v):\n    return True\ndef twice(v):\n    return v * 2\nn, m = 1, 1")
    checked = "%%durable checked --validate good(v)\nv = n"
    narrow = "%%durable narrow --inputs n\nw = twice(n) + m"
    for cell in (checked, narrow):
        kernel.run(cell)
        assert "restored" in kernel.run(cell).notices
    kernel.run("m = 5")
    assert "restored" in kernel.run(narrow).notices
    kernel.run("def good(v):\n    return v > 0\ndef twice(v):\n    return v + v")
    for cell, helper in ((checked, "good"), (narrow, "twice")):
        assert "restored" not in kernel.run(cell).notices
        assert f"helper {helper} changed" in kernel.run(f"%duranb show {cell.split()[1]}").text


def test_steps_stand_on_what_a_rewind_brought_back(kernel: Kernel) -> None:
    """Classes that came out of the store are the ones that went in: nothing runs."""
    kernel.run(
        "class Tool:\n"
        "    'Doc.'\n"
        "    class Inner:\n        def go(self): return 1\n"
        "    limits = {'a', 'b'}\n"
        "    def use(self): return self.Inner().go()\n"
        "tool = Tool()\n"
        "inner = Tool.Inner()"
    )
    cell = "%%durable s\nout = tool.use() + inner.go()"
    kernel.run(cell)
    kernel.restart()
    kernel.run("%duranb rewind --yes")
    assert "restored" in kernel.run(cell).notices


def test_an_edited_module_counts_from_when_its_code_runs(kernel: Kernel) -> None:
    """A file edited after the import is the new code after a restart; what autoreload brings up to
    date counts at once."""
    file = kernel.notebook.parent / "mod.py"
    file.write_text("def go(): return 1\n")
    cell = "%%durable s\nout = mod.go()"
    named = "%%durable named\nimport importlib\nsame = importlib.import_module('mod').go()"
    kernel.run("%%durable begin\nbegun = 1")
    kernel.run("import mod")
    file.write_text("def go(): return 22\n")
    for step in (cell, named):
        kernel.run(step)
    assert kernel.value("(out, same)") == "(1, 1)"
    kernel.restart()
    kernel.run("import mod\n%load_ext autoreload\n%autoreload 2")
    for step in (cell, named):
        assert "restored" not in kernel.run(step).notices
    assert kernel.value("(out, same)") == "(22, 22)"
    file.write_text("def go(): return 333\n")
    later = file.stat().st_mtime + 5
    os.utime(file, (later, later))
    assert "restored" not in kernel.run(cell).notices
    assert kernel.value("out") == "333"
    assert "module mod changed" in kernel.run("%duranb show s").text


def test_always_and_fresh_run_every_time(kernel: Kernel) -> None:
    """--always and --fresh never restore."""
    for flag in ("--always", "--fresh"):
        cell = f"%%durable s{flag[2:]} {flag}\nprint('ran')\nv = 1"
        assert kernel.run(cell).stdout == "ran\n"
        assert kernel.run(cell).stdout == "ran\n"


def test_transport_failure_is_retried_and_starts_clean(kernel: Kernel) -> None:
    """A retried attempt sees its inputs, new names and random state as the first one did."""
    kernel.run("tries = []; box = [0]\nimport random, pathlib; random.seed(1)")
    result = kernel.run(
        "%%durable s --retries 2 --backoff 0\n"
        "p = pathlib.Path('n.txt'); n = int(p.read_text()) if p.exists() else 0\n"
        "p.write_text(str(n + 1))\n"
        "clean = 'left' not in globals()\n"
        "left = 1\n"
        "box.append(n)\n"
        "draw = random.random()\n"
        "if n < 2: raise ConnectionError('down')\n"
    )
    assert result.error is None, result.text
    assert "attempt 1 of 3 failed" in result.notices
    assert kernel.value("(box, clean)") == "([0, 2], True)"
    kernel.run("random.seed(1)")
    assert kernel.value("draw == random.random()") == "True"


def test_code_failure_is_not_retried_and_leaves_its_variables(kernel: Kernel) -> None:
    """A KeyError stops at once; what it left can be looked at; the next run starts clean."""
    kernel.run("log = []")
    bad = kernel.run("%%durable s\nlog.append(1)\nhalf = 5\nraise KeyError('no')")
    assert bad.error is not None and bad.error[0] == "KeyError"
    assert kernel.value("(log, half)") == "([1], 5)"
    good = kernel.run("%%durable s\nlog.append(1)\nfound = 'half' in globals()")
    assert good.error is None, good.text
    assert kernel.value("(log, found)") == "([1], False)"


@pytest.mark.parametrize("between", ["restart", "fork"])
def test_next_run_starts_clean_in_another_life_too(kernel: Kernel, between: str) -> None:
    """What a failed step left comes back with the head, and its next run starts without it; what
    the user has changed since stays."""
    kernel.run("log = []; other = 0; import random; random.seed(1)")
    kernel.run("%%durable s\nlog.append(1)\nhalf = other = random.random()\nraise KeyError('no')")
    draw = kernel.value("half")
    if between == "restart":
        kernel.restart()
        kernel.run("%duranb rewind --yes")
    else:
        kernel.run("%duranb fork idea --yes")
    assert kernel.value("(log, half == other)") == "([1], True)"
    kernel.run("other = 7")
    good = kernel.run(
        "%%durable s\nlog.append(1)\nfound = 'half' in globals()\ndraw = random.random()"
    )
    assert good.error is None, good.text
    assert kernel.value("(log, found, other)") == "([1], False, 7)"
    assert kernel.value("draw") == draw


def test_failed_start_leaves_alone_what_only_shared_with_what_it_changed(kernel: Kernel) -> None:
    """The failed step changed a list; what holds the same list as another name does was made anew
    since, and stays what it is by now."""
    kernel.run("base = [1]\nn = 1")
    cells = ["%%durable a\nown = {'of': base}", "%%durable b\npair = [base, n]"]
    failing = "%%durable c\nown['k'] = 1\nraise ValueError"
    for cell in [*cells, failing]:
        kernel.run(cell)
    kernel.run("n = 2")
    for cell in ["own = {'of': base}", cells[1], failing]:
        kernel.run(cell)
    assert kernel.value("(pair, pair[0] is base)") == "([[1], 2], True)"


def test_failed_start_is_left_alone_where_the_user_mended_it(kernel: Kernel) -> None:
    """What a plain cell changed after the failure is not put back."""
    kernel.run("d = {'a': 1}")
    kernel.run("%%durable s\nd['b'] = 2\nraise KeyError('no')")
    kernel.run("d = {'a': 10}")
    kernel.run("%%durable s\nd['c'] = 3")
    assert kernel.value("d") == "{'a': 10, 'c': 3}"


def test_validate_rejects(kernel: Kernel) -> None:
    """A --validate that does not hold fails the step; with no model's answer it is code."""
    result = kernel.run("%%durable s --validate 'x > 3'\nx = 1")
    assert result.error is not None and "x > 3" in result.error[1]
    assert kernel.run("%%durable s --validate 'x > 3'\nx = 5").error is None


def test_timeout_interrupts_sync_and_async(kernel: Kernel) -> None:
    """--timeout ends a blocking sync body and an async one, whatever the body catches; a function
    step's own clock does not stop its cell's."""
    nested = "import duranb, time\n@duranb.step(timeout=9)\ndef f(): return 1\nf()\ntime.sleep(30)"
    for name, body in (
        ("a", "import time\ntime.sleep(30)"),
        ("b", "import asyncio\nawait asyncio.sleep(30)"),
        ("c", "import time\nfor _ in 'ab':\n    try: time.sleep(30)\n    except Exception: pass"),
        ("d", "!sleep 30"),
        ("e", nested),
    ):
        result = kernel.run(f"%%durable {name} --timeout 0.3 --retries 0\nx = 1\n{body}")
        assert result.error is not None and result.error[0] == "StepTimeout", result.text
        assert "--timeout of 0.3 s" in result.error[1]


def test_interrupt_cancels_like_a_plain_cell(kernel: Kernel) -> None:
    """Stop raises KeyboardInterrupt in a sync and in an async durable cell; the kernel goes on."""
    begun = kernel.notebook.parent / "begun"
    for name, body in (
        ("a", "import time\ntime.sleep(30)"),
        ("b", "import asyncio\nawait asyncio.sleep(30)"),
    ):
        sent = kernel.submit(f"%%durable {name}\nx = 1\nopen('begun', 'w').close()\n{body}")
        until(begun.exists)
        begun.unlink()
        kernel.interrupt()
        result = kernel.collect(sent)
        assert result.error is not None
        assert result.error[0] in ("KeyboardInterrupt", "CancelledError")
        assert f"{name}" in kernel.run("%duranb status").text
    assert "cancelled" in kernel.run("%duranb status").text


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("s --retri 3", "did you mean --retries"),
        ("s --retries many", "whole number"),
        ("s two", "two names"),
        ("s --validate", "needs a value"),
        ("s --validate 'x >'", "no expression"),
        ("1s", "no step name"),
        ("s --timeout -1", "number of seconds"),
        ("s 'unclosed", "quotation"),
        ("s --always=no", "takes no value"),
        ("s --outputs y", "nothing in this cell makes 'y'"),
        ("s --inputs y", "there is no variable 'y'"),
    ],
)
def test_bad_first_line_is_one_clear_message(kernel: Kernel, line: str, word: str) -> None:
    """A bad option names itself, runs nothing and loses nothing."""
    result = kernel.run(f"%%durable {line}\nx = 1")
    assert result.error is not None and result.error[0] == "UsageError"
    assert word.lower() in result.error[1].lower()
    assert "Traceback" not in result.error[2]
    assert kernel.value("'x' in globals()") == "False"


@pytest.mark.parametrize("last", ["break", "return x", "yield x", "nonlocal x", "x = ("])
def test_cell_that_does_not_compile_never_begins(kernel: Kernel, last: str) -> None:
    """A syntax error, be it one that only compiling finds, is a plain cell's: nothing of the cell
    runs or is left running."""
    result = kernel.run(f"%%durable s\nx = 1\n{last}")
    assert result.error is not None and "line 3" in result.error[2]
    assert kernel.value("'x' in globals()") == "False"
    assert "no durable cell has run" in kernel.run("%duranb status").text
    plain = kernel.run(f"x = 1\n{last}")
    assert plain.error is not None
    assert result.error[0] == plain.error[0]  # SyntaxError, or a kind of it where Python has one


@pytest.mark.parametrize("above", ["# a comment", "%%time", "%%durable t"])
def test_durable_line_below_something_is_refused(kernel: Kernel, above: str) -> None:
    """A cell that only looks durable does not run; empty lines above do no harm."""
    result = kernel.run(f"{above}\n%%durable s\nx = 1")
    assert result.error is not None and "first line" in result.error[1]
    assert kernel.value("'x' in globals()") == "False"
    assert kernel.run("\n\n%%durable s\nx = 1").error is None
    assert "completed" in kernel.run("%duranb show s").text


def test_unnamed_step_takes_its_first_output(kernel: Kernel) -> None:
    """Without NAME a step is called after the first name it assigns; with none it is refused."""
    kernel.run("%%durable\ntotal = 1\nother = 2")
    assert "total" in kernel.run("%duranb status").text
    refused = kernel.run("%%durable\nprint('x')")
    assert refused.error is not None and "%%durable NAME" in refused.error[1]


def test_two_cells_with_one_name_are_refused(kernel: Kernel) -> None:
    """A name that another cell of the saved notebook carries is refused; the first one is safe."""
    import nbformat

    cells = [nbformat.v4.new_code_cell("%%durable s\na = 1", id="cell-one")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), kernel.notebook)
    assert kernel.run("%%durable s\na = 1", cell_id="cell-one").error is None
    second = kernel.run("%%durable s\nb = 2", cell_id="cell-two")
    assert second.error is not None and "two cells" in second.error[1]
    assert kernel.run("%%durable s\na = 1", cell_id="cell-one").error is None


def test_unpicklable_output_is_named_and_takes_nothing_with_it(kernel: Kernel) -> None:
    """What cannot be stored is named at once; the rest is back after a restart."""
    cell = "%%durable s\ngen = (i for i in range(3))\nok = [1, 2]"
    first = kernel.run(cell)
    assert first.error is None and "gen" in first.notices
    kernel.restart()
    kernel.run(cell)
    assert kernel.value("ok") == "[1, 2]"
    used = kernel.run("next(gen)")
    assert used.error is not None and used.error[0] == "NotRestorable"
    assert "generator" in used.error[1]


def test_second_kernel_is_refused_with_the_holder(
    kernel: Kernel, kernels: Callable[..., Kernel]
) -> None:
    """A second kernel on the same notebook is told who holds the store."""
    kernel.run("%%durable s\nx = 1")
    other = kernels("agent").start()
    result = other.run("%%durable s\nx = 1")
    assert result.error is not None and result.error[0] == "StoreLocked"
    assert str(kernel.pid) in result.error[1]
    assert kernel.run("%%durable s\nx = 1").error is None


def test_read_only_folder_is_one_clear_message(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    """Where nothing can be written the step says so before it runs anything."""
    folder = tmp_path / "ro"
    folder.mkdir()
    (folder / ".duranb").write_text("a file where the folder should be")
    result = kernels("ro/agent").start().run("%%durable s\nx = 1")
    assert result.error is not None and result.error[0] == "StoreUnwritable"
    assert "Traceback" not in result.error[2]


def test_an_output_that_keeps_its_value_is_an_output(kernel: Kernel) -> None:
    """A step that ran again and bound what was there already gives it to a fresh kernel too."""
    step = "%%durable s\nx = len(given)\ny = [0]"
    for given in ("[1, 2]", "[3, 4]"):
        kernel.run(f"given = {given}")
        assert kernel.run(step).error is None
    kernel.restart()
    kernel.run("given = [3, 4]")
    assert "nothing ran" in kernel.run(step).notices
    assert kernel.value("(x, y)") == "(2, [0])"


def test_text_without_utf8_leaves_no_step_unfinished(kernel: Kernel) -> None:
    """A lone surrogate in what is printed or raised, which no message can carry, neither fails a
    step nor keeps a failed one running for ever."""
    assert kernel.run("%%durable printed\nx = 1\nprint('\\ud800')").error is None
    kernel.run("%%durable raised\nraise ValueError('\\ud800')")
    status = kernel.run("%duranb status").value or ""
    assert "completed" in status and "failed" in status
    assert "running" not in status
    assert r"ValueError: \ud800" in (kernel.run("%duranb show raised").value or "")


def test_what_this_run_did_not_bind_is_no_output(kernel: Kernel) -> None:
    """A name on a way that was not taken stays what an edited plain cell made of it; one that was
    bound to what it was, by whatever statement, is the step's."""
    made = "x = 1; y = 1; z = 1; i = 1; k = 1; m = 1"
    step = (
        "%%durable s\nif len(given) > 5:\n    x = 1\nelse:\n    y = 1\n"
        "for i in range(len(given) - 1):\n    z = 1\n"
        "if (k := len(given) - 1) and [m := g for g in given]:\n    pass\n"
        "match len(given):\n    case x if x > 5:\n        pass"
    )
    kernel.run(f"given = [1, 1]; {made}")
    assert kernel.run(step).error is None
    assert kernel.value("(x, y, z, i, k, m)") == "(2, 1, 1, 0, 1, 1)"
    kernel.run(f"given = [1, 1]; {made.replace('1', '7')}")
    assert "nothing ran" in kernel.run(step).notices
    assert kernel.value("(x, y, z, i, k, m)") == "(2, 1, 1, 0, 1, 1)"
    step = step.replace("> 5", "> 1").replace("case x if x", "case w if w")
    kernel.run(f"given = [1, 1]; {made}")
    assert kernel.run(step).error is None
    kernel.run(f"given = [1, 1]; {made.replace('1', '7')}")
    assert "nothing ran" in kernel.run(step).notices
    assert kernel.value("(x, y, z, i, k, m)") == "(1, 7, 1, 0, 1, 1)"


def test_what_other_code_binds_again_is_an_output(kernel: Kernel) -> None:
    """``exec``, a helper and code that a magic runs bind what was there: a fresh kernel gets it."""
    kernel.run("def helper():\n    global b\n    b = 2")
    step = (
        "%%durable s\n%%time\nexec('a = 1')\nhelper()\nfor c in range(len('12')):\n    d = 3\n# {}"
    )
    assert kernel.run(step).error is None
    assert kernel.run(step + "\ne = 5").error is None
    kernel.restart()
    kernel.run("def helper():\n    global b\n    b = 2")
    assert "nothing ran" in kernel.run(step + "\ne = 5").notices
    assert kernel.value("(a, b, c, d, e)") == "(1, 2, 1, 3, 5)"


def test_what_a_step_deletes_is_gone(kernel: Kernel) -> None:
    """What a step made and deleted is gone when it is restored too, whoever made it since."""
    step = "%%durable s\nfor i in [1, 2]:\n    t = i\n    del t\nif i > 5:\n    u = 1\n    del u"
    step += "\ntry:\n    del v\nexcept NameError:\n    pass"
    assert kernel.run(step).error is None
    kernel.run("t = u = v = 'made by another cell'")
    assert "nothing ran" in kernel.run(step).notices
    assert kernel.value("[n for n in 'tuv' if n in globals()]") == "['u']"
    assert kernel.value("[n for n in globals() if 'noted' in n]") == "[]"


def test_who_shares_what_a_step_changes_in_place_counts(kernel: Kernel) -> None:
    """An alias more or less, made by an edited plain cell, sees the change or does not."""
    step = "%%durable s\na.append(2)"
    reading = "%%durable r\nn = len(a)"
    for cell in ("a = [1]; b = a", step, reading, "a = [1]; b = [1]", step):
        result = kernel.run(cell)
        assert result.error is None
    assert "restored" not in result.notices
    assert "share what it changes in place: a" in kernel.run("%duranb show s").text
    assert kernel.value("(a, b, a is b)") == "([1, 2], [1], False)"
    assert "restored" in kernel.run(reading).notices, "who only reads does not mind"
    for cell in ("a = [1]; b = a", step):
        result = kernel.run(cell)
    assert "restored" in result.notices
    assert kernel.value("(a, b, a is b)") == "([1, 2], [1, 2], True)"


def test_a_function_step_in_a_plain_cell_is_durable(kernel: Kernel) -> None:
    """Also above the first durable cell: the store is opened for it."""
    cell = "import duranb\n@duranb.step\ndef f(n):\n    print('ran')\n    return n\ny = f(1)"
    assert kernel.run(cell).stdout == "ran\n"
    kernel.restart()
    assert "ran" not in kernel.run(cell).stdout
    assert kernel.value("y") == "1"


def test_what_a_step_lets_go_of_is_gone_for_weak_references(kernel: Kernel) -> None:
    """Once it has completed: the steps after it see what they see in a plain notebook."""
    kernel.run(
        "%%durable a\nimport gc, weakref\nclass C: pass\none, two, three = C(), C(), C()\n"
        "known = weakref.WeakValueDictionary(a=one, b=two, c=three)"
    )
    kernel.run("%%durable b\ngc.disable()\ndel two\nthree = 5")
    assert kernel.value("sorted(known)") == "['a']"
