"""Cells that reach names by their text (exec, globals(), %run) in a notebook of many names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.harness import Kernel

PLAIN = [
    "import numpy as np, logging, time",
    "\n".join(f"v{i} = [{i}, 'text']" for i in range(1000)),
    "class Point:\n    def __init__(self, x): self.x = x\np = Point(3)\nlam = lambda: v1",
    "rng = np.random.default_rng(3)\ngen = (i for i in range(3))\nlog = logging.getLogger('x')",
]
DYNAMIC = {
    "ran": "exec('y = v1[0] + 1')",
    "evaluated": "z = eval('v2[0] + 1')",
    "bound": "globals()['dyn'] = v3[0]",
    "starred": "from helpers import *\ns = shout('a')",
    "script": "%run script.py",
    "called": "get_ipython().run_line_magic('run', 'script.py')",
    "looped": "for i in range(5):\n    exec(f'part_{i} = {i} * 2')",
    "summed": "tot = sum(globals()[f'part_{i}'] for i in range(5))",
    "in_place": "exec('v5.append(1)')",
    "function": "def late(): return globals()['v6']\nlate_v = late()",
    "used": "q = late() + [1]",
}


def steps(**more: str) -> list[str]:
    """The notebook's durable cells: dynamic ones, among ordinary ones."""
    found = {**DYNAMIC, **{f"s{i}": f"r{i} = len(v{i}) + {i}" for i in range(20)}, **more}
    return [f"%%durable {name}\n{body}" for name, body in found.items()]


def run_all(kernel: Kernel, cells: list[str]) -> list[str]:
    """The steps that ran."""
    ran = []
    for cell in PLAIN + cells:
        result = kernel.run(cell)
        assert result.error is None, result.text
        if cell.startswith("%%durable") and "restored" not in result.notices:
            ran.append(cell.split()[1])
    return ran


@pytest.fixture
def kernel(tmp_path: Path, kernels: Callable[..., Kernel]) -> Kernel:
    """One with a module and a script beside the notebook."""
    (tmp_path / "helpers.py").write_text("def shout(s): return s.upper()\nH = 5\n")
    (tmp_path / "script.py").write_text("made_by_run = 7\n")
    return kernels().start()


def test_dynamic_cells_are_restored_in_new_kernels(tmp_path: Path, kernel: Kernel) -> None:
    """Run All in a second and third kernel runs nothing, and a cell that was added runs alone; what
    such cells made is there, and in one kernel what came later does not count either."""
    assert len(run_all(kernel, steps())) == len(steps())
    kernel.restart()
    assert run_all(kernel, steps()) == []
    made = "(y, z, dyn, s, made_by_run, part_4, tot, v5[2:], late_v[0], q[2])"
    assert kernel.value(made) == "(2, 3, 3, 'A', 7, 8, 20, [1], 6, 1)"
    kernel.restart()
    more = steps(more="extra = 3", last="exec('w = extra + r3')")
    assert run_all(kernel, more) == ["more", "last"]
    assert run_all(kernel, more) == []
    kernel.restart()
    assert run_all(kernel, more) == []
    (tmp_path / "script.py").write_text("made_by_run = 8\n")
    kernel.restart()
    # With those that could read what it has made: nobody can tell.
    assert run_all(kernel, more) == ["script", "called", "looped", "summed", "function", "used"]
    assert kernel.value("made_by_run") == "8"


def test_a_dynamic_cell_edited_in_place_does_not_depend_on_what_comes_later(kernel: Kernel) -> None:
    """It is recorded with the names of all cells below it about; from a new kernel's point of view
    they are not there yet."""
    cells = ["%%durable a\nx = 1", "%%durable b\nexec(f'y = x + {1}')", "%%durable c\nz = 2"]
    cells += ["def later(): return z", "%%durable d\nimport helpers\nw = later()"]
    run_all(kernel, cells)
    cells[1] = "%%durable b\nexec(f'y = x + {2}')"
    kernel.run(cells[1])
    kernel.restart()
    assert run_all(kernel, cells) == []
    assert kernel.value("y") == "3"


