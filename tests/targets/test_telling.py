"""What exported steps tell libraries by statements of their own is told again where they are
restored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import duranb
from duranb.export import export
from duranb.temporal.export import write
from tests.engine.test_commands import LIBRARY
from tests.targets.adversarial import case
from tests.targets.test_script import written

ROOT = Path(duranb.__file__).parents[1]
IMPORT = "import library_that_hides as lib"


class Exported:
    """A notebook as a script, in a folder beside that of a library."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "notebook"
        self.folder.mkdir()
        (folder / "elsewhere").mkdir()
        (folder / "elsewhere/library_that_hides.py").write_text(LIBRARY)

    def of(self, *cells: str, tagged: int = -1, target: str = "script") -> Path:
        """Export it."""
        notebook = written(case(*cells, parameters=tagged), self.folder)
        made = self.folder / f"{target.replace('lang', '')}.py"
        if target == "temporal":
            write(notebook, self.folder / target)
        else:
            made.write_text(export(notebook, target))
        return made

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the script in a process of its own."""
        done = self.python("script.py", *words)
        assert done.returncode == 0, done.stderr
        return done

    def python(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A process that finds the library."""
        folders = (self.folder.parent / "elsewhere", ROOT)
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env={
                **os.environ,
                "DURANB_HOME": str(self.folder / "home"),
                "PYTHONPATH": os.pathsep.join(map(str, folders)),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """One."""
    return Exported(tmp_path)


def test_a_restored_step_of_a_script_tells_its_library_again(exported: Exported) -> None:
    """By a call, by an attribute, with a parameter and with what it makes itself."""
    exported.of(
        f"{IMPORT}\nimport types",
        "%%durable a\nmode = 'loud'",
        "%%durable b\nlib.set_mode(mode)\nlib.options.width = 50\nprint('ran')",
        "%%durable c\nagent = types.SimpleNamespace(n=7)\nlib.configure(agent)\nprint('ran')",
        "print(lib.mode(), lib.options.width, lib.given() is agent, agent.n)",
    )
    for ran in range(2):
        done = exported.run()
        assert done.stdout.splitlines()[-1] == "loud 50 True 7", ran
    assert lib_told(exported) == "1"


def lib_told(exported: Exported) -> str:
    """How often the library is told its mode by a script whose steps are all restored."""
    script = exported.folder / "script.py"
    script.write_text(script.read_text().replace("lib.mode()", "lib.told()"))
    return exported.run().stdout.split()[-4]


def test_what_cannot_be_told_again_runs_again(exported: Exported) -> None:
    """A name that the step does not hand on, and one that it gives another value."""
    exported.of(
        IMPORT,
        "%%durable a\nlocal = 'lo' + 'ud'\nlib.set_mode(local)\nlocal = 'low'\nx = lib.told()",
        "%%durable b\nfor n in ('odd',):\n    pass\nlib.set_mode(n)\ny = x + 1",
        "print(lib.mode(), y)",
    )
    first, second = exported.run(), exported.run()
    assert first.stdout == second.stdout == "odd 2\n"
    assert "cannot hold that" in first.stderr


def test_what_the_script_tells_is_an_input_of_the_steps_that_use_the_library(
    exported: Exported,
) -> None:
    """At its top, and in a plain cell between the steps, which each run carries out."""
    cells = [
        f"mode = 'loud'\n{IMPORT}",
        "lib.set_mode(mode)",
        "%%durable use\nseen = lib.mode()",
        "%%durable other\nprint('ran')",
        "print(seen)",
    ]
    exported.of(*cells)
    assert exported.run().stdout == "ran\nloud\n"
    cells[0] = cells[0].replace("loud", "low")
    exported.of(*cells)
    assert exported.run().stdout == "ran\nlow\n"
    exported.of(cells[0].replace("\n", "\nn = 1\n"), *cells[1:], tagged=0)
    assert exported.run("--mode", "odd").stdout == "ran\nodd\n"
    assert exported.run("--mode", "even").stdout == "ran\neven\n"


def test_settings_of_libraries_come_back_with_a_step(exported: Exported) -> None:
    """In helpers too: pyplot's parameters, options of NumPy and pandas, filters of warnings, how
    precise decimal numbers are. The steps are restored."""
    exported.of(
        "import decimal, warnings\nimport matplotlib as mpl, numpy as np, pandas as pd\n"
        "def quiet():\n    np.seterr(divide='raise')\n    decimal.getcontext().prec = 5",
        "%%durable a\nmpl.rcParams['lines.linewidth'] = 7\npd.options.display.precision = 2\n"
        "quiet()\nwarnings.filterwarnings('error', 'mine')\nran = object()",
        "%%durable b\ntext = f\"{pd.Series([1 / 3]).iloc[0]} {mpl.rcParams['lines.linewidth']}\"",
        "try:\n    warnings.warn('mine')\nexcept UserWarning as error:\n    said = str(error)\n"
        "print(text, np.geterr()['divide'], decimal.Decimal(1) / 3, said)\n"
        "print(pd.Series([1 / 3]).to_string(), mpl.rcParams['lines.linewidth'], ran is None)",
    )
    first, second = exported.run(), exported.run()
    assert "raise 0.33333 mine" in first.stdout and "0.33 7.0" in first.stdout
    assert second.stdout == first.stdout
    assert "cannot hold that" not in first.stderr


TELLING = (
    f"import types\n{IMPORT}\nimport numpy as np\nmode = 'loud'",
    "%%durable a\nagent = types.SimpleNamespace(n=[7])\nlib.configure(agent)",
    "lib.set_mode(mode)\nnp.set_printoptions(precision=2)",
    "%%durable b\nx = 1",
    "%%durable c\nagent.n.append(x)",
    "%%durable d\nseen = lib.mode(), str(np.array([1 / 3])), lib.given().n, x",
    "print(seen, lib.given() is agent)",
)


def test_a_graph_tells_in_each_process_what_its_nodes_have_told(exported: Exported) -> None:
    """Killed after some nodes, and begun again: with what the state has of it, and in the order."""
    pytest.importorskip("langgraph.checkpoint.sqlite", reason="needs duranb[langgraph]")
    made = exported.of(*TELLING, target="langgraph")
    words = (str(made), f"sqlite:{exported.folder / 'checkpoints.db'}")
    for nodes in ("2", "3", "5"):
        done = exported.python("-m", "tests.targets.graph_run", *words, nodes, "go on", "again")
        killed, *others = json.loads(done.stdout)
        assert killed["code"] == -9, killed["err"]
        for each in others:
            assert each["out"].splitlines()[-1] == "('loud', '[0.33]', [7, 1], 1) True", each["err"]


def test_a_graph_refuses_what_another_process_could_not_be_told(exported: Exported) -> None:
    """By name."""
    pytest.importorskip("langgraph.checkpoint.sqlite", reason="needs duranb[langgraph]")
    made = exported.of(
        IMPORT,
        "%%durable a\nfor n in ('odd',):\n    lib.set_mode(n)\nlib.set_mode(n)\nx = 1",
        "print(x)",
        target="langgraph",
    )
    words = (str(made), f"sqlite:{exported.folder / 'checkpoints.db'}")
    done = exported.python("-m", "tests.targets.graph_run", *words, "again")
    assert "a changed what library_that_hides was told" in json.loads(done.stdout)[0]["err"]


def test_a_worker_refuses_what_other_workers_would_not_be_told(exported: Exported) -> None:
    """By name; what the module tells is told in each."""
    pytest.importorskip("temporalio", reason="needs duranb[temporal]")
    for cells, said in (
        (TELLING, "'a' changed what library_that_hides was told"),
        ((IMPORT, "lib.set_mode('loud')", "%%durable a\nx = lib.mode()", "print(x)"), ""),
    ):
        exported.of(*cells, target="temporal")
        words = ("temporal", str(exported.folder / "bucket"), "run", "{}")
        done = exported.python("-m", "tests.targets.elsewhere", "workers", *words)
        assert said in done.stderr if said else done.stdout == "loud\n", done.stderr
