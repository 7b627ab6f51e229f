"""What a cell shows, to its very end: plain, durable and restored are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.kernel import chapter
from tests.kernel.harness import Kernel
from tests.kernel.shown import live

PLAIN_WORDS = [
    "cd .",
    "%alias greet echo hello %l\nx = 1",
    "    x = 1\n    y = 2\n    print(x + y)",
    "\n\n    x = 1\n    print(x)",
    ">>> x = 1\n>>> for i in range(2):\n...     print(x + i)",
    "In [1]: x = 1\n   ...: print(x)",
    "\n\n%%capture hidden\nprint('in the captured part')",
    "hidden.show()",
    "'''Says what follows.'''\nx = 1",
    "print(__doc__)",
    "/len 'four'",
    ",print as words",
    "sorted(n for n in [*globals(), *dir()] if 'duranb' in n)",
    "x = 1\nx = 2 if x else 1\nsorted(n for n in [*globals(), *locals()] if 'duranb' in n)",
    "exec('z = 3')\nprint(z, 'z' in globals())",
    "x: int = 3\n__annotations__",
    "globals().get('absent'), __name__",
    "import warnings\nwarnings.warn('careful')",
    "del x",
]
"""Cells that IPython treats by where they begin or by how many lines they have, or that look at
their namespace."""

PAYLOADS = [
    "len?",
    "?len",
    "x = 1\nlen??",
    "%pinfo len",
    "get_ipython().set_next_input('after = 1')\nget_ipython().set_next_input('y', replace=True)",
    "%load prepared.py",
    "print('before')\nget_ipython().run_cell('print(1)')\nprint('after')",
]

DESCRIPTORS = [
    "import os, subprocess, sys\nwritten = os.write(1, b'to the descriptor\\n')",
    "done = subprocess.run(['echo', 'from a process']).returncode",
    "written = os.write(2, b'an error\\n')",
    "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.puts(b'from C')\nlibc.fflush(None)",
    "for n in range(300):\n    _ = os.write(1, b'%06d' % n * 20 + b'\\n')",
    "print('in'); sys.stdout.flush(); os.write(1, b'order\\n')",
]

RICH = [
    "from IPython.display import HTML, JSON, Markdown, clear_output, display\n"
    "handle = display(HTML('<b>one</b>'), display_id='first')",
    "handle.update(HTML('<b>two</b>'))\nx = 1",
    "display(JSON({'a': [1, None]}), Markdown('*m*'), metadata={'text/markdown': {'isolated': 1}})",
    "print(1); clear_output(wait=True); print(2); clear_output(); print(3); x = 1",
    "import numpy as np\ndisplay({'application/json': {'n': np.int64(3)}}, raw=True)",
    "import sys\nprint('out'); print('err', file=sys.stderr); print('out again', end='')",
    "from IPython.core.interactiveshell import InteractiveShell\n"
    "InteractiveShell.ast_node_interactivity = 'all'",
    "x = 1\nx\n'text'\nx + 1",
    "InteractiveShell.ast_node_interactivity = 'last_expr'",
    "class Shown:\n    def _repr_mimebundle_(self, **kwargs):\n"
    "        return {'text/plain': 'plain', 'text/html': '<i>rich</i>'}, {'text/html': {'k': 1}}\n"
    "Shown()",
    "class Displays:\n    def _ipython_display_(self):\n        print('itself')\nDisplays()",
    "_, len(Out) > 3",
]


def test_plain_durable_and_restored_show_the_same(kernels: Callable[..., Kernel]) -> None:
    """Cells of every odd kind put out the same messages and payloads in all three lives."""
    (kernels("plain").notebook.parent / "prepared.py").write_text("prepared = 1\n")
    lives = live(kernels, [*PLAIN_WORDS, *PAYLOADS, *RICH])
    assert lives.first_beside_plain().differing == []
    assert lives.restored_beside_first().differing == []


def test_what_is_written_to_descriptors_is_the_cells(
    kernels: Callable[..., Kernel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What C code or another process writes to descriptors 1 and 2 is recorded with the step that
    was running, all of it, and only there."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # a kernel under test leaves its descriptors alone
    lives = live(kernels, DESCRIPTORS)
    tally = lives.restored_beside_first()
    assert tally.differing == []
    shown = "".join(text for cell in lives.restored for kind, text in cell if kind == "stdout")
    assert "from a process\n" in shown and "from C\n" in shown
    assert shown.count("\n") == 305 and "000299" * 20 in shown
    assert ("stderr", "an error\n") in lives.restored[2]


def test_a_task_of_another_cell_is_not_this_steps(kernel: Kernel) -> None:
    """What an earlier cell's task prints while a step runs is shown there and not recorded here;
    what the step's own task prints before it ends is, and after it goes where Jupyter sends it."""
    kernel.run(
        "import asyncio\nasync def say(what, after):\n    await asyncio.sleep(after)\n"
        "    print(what)\nother = asyncio.create_task(say('of the cell above', 0.2))"
    )
    step = (
        "%%durable s --outputs x\nown = asyncio.create_task(say('own', 0.1))\n"
        "late = asyncio.create_task(say('late', 0.8))\nawait asyncio.sleep(0.4)\nx = 1"
    )
    assert kernel.run(step).stdout == "own\n"
    kernel.run("await late")
    kernel.kill()
    kernel.start()
    kernel.run(
        "import asyncio\nasync def say(what, after):\n    await asyncio.sleep(after)\n"
        "    print(what)"
    )
    again = kernel.run(step)
    assert "restored" in again.notices
    assert again.stdout == "own\n"


def test_figures_of_a_failed_attempt_are_gone(kernel: Kernel) -> None:
    """A retried attempt draws on an empty figure, and shows what it has drawn itself."""
    pytest.importorskip("matplotlib")
    kernel.run("import duranb, matplotlib.pyplot as plt")
    step = (
        "%%durable s --backoff 0\ntried = duranb.context().attempt\nplt.plot([1, tried])\n"
        "print(len(plt.gca().lines))\nif tried < 3:\n    raise ConnectionError"
    )
    shown = kernel.run(step)
    assert shown.stdout == "1\n1\n1\n"
    assert sum("image/png" in c.get("data", {}) for _, c in shown.messages) == 1


CHAPTERS = [
    pytest.param([chapter.SETUP, *chapter.HELD], id="held"),
    pytest.param(chapter.CELLS, id="whole", marks=pytest.mark.soak),
]


@pytest.mark.parametrize("cells", CHAPTERS)
def test_figures_are_restored_to_the_end_of_the_cell(
    kernels: Callable[..., Kernel], cells: list[str]
) -> None:
    """A chapter of figures, all of it restored, shows the same pixels in the same places; and so
    did its first run, beside plain cells."""
    pytest.importorskip("matplotlib")
    lives = live(kernels, cells)
    print(f"{lives.first_beside_plain()} (plain), {lives.restored_beside_first()} (restored)")
    assert lives.ran == []
    assert lives.first_beside_plain().differing == []
    assert lives.restored_beside_first().differing == []