def test_what_a_dynamic_cell_reads_counts(kernel: Kernel) -> None:
    """An edit of what literal code reads, or of anything before code nobody can tell, runs it."""
    cells = ["x = 1; other = 1", "%%durable a\nexec('y = x')", "%%durable b\nexec(f'z = {x}')"]
    run_all(kernel, cells)
    cells[0] = "x = 2; other = 1"
    assert run_all(kernel, cells) == ["a", "b"]
    cells[0] = "x = 2; other = 2"
    assert run_all(kernel, cells) == ["b"]
    assert kernel.value("(y, z)") == "(2, 2)"


def test_a_star_import_that_ran_twice_is_restored_whole(kernel: Kernel) -> None:
    """The names it bound the second time, to the very same objects, are its outputs again."""
    body = "from helpers import *\ns = shout('a')"
    kernel.run(f"%%durable starred\n{body}")
    kernel.run(f"%%durable starred --fresh\n{body}")
    kernel.restart()
    assert "restored" in kernel.run(f"%%durable starred\n{body}").notices
    assert kernel.value("(s, H, shout('b'))") == "('A', 5, 'B')"


def test_what_a_library_finds_in_the_notebook_counts(kernel: Kernel) -> None:
    """Where it looks for tests, in a cell or in a function that cells call, or is given the
    notebook as a module, an edit of what it finds there runs the step again."""
    cells = [
        "%%durable a\nimport doctest, io, unittest, operator, __main__\nx = 1",
        "%%durable b\ndef add(one, other):\n    'Add.\\n\\n    >>> add(2, 2)\\n    4\\n    '\n"
        "    return one + other\n"
        "class Tests(unittest.TestCase):\n    def test(self): self.assertEqual(add(2, 2), 4)\n"
        "def run():\n    quiet = unittest.TextTestRunner(stream=io.StringIO())\n"
        "    return unittest.main(argv=[''], exit=False, testRunner=quiet).result",
        "%%durable c\nfailed = len(run().failures)",
        "%%durable d\nfound = doctest.testmod().failed",
        "%%durable e\nread = operator.attrgetter('x')(__main__)",
    ]
    run_all(kernel, cells)
    kernel.restart()
    assert run_all(kernel, cells) == []
    assert kernel.value("(failed, found, read, __main__.x)") == "(0, 0, 1, 1)"
    cells[0], cells[1] = cells[0].replace("x = 1", "x = 2"), cells[1].replace("e + o", "e - o")
    kernel.restart()
    assert run_all(kernel, cells) == ["a", "b", "c", "d", "e"]
    assert kernel.value("(failed, found, read, __main__.x)") == "(1, 1, 2, 2)"


def test_what_the_names_in_data_and_in_annotations_stand_for_counts(kernel: Kernel) -> None:
    """An object in a pickle is what its class makes of it by now, and type hints that are text are
    looked up. What is defined below counts for neither."""
    cells = [
        "%%durable a\nimport pickle, typing\nclass Box:\n    def size(self): return 1\n"
        "def f(x: 'Unit'): return x\ndef load(): return pickle.loads(data)\n",
        "%%durable b\nclass Unit:\n    name = 'cm'\ndef g(): return 5",
        "%%durable c\ndata = pickle.dumps(Box())\nmore = pickle.dumps(g)",
        "%%durable d\nsize = load().size()",
        "%%durable e\nfive = pickle.loads(more)()",
        "%%durable h\nunit = typing.get_type_hints(f)['x'].name",
        "%%durable i\nclass Later: pass\nother = 1",
    ]
    run_all(kernel, cells)
    kernel.restart()
    assert run_all(kernel, cells) == []
    cells[0] = cells[0].replace("return 1", "return 2")
    cells[1] = cells[1].replace("'cm'", "'mm'").replace("return 5", "return 6")
    kernel.restart()
    run_all(kernel, cells)
    assert kernel.value("(size, five, unit)") == "(2, 6, 'mm')"
    cells[-1] = cells[-1].replace("pass", "kind = 1")
    assert run_all(kernel, cells) == ["i"]
