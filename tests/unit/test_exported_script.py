"""The exported script: what it looks like, and how it runs as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruff import find_ruff_bin

from duranb.export import ExportError, Graph, build, graph_of, langgraph, script, steps
from duranb.export.lint import tidy
from duranb.export.notebook import cells_of, read

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "licence_agent.ipynb"


def graph(*sources: str, tagged: int = -1) -> Graph:
    tags = [frozenset({"parameters"} if i == tagged else ()) for i in range(len(sources))]
    return build(*cells_of([("code", s) for s in sources], tags))


def run(
    folder: Path, *words: str, before: str = "", after: str = ""
) -> subprocess.CompletedProcess[str]:
    """``script.py`` of a folder, as a user would start it; with code around it in its process."""
    file = folder / "script.py"
    code = f"import runpy, sys; sys.argv = {[str(file), *words]!r}; {before}\n"
    code += f"try: runpy.run_path({str(file)!r}, run_name='__main__')\nfinally: {after or 'pass'}"
    return subprocess.run(
        [sys.executable, "-c", code] if before or after else [sys.executable, str(file), *words],
        cwd=folder,
        env={**os.environ, "DURANB_HOME": str(folder / "home")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


TYPED = (
    "from __future__ import annotations\nimport os, json\nl = 3",
    "limit = 4  # how many\nnames: list[str] = ['a']",
    "def twice(n: int) -> int: return n*2\nclass Box:\n    size: int = 0\nlambda_ = lambda: 1",
    "print( 'setup' )",
    "%%durable first\nfrom os import path\nx = twice(limit); text = f'{x}'\nbox = Box()\ny = 1",
    "%%durable second\nimport asyncio\nawait asyncio.sleep(0)\nmain = x + len(names)",
    "%%compensate second\nprint(main)",
    "if x == None: print(text, box)\nmain",
)


def test_the_module_is_what_ruff_asks_for(tmp_path: Path) -> None:
    """Formatted and without findings, by its defaults; typed where the notebook is. What the user
    wrote himself is excused where it stands."""
    made = graph(*TYPED, tagged=1)
    files = {"steps.py": steps.render(made), "script.py": script.render(made)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for words in (["format", "--check"], ["check"]):
        asked = [find_ruff_bin(), *words, "--isolated", *files]
        assert subprocess.run(asked, cwd=tmp_path, check=False).returncode == 0
    assert "def first(limit: int) -> tuple[int, str, Box]:" in files["steps.py"]
    assert (
        "def run_notebook(limit: int = limit, names: list[str] = names) -> None:"
        in (files["script.py"])
    )


@pytest.mark.soak
def test_a_typed_notebook_is_strictly_typed(tmp_path: Path) -> None:
    """mypy has nothing to say, in strict mode."""
    (tmp_path / "script.py").write_text(script.render(graph(*TYPED, tagged=1)))
    strict = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "script.py"]
    checked = subprocess.run(strict, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_parameters_are_options_and_help_runs_nothing(tmp_path: Path) -> None:
    """Each has the type of its literal; what is wrong with them is said before anything runs."""
    made = graph(*TYPED, tagged=1)
    (tmp_path / "script.py").write_text(script.render(made))
    shown = run(tmp_path, "--help")
    assert shown.returncode == 0 and "setup" not in shown.stdout and "--limit INT" in shown.stdout
    wrong = run(tmp_path, "--limit", "many")
    assert wrong.returncode == 2 and wrong.stdout == ""
    assert not (tmp_path / ".duranb").exists()
    done = run(tmp_path, "--limit", "5", "--names", '["a", "b"]')
    assert done.stdout == "setup\n12\n", done.stderr


MEETING = """
import threading
from pathlib import Path

HERE = {'left': threading.Event(), 'right': threading.Event()}


def meet(mine, other):
    if Path('again').exists():
        if mine == 'right':
            raise RuntimeError('right has run before')
        return 1
    HERE[mine].set()
    return int(HERE[other].wait(30))
