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
    "import numpy as np\n"
    "odd = {'n': np.int64(3), 'nan': float('nan'), 't': np.str_('text')}\n"
    "display({'application/json': odd, 'text/plain': np.str_('plain')}, raw=True)",
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


def test_errors_that_were_only_shown_are_shown_again(kernels: Callable[..., Kernel]) -> None:
    """Of a value that cannot be displayed, and by who asks for it: the cell went on."""
    lives = live(
        kernels,
        [
            "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()",
            "class Fails:\n    def _repr_html_(self):\n        raise ValueError('no')\nFails()",
        ],
    )
    assert lives.restored_beside_first().differing == []
    shown = [text for cell in lives.restored for kind, text in cell if kind == "error"]
    assert ["ZeroDivisionError" in shown[0], "ValueError" in shown[1]] == [True, True]


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
    head = (
        "import asyncio\nfrom pathlib import Path\n"
        "async def come(sign):\n    while not Path(sign).exists(): await asyncio.sleep(0.01)\n"
        "async def say(what, sign):\n    await come(sign)\n    print(what)\n"
        "    Path(what).touch()\n"
    )
    kernel.run(head + "other = asyncio.create_task(say('of the cell above', 'now'))")
    step = (
        "%%durable s --outputs x\nown = asyncio.create_task(say('own', 'now'))\n"
        "late = asyncio.create_task(say('late', 'later'))\nPath('now').touch()\n"
        "await own\nawait come('of the cell above')\nx = 1"
    )
    assert kernel.run(step).stdout == "own\n"
    kernel.run("Path('later').touch()\nawait late")
    kernel.kill()
    kernel.start()
    kernel.run(head)
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


def test_a_figure_that_only_pyplot_held_is_missed_aloud(kernel: Kernel) -> None:
    """Where figures stay open, one without a name does not come back, nor what a step drew on one
    that a plain cell has made: the restored step says so. A named one, and one that is closed, are
    no loss."""
    pytest.importorskip("matplotlib")
    cells = [
        "import matplotlib.pyplot as plt\n%config InlineBackend.close_figures = False",
        "plt.plot([1, 2])",
        "%%durable on\nplt.title('t'); n = 1",
        "%%durable own\nplt.figure(); plt.plot([3]); n = 2",
        "%%durable named\nfig = plt.figure(); plt.plot([4])",
        "%%durable closed\nplt.figure(); plt.plot([5]); plt.close(); n = 3",
    ]
    for cell in cells:
        assert kernel.run(cell).error is None
    kernel.kill()
    kernel.start()
    told = ["without a name" in kernel.run(cell).notices for cell in cells]
    assert told == [False, False, True, True, False, False]


WIDGETS = [
    "import ipywidgets as widgets\nfrom IPython.display import display\n"
    "slider = widgets.IntSlider(value=3, description='n')\nslider",
    "slider.value = 7",
    "display(slider)\nprint(slider.value)",
    "widgets.HBox([widgets.Button(description='go'), widgets.Text('typed')])",
    "@widgets.interact(x=(0, 5))\ndef double(x=2):\n    print('x is', x)\n    return x * 2",
    "out = widgets.Output()\nprint('first')\ndisplay(out)\nwith out:\n    print('inside')\n"
    "    display('shown')\n    out.clear_output(wait=True)\nprint('outside')",
    "with out:\n    print('from another cell')",
    "bar, label = widgets.IntProgress(max=250), widgets.Label('0')\n"
    "display(widgets.VBox([bar, label]))\n"
    "for i in range(250):\n    bar.value = i + 1\nlabel.value = 'done'",
    "one, two = widgets.FloatText(), widgets.FloatSlider()\n"
    "link = widgets.jslink((one, 'value'), (two, 'value'))\nwidgets.VBox([one, two])",
    "widgets.Image(value=b'\\x89PNG', format='png')",
    "picture = widgets.Image(format='png')\npicture.value = b'\\x00\\xff'\npicture",
    "widgets.Tab([widgets.Label('a'), widgets.Label('b')], titles=('one', 'two'))",
    "echo = widgets.interactive_output(lambda y: print('y', y), {'y': slider})\necho",
    "gone = widgets.Label('away')\ndisplay(gone)\ngone.close()",
]


def test_widgets_are_restored_as_pictures(kernels: Callable[..., Kernel]) -> None:
    """Widgets of a dead kernel are shown as they were, down to their messages, and it is said that
    there is nothing behind them."""
    lives = live(kernels, WIDGETS)
    assert lives.ran == []
    assert lives.first_beside_plain().differing == []
    assert len(lives.first[7]) - len(lives.restored[7]) == 50  # of 250 changes, 200 one by one
    lives.first[7] = lives.restored[7] = []
    print(f"widgets: {lives.restored_beside_first()} (restored)")
    assert lives.restored_beside_first().differing == []


def test_widgets_that_are_alive_stay(kernel: Kernel) -> None:
    """A step restored in the kernel that ran it shows the widgets that are there, and puts nothing
    into them again; what only another cell's widget shows is a picture after a restart."""
    cell = (
        "%%durable s --outputs x\nimport ipywidgets\nout = ipywidgets.Output()\ndisplay(out)\n"
        "with out:\n    print('inside')\nprint('outside')\nx = 1"
    )
    ran, again = kernel.run(cell), kernel.run(cell)
    views = [c["data"] for t, c in ran.messages if t == "display_data" and len(c["data"]) > 1]
    assert ran.stdout == "inside\noutside\n"
    assert again.stdout == "outside\n"
    assert views[0] in [c["data"] for t, c in again.messages if t == "display_data"]
    assert "picture" not in again.notices
    kernel.run("label = ipywidgets.Label('of a plain cell')")
    kernel.run("%%durable t --ignore label\ndisplay(label)")
    kernel.restart()
    kernel.run("label = None")
    shown = kernel.run("%%durable t --ignore label\ndisplay(label)")
    opened = [c["data"]["state"] for t, c in shown.messages if t == "comm_open"]
    assert "of a plain cell" in [state.get("value") for state in opened]
    assert "picture" in shown.notices


CHAPTERS = [
    pytest.param([chapter.SETUP, *chapter.HELD], id="held"),
    pytest.param(chapter.CELLS, id="whole", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
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
