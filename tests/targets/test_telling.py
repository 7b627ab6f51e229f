"""What exported steps tell libraries by statements of their own is told again where they are
restored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from duranb.export import export
from tests.engine.test_commands import LIBRARY
from tests.targets.adversarial import case
from tests.targets.test_script import written

IMPORT = "import library_that_hides as lib"


class Exported:
    """A notebook as a script, in a folder beside that of a library."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "notebook"
        self.folder.mkdir()
        (folder / "elsewhere").mkdir()
        (folder / "elsewhere/library_that_hides.py").write_text(LIBRARY)

    def of(self, *cells: str, tagged: int = -1) -> None:
        """Export it."""
        notebook = written(case(*cells, parameters=tagged), self.folder)
        (self.folder / "script.py").write_text(export(notebook, "script"))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the script in a process of its own."""
        done = subprocess.run(
            [sys.executable, "script.py", *words],
            cwd=self.folder,
            env={
                **os.environ,
                "DURANB_HOME": str(self.folder / "home"),
                "PYTHONPATH": str(self.folder.parent / "elsewhere"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done


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
        "%%durable a\nmpl.rcParams['lines.linewidth'] = 7\npd.set_option('display.precision', 2)\n"
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