"""


def test_independent_steps_run_at_once_and_print_in_their_order(tmp_path: Path) -> None:
    """Each of two steps waits for the other to begin; no Jupyter is imported for it."""
    made = graph(
        "import time\nfrom meeting import meet",
        "%%durable left\na = meet('left', 'right')\ntime.sleep(0.3)\nprint('left', a)",
        "%%durable right\nb = meet('right', 'left')\nprint('right', b)",
        "print('sum', a + b)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    (tmp_path / "meeting.py").write_text(MEETING)
    jupyter = ["IPython", "ipykernel", "jupyter_client", "nbformat", "traitlets", "ipywidgets"]
    told = f"print([m for m in {jupyter!r} if m in sys.modules])"
    done = run(tmp_path, after=told)
    assert done.stdout == "left 1\nright 1\nsum 2\n[]\n", done.stderr
    assert run(tmp_path).stdout.endswith("sum 2\n")


def test_a_change_in_place_beside_a_reader_stops_the_script(tmp_path: Path) -> None:
    """The code does not show that one step changes what the other reads, by another name: the
    script says so rather than let chance decide."""
    made = graph(
        "xs = None\ndef change(row):\n    getattr(row, 'app' + 'end')(1)",
        "%%durable make\nxs = [[], []]",
        "row = xs[0]",
        "%%durable left\na = change(row)",
        "%%durable right\nb = len(xs[0])",
        "print(a, b)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    done = run(tmp_path)
    assert done.returncode == 1
    assert "row was changed in place while left ran, and right reads it too" in done.stderr


def test_a_change_of_what_two_variables_share_stops_the_script(tmp_path: Path) -> None:
    """Each of two steps reads a variable of its own, and one list is in both: the script says so
    rather than let chance decide."""
    made = graph(
        "log = []\nclass Agent:\n    def __init__(self, log): self.log = log\n"
        "    def say(self, x):\n        getattr(self.log, 'app' + 'end')(x)\n"
        "        return len(self.log)\n"
        "one, other = Agent(log), Agent(log)",
        "%%durable left\na = one.say(1)",
        "%%durable right\nb = other.say(2)",
        "print(a, b)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    done = run(tmp_path)
    assert done.returncode == 1 and not done.stdout
    assert "was changed in place while" in done.stderr


def test_a_change_by_another_name_stops_the_script(tmp_path: Path) -> None:
    """Functions that reach one list by two names of it."""
    made = graph(
        "log = []\nsame = log\ndef say(x):\n    getattr(log, 'app' + 'end')(x)\n"
        "    return len(log)\ndef ask(x):\n    getattr(same, 'app' + 'end')(x)\n"
        "    return len(same)",
        "%%durable left\na = say(1)",
        "%%durable right\nb = ask(2)",
        "print(a, b)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    done = run(tmp_path)
    assert done.returncode == 1 and not done.stdout
    assert "was changed in place while" in done.stderr


def test_what_only_has_a_class_in_common_is_not_shared(tmp_path: Path) -> None:
    """Two agents of one class, with one set of options that nobody changes: both steps run."""
    made = graph(
        "options = {'by': 2}\nclass Agent:\n    def __init__(self, options):\n"
        "        self.options, self.log = options, []\n"
        "    def say(self, x):\n        self.log.append(x * self.options['by'])\n"
        "        return self.log\n"
        "one, other = Agent(options), Agent(options)",
        "%%durable left\na = one.say(1)",
        "%%durable right\nb = other.say(2)",
        "print(a, b)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    for _ in range(2):
        assert run(tmp_path).stdout == "[2] [4]\n"


def test_what_fails_lets_the_rest_end_and_is_raised(tmp_path: Path) -> None:
    """The other steps that were running are recorded: they do not run again."""
    made = graph(
        "import os, time\nfrom meeting import meet",
        "%%durable bad --retries 0\na = meet('left', 'right')\nc = 1 / os.path.exists('again')",
        "%%durable good\nb = meet('right', 'left')\ntime.sleep(0.3)",
        "print(a + b)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    (tmp_path / "meeting.py").write_text(MEETING)
    assert "ZeroDivisionError" in run(tmp_path).stderr
    (tmp_path / "again").touch()
    assert run(tmp_path).stdout == "2\n"  # good would fail


def test_a_step_that_raises_stop_iteration_ends_the_script(tmp_path: Path) -> None:
    """No future can hold it: the script waited for ever."""
    made = graph("%%durable a\nx = next(iter([]))", "%%durable b\ny = 1", "print(x, y)")
    (tmp_path / "script.py").write_text(script.render(made))
    assert "RuntimeError: a raised StopIteration" in run(tmp_path).stderr


def test_a_timed_statement_is_exported_without_the_options() -> None:
    """What is no statement behind them is refused by a sentence."""
    text = script.render(
        graph("%%durable a\nx = 1", "%prun -q -l 5 y = x\n%time z = y", "print(z)")
    )
    assert "    y = x\n    z = y\n" in text
    with pytest.raises(ExportError, match="what %prun is given is no Python"):
        graph("%%durable a\nx = 1", "%prun -z y = x")


def test_a_figure_ends_with_the_cell_that_draws_it(tmp_path: Path) -> None:
    """As in the notebook, whose backend closes it: the next cell draws on one of its own, in the
    module, in a step, and where a function of the notebook draws. A figure that a variable holds
    can be drawn on."""
    text = script.render(
        graph(
            "import matplotlib.pyplot as plt\nplt.plot([1])",
            "def chart(n):\n    plt.plot([n])\n    return len(plt.gca().lines)",
            "%%durable a\nx = chart(1)",
            "%%durable b\ny = chart(2)\nfig, ax = plt.subplots()",
            "ax.plot([1, 2])\nplt.style.use('default')",
            "print(x, y, len(ax.lines), plt.get_fignums())",
        )
    )
    (tmp_path / "script.py").write_text(text)
    for _ in range(2):
        done = run(tmp_path, before="import os; os.environ['MPLBACKEND'] = 'agg'")
        assert done.stdout == "1 1 1 []\n", done.stderr


def test_commands_are_given_the_values_that_ipython_gives_them() -> None:
    """Not in single quotes, in the format that is asked for, and none at all where a name is the
    shell's; what a command says about an error is among its lines."""
    text = script.render(
        graph(
            "name, n = 'x', 2",
            "%%durable a\nshown = !echo $name '$name' {n + 1:02d}\nx = len(shown)",
            "home = !echo $HOME $name",
            "!awk '{print $1}' {name}.txt",
            "print(home, x)",
        )
    )
    assert "shown = shell_lines(f\"echo {name} '$name' {n + 1:02d}\")" in text
    assert 'home = shell_lines("echo $HOME $name")' in text
    assert "shell_run(\"awk '{print $1}' {name}.txt\")" in text


