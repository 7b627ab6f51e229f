"""Edited notebooks, and objects that cannot be stored, in real kernels that were killed."""

from __future__ import annotations

from collections.abc import Callable

from tests.kernel.harness import Kernel, Result

Kernels = Callable[..., Kernel]


def lives(
    kernels: Kernels, first: list[str], second: list[str], name: str = "agent"
) -> tuple[Kernel, list[Result]]:
    """Run cells, ``kill -9``, and run other ones in a new kernel; it, and what they put out."""
    kernel = kernels(name).start()
    for cell in first:
        result = kernel.run(cell)
        assert result.error is None, result.text
    kernel.kill()
    kernel.start()
    return kernel, [kernel.run(cell) for cell in second]


def test_an_edited_frame_is_not_put_back_by_a_step_that_made_another(kernels: Kernels) -> None:
    """Two frames share nothing that either could change: restoring the one leaves the other."""
    cells = [
        "import pandas as pd",
        "%%durable a\nx = pd.DataFrame({'a': [1] * 2})",
        "%%durable c\nd = pd.DataFrame({'b': [3]})",
        "%%durable e\nn = len(x)",
    ]
    edited = [cell.replace("* 2", "* 4") for cell in cells]
    kernel, results = lives(kernels, cells, edited)
    assert kernel.value("(len(x), n, list(d.b))") == "(4, 4, [3])"
    assert "nothing ran" in results[2].text and "nothing ran" not in results[3].text


def test_a_view_is_bound_to_the_array_that_the_cells_have_made_anew(kernels: Kernels) -> None:
    """The plain cell's array stays the object it is, and the restored view looks at it."""
    cells = [
        "import numpy as np\nx = np.arange(10)\nfirst = id(x)",
        "%%durable b\ny = x[2:5]",
    ]
    kernel, results = lives(kernels, cells, cells)
    assert "nothing ran" in results[1].text
    kernel.run("x[2] = 99")
    assert kernel.value("(id(x) == first, y[0].item())") == "(True, 99)"


def test_another_seed_makes_the_steps_that_draw_run_again(kernels: Kernels) -> None:
    """Random state that the notebook put there is an input like any other; without a seed every
    life begins elsewhere, and nothing runs again."""
    draw = "%%durable b\nr = random.random()"
    seeded, other = "import random\nrandom.seed(1)", "import random\nrandom.seed(2)"
    kernel, results = lives(kernels, [seeded, draw], [other, draw])
    assert "nothing ran" not in results[1].text
    assert kernel.value("r == random.Random(2).random()") == "True"
    unseeded = ["import random", draw]
    kernel, results = lives(kernels, unseeded, unseeded, "another")
    assert "nothing ran" in results[1].text


def test_a_chat_that_forgot_a_restored_turn_is_refused_before_the_next_one(
    kernels: Kernels,
) -> None:
    """The object that the cells made anew stays, a step that needs it and has to run says what it
    lacks, and replaying the step that it lacks brings it back."""
    setup = (
        "class Chat:\n"
        "    def __init__(self): self.said = []\n"
        "    def __reduce__(self): raise TypeError('it belongs to a connection')\n"
        "    def send(self, text): self.said.append(text); return len(self.said)"
    )
    make, one = "chat = Chat()", "%%durable one\na = chat.send('first')"
    two, edited = "%%durable two\nb = chat.send('2')", "%%durable two\nb = chat.send('two')"
    kernel, results = lives(kernels, [setup, make, one, two], [setup, make, one, two, edited])
    assert "nothing ran" in results[2].text and "chat cannot be stored" in results[2].text
    assert "nothing ran" in results[3].text
    assert results[4].error is not None and results[4].error[0] == "NotRestorable"
    assert "%duranb replay one" in results[4].error[1]
    assert "is not as step 'one' left it" in kernel.run("print(chat.said)").text
    replayed = kernel.run("%duranb replay one --yes")
    assert replayed.error is None, replayed.text
    again = kernel.run(edited)
    assert again.error is None and kernel.value("(b, chat.said)") == "(2, ['first', 'two'])"


COUNT = "def count():\n    n = 0\n    while True:\n        n += 1\n        yield n"


def test_what_cannot_be_stored_is_made_again_once_a_step_could_not_run_without(
    kernels: Kernels,
) -> None:
    """The steps that made a generator what it was are restored as long as nobody needs it. When an
    edited step did, they run with the next Run All, also in the kernel after that one."""
    cells = [
        COUNT,
        "%%durable a\nit = count()\nfirst = next(it)",
        "%%durable b\nsecond = next(it)",
        "%%durable c\nbeside = 1",
        "%%durable d\nthird = next(it)",
    ]
    kernel, again = lives(kernels, cells, cells)
    assert all("nothing ran" in result.text for result in again[1:])
    changed = [*cells[:-1], "%%durable d\nthird = next(it) * 10"]
    refused = [kernel.run(cell) for cell in changed]
    assert refused[-1].error is not None and refused[-1].error[0] == "NotRestorable"
    kernel.kill()
    kernel.start()
    results = [kernel.run(cell) for cell in changed]
    assert kernel.value("(first, second, third)") == "(1, 2, 30)", [r.text for r in results]
    assert ["nothing ran" in r.text for r in results] == [False, False, False, True, False]
    shown = kernel.run("%duranb show b").text
    assert "step 'd' needs it, which it makes and which cannot be stored" in shown
    kernel.kill()
    kernel.start()
    results = [kernel.run(cell) for cell in changed]
    assert all("nothing ran" in result.text for result in results[1:])