def test_commands_run_in_the_users_shell_and_print_as_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in IPython; what they print is kept with the step, and shown again when it is restored."""
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\necho by the shell of the user\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    text = script.render(
        graph(
            "%%durable a\nprint('first')\n!echo said; cat /no/such/file\nx = !printf 'a\\nb'",
            "%%bash\necho in bash ${BASH_VERSION:+itself}",
            "print(x)",
        )
    )
    (tmp_path / "script.py").write_text(text)
    for _ in range(2):
        done = run(tmp_path)
        first, mine, said, error, bash, lines = done.stdout.splitlines()
        assert (first, mine, said) == ("first", "by the shell of the user", "said"), done.stderr
        assert "/no/such/file" in error and bash == "in bash itself"
        assert lines == "['by the shell of the user', 'a', 'b']"


def test_whoever_has_hold_of_the_output_prints_as_the_step(tmp_path: Path) -> None:
    """A handler of logs and a variable that were given ``sys.stdout`` above the first step: what
    they write comes in its place, and again when the step is restored."""
    made = graph(
        "import logging, sys\nlog = logging.getLogger('of the notebook')\nlog.setLevel('INFO')\n"
        "log.addHandler(logging.StreamHandler(sys.stdout))\nout = sys.stdout\n"
        "def say(*words): print(*words, file=out)",
        "%%durable a\nprint('first')\nlog.info('logged')\nsay('said')\nx = 1",
        "print('last', x)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    for _ in range(2):
        done = run(tmp_path)
        assert done.stdout == "first\nlogged\nsaid\nlast 1\n", done.stderr


def test_what_cannot_be_given_its_state_part_by_part_runs_again(tmp_path: Path) -> None:
    """A weak dictionary that a step filled: the references in it go with it, and not by
    themselves."""
    made = graph(
        "import weakref\nclass Thing: pass\nknown = weakref.WeakValueDictionary()",
        "%%durable a\nthing = Thing()\nknown['it'] = thing\nn = len(known)",
        "print(n, known.get('it') is thing)",
    )
    (tmp_path / "script.py").write_text(script.render(made))
    for _ in range(2):
        done = run(tmp_path)
        assert done.stdout == "1 True\n", done.stderr


def test_names_that_only_steps_give_a_value_are_known_to_the_module(tmp_path: Path) -> None:
    """A function reads what is made below it: no check has to be excused, and the types are those
    of the notebook."""
    cells = (
        "def big(r: int) -> bool: return r > LIMIT",
        "%%durable a\nrows: list[int] = [3, 4]",
        "LIMIT: int = 3",
        "%%durable b\nk: list[int] = [r for r in rows if big(r)]",
        "LIMIT += 5",
        "print(k, big(4))",
    )
    text = script.render(graph(*cells))
    assert 'LIMIT: int = duranb.unset("LIMIT")' in text and "noqa" not in text
    (tmp_path / "script.py").write_text(text)
    assert run(tmp_path).stdout == "[4] False\n"


def test_names_of_the_notebook_are_left_alone() -> None:
    """Functions, variables of the script and imports take names that nothing else has."""
    text = script.render(
        graph(
            "run = 1\nlog = []\ndef main(x): log.append(x)",
            "%%durable main\nx = run",
            "%%durable log\nmain(x)\nlog.append(2)",
            "print(log, main)",
        )
    )
    assert "def main_step(" in text and "def log_step(" in text and "def run_notebook(" in text
    assert "with duranb.flow(__file__) as go:" in text
    with pytest.raises(ExportError, match="duranb"):
        script.render(graph("duranb = 1", "%%durable a\nx = duranb"))


def test_what_a_notebook_may_write_an_export_may_too() -> None:
    """A query names tables, a function names what is made below it, ``__name__`` is ``__main__``
    whoever imports the module, and a name of the module's own may be the notebook's."""
    found = graph(
        "import sqlite3\nfrom typing import TypedDict\ndb = sqlite3.connect(':memory:')",
        "total = db.execute('select sum(n) from t')",
        "import functools\n@functools.lru_cache\ndef f(x):\n    return x * k\nk = 2",
        'if __name__ == "__main__":\n    text = """a\n    b"""\n    y = f(3)',
        "%%durable a\nbuilder = y",
        "print(builder, text)",
    )
    text = steps.render(found)
    assert "__main__" not in text and '"""a\n    b"""\n' in text and "\ny = f(3)" in text
    module = langgraph.render(found)
    assert "TypedDict as TypedDict_" in module and "class State(TypedDict_, total" in module
    assert "builder_ = state_graph(State)" in module and "builder_.add_node" in module


def test_the_tutorial_is_a_third_longer_at_most() -> None:
    """Than the notebook's own lines in the same layout."""
    text = steps.render(graph_of(NOTEBOOK))
    code = tidy("\n".join(cell.source for cell in read(NOTEBOOK)[1]), NOTEBOOK.name)
    assert text.count("\n") <= 1.3 * code.count("\n")