def test_what_a_plain_cell_could_not_do_without_is_made_again(kernels: Kernels) -> None:
    """It is told to run the cells again from the one that makes it on: that one runs then."""
    cells = [COUNT, "%%durable a\nit = count()\nfirst = next(it)"]
    kernel, again = lives(kernels, cells, [*cells, "next(it)"])
    assert "nothing ran" in again[1].text
    assert again[2].error is not None and "Run the cells again" in again[2].error[1]
    assert "nothing ran" not in kernel.run(cells[1]).text
    assert kernel.value("next(it)") == "2"


def test_a_sharer_that_is_gone_or_another_by_now_is_no_reason_to_run_again(
    kernels: Kernels,
) -> None:
    """A step changed something in place. A name that shared it and is no more sees nothing of that.
    One that changed sees it where both share what others hold; where nobody else does, the step
    runs again, or its change would be made to another object than the one that is shared."""
    cells = [
        "%%durable a\nx = [1]\ny = {'x': x, 'own': [3], 'n': 0}\nt = {'x': x, 'n': 0}",
        "%%durable b\nz = {'x': x, 'm': 1}",
        "%%durable c\nw = [x]",
        "%%durable d\nu = {'own': y['own'], 'm': 1}",
        "%%durable e\nt['n'] = 1",
        "%%durable f\ny['n'] = 1",
    ]
    edited = [cell.replace("'m': 1", "'m': 2") for cell in cells if cell != cells[2]]
    kernel, results = lives(kernels, cells, edited)
    assert ["nothing ran" in r.text for r in results] == [True, False, False, True, False]
    assert kernel.value("(t['n'], y['n'], z['m'], u['m'])") == "(1, 1, 2, 2)"
    assert kernel.value("t['x'] is x and z['x'] is x and y['x'] is x") == "True"
    assert kernel.value("u['own'] is y['own']") == "True"


def test_a_sharer_that_changed_is_no_reason_to_bind_again_what_others_hold(
    kernels: Kernels,
) -> None:
    """A step gives an object another name. A name that holds the object too has changed: the step
    is restored where a third one holds it, and runs where nobody else does."""
    cells = [
        "%%durable a\nx = [1]\ny = x\np = [1]",
        "%%durable b\nz = [x, 1]",
        "%%durable c\nq = [p, 1]",
        "%%durable d\ny, w = [0], y",
        "%%durable e\np, r = [0], p",
    ]
    edited = [cell.replace(", 1]", ", 2]") for cell in cells]
    kernel, results = lives(kernels, cells, edited)
    assert ["nothing ran" in r.text for r in results] == [True, False, False, True, False]
    assert kernel.value("w is x and z[0] is x and r is q[0]") == "True"
    assert kernel.value("(x, y, p, z[1], q[1])") == "([1], [0], [0], 2, 2)"


def test_restored_functions_leave_the_builtins_what_they_are(kernels: Kernels) -> None:
    """``dir(__builtins__)`` and ``vars(__builtins__)`` are written in notebooks: it is a module."""
    cells = [
        "%%durable a\nword = []\ndef find():\n    word.append(len(dir(__builtins__)))\n"
        "    return vars(__builtins__)['len']",
        "%%durable b\nfound = find() is len",
    ]
    edited = [cells[0], cells[1] + "\nagain = found"]
    kernel, results = lives(kernels, cells, edited)
    assert "nothing ran" in results[0].text and results[1].error is None, results[1].text
    assert kernel.value("(found, len(word), type(__builtins__).__name__)") == "(True, 1, 'module')"


def test_a_variable_that_keeps_the_kernels_stream_prints_again(kernel: Kernel) -> None:
    """What was put aside of ``sys.stdout`` is the stream of the kernel that there is now; a handler
    that a logger has is named, as the logger gets another one."""
    step = (
        "%%durable s\nimport io, logging, sys\nbefore = sys.stdout\nsys.stdout = io.StringIO()\n"
        "print('aside')\nsaid, sys.stdout = sys.stdout.getvalue(), before\n"
        "handler = logging.StreamHandler(sys.stderr); logging.getLogger('mine').addHandler(handler)"
    )
    assert "before" not in kernel.run(step).notices
    kernel.kill()
    kernel.start()
    notices = kernel.run(step).notices
    assert "before" not in notices and "handler" in notices
    assert kernel.run("print(said, before is sys.stdout, file=before)").stdout == "aside\n True\n"


def test_a_class_that_was_given_other_bases_has_them(kernel: Kernel) -> None:
    """``B.__bases__ = …`` in a later step changes the class that is alive, and what is one."""
    steps = [
        "%%durable a\nclass A:\n    def m(self): return 1\nclass C:\n    def m(self): return 2\n"
        "class B(A): pass\nb = B()",
        "%%durable b\nB.__bases__ = (C,)",
    ]
    for _ in range(2):
        assert all(kernel.run(step).error is None for step in steps)
        told = "(b.m(), type(b) is B, B.__bases__ == (C,), A.__subclasses__())"
        assert kernel.value(told) == "(2, True, True, [])"
        kernel.kill()
        kernel.start()


def test_modules_below_a_package_are_loaded_again(kernels: Kernels) -> None:
    """``import a.b`` binds ``a`` alone. Restored, and after a rewind that no cell goes before,
    ``a.b`` is there; what a module shows as it is loaded is shown once."""
    cells = [
        "%%durable below\nimport xml.dom.pulldom, wsgiref.validate\n"
        "try:\n    import wsgiref.no\nexcept ImportError:\n    from xmlrpc.client import MAXINT\n"
        "def later():\n    import ctypes.macholib.framework",
        "%%durable own\nimport drawer.spoon",
        "%%durable used\nfound = xml.dom.pulldom.__name__, wsgiref.validate.__name__",
    ]
    kernel = kernels("below").start()
    folder = kernel.notebook.parent / "drawer"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "spoon.py").write_text("print('a spoon')")
    assert [kernel.run(cell).error for cell in cells] == [None] * 3
    kernel.kill()
    kernel.start()
    results = [kernel.run(cell) for cell in [*cells[:2], cells[2] + ", drawer.spoon.__name__"]]
    assert all("nothing ran" in r.text for r in results[:2])
    assert results[1].stdout == "a spoon\n"
    assert kernel.value("found") == "('xml.dom.pulldom', 'wsgiref.validate', 'drawer.spoon')"
    kernel.run("import sys")
    assert kernel.value(
        "('xmlrpc.client' in sys.modules, 'ctypes.macholib.framework' in sys.modules)"
    ) == ("(True, False)")
    kernel.kill()
    kernel.start()
    assert kernel.run("%duranb rewind --yes").error is None
    assert kernel.value("(xml.dom.pulldom.__name__, drawer.spoon.__name__)") == (
        "('xml.dom.pulldom', 'drawer.spoon')"
    )


def test_objects_end_when_they_do_without_durable(kernels: Kernels) -> None:
    """In the middle of a cell, durable or not; and a restored step shows what it showed then."""
    cells = [
        "class Client:\n    def __init__(self): self.open = [True]\n"
        "    def __del__(self): print('ended'); self.open.clear()",
        "%%durable made\na, b, c = Client(), Client(), Client()",
        "%%durable let_go\ndel a\nprint('gone')",
        "b = None\nprint('gone')",
        "%%durable changed\nc.n = 1",
    ]
    kernel = kernels("ends").start()
    shown = ["", "", "ended\ngone\n", "ended\ngone\n", ""]
    assert [kernel.run(cell).stdout for cell in cells] == shown
    kernel.kill()
    kernel.start()
    again = [kernel.run(cell) for cell in cells]
    assert [each.stdout for each in again] == shown
    assert "nothing ran" in again[2].text and "nothing ran" in again[4].text
    assert kernel.value("(c.n, c.open)") == "(1, [True])"


def test_what_steps_put_into_the_default_database_comes_back(kernels: Kernels) -> None:
    """``duckdb.sql`` works on a database that no variable holds: restored, rewound, put back for
    another attempt, and seen where it is another one."""
    cells = [
        "import duckdb",
        "%%durable made\nduckdb.sql('CREATE TABLE t AS SELECT 1 AS x')",
        "%%durable more\nn = duckdb.execute('INSERT INTO t VALUES (20)').fetchall()",
        "%%durable tried --retries 1 --backoff 0\nimport duranb\n"
        "duckdb.sql('INSERT INTO t VALUES (300)')\n"
        "if duranb.context().attempt == 1: raise ConnectionError",
        "%%durable total\ntotal = duckdb.sql('SELECT sum(x) FROM t').fetchall()[0][0]",
    ]
    kernel = kernels("default").start()
    assert [kernel.run(cell).error for cell in cells] == [None] * 5
    assert kernel.value("total") == "321"
    again = [kernel.run(cell) for cell in cells]
    assert all("nothing ran" in each.text for each in again[1:])
    kernel.run("%duranb rewind made --yes")
    assert kernel.value("duckdb.sql('FROM t').fetchall()") == "[(1,)]"
    kernel.kill()
    kernel.start()
    edited = [*cells[:4], cells[4] + " * 2"]
    results = [kernel.run(cell) for cell in edited]
    assert all("nothing ran" in each.text for each in results[1:4])
    assert kernel.value("total") == "642"
    kernel.kill()
    kernel.start()
    other = [cells[0], cells[1].replace("1 AS", "5 AS"), *cells[2:]]
    results = [kernel.run(cell) for cell in other]
    assert [each.error for each in results] == [None] * 5
    assert kernel.value("total") == "325"
