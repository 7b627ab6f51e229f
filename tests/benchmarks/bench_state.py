"""What keeping state costs: duranb beside kishu and beside a full cloudpickle dump each cell.

``python -m tests.benchmarks.bench_state [--repeat 9]``. The same cells run in four kernels, which
take turns: plain, duranb (each cell is a step), kishu 0.3.4 (in an environment of its own, made on
the first run: it brings the old ``typing`` and ``dataclasses`` backports), and a kernel whose hook
dumps the whole namespace into a new file after each cell. Times are round trips of a client, in
milliseconds, medians; after each edit comes a rewind to where the namespace was before it, and what
came back is compared with what was there. All three wait for the disk; kishu runs in its test mode,
which leaves out saving the notebook.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.kernel.harness import Kernel

KISHU = Path(sys.prefix) / "kishu"
"""Kishu's own environment, in a folder of this one."""

DUMP = """
import cloudpickle, os
from IPython import get_ipython

class Dump:
    number = at = 0

    def after(self, result):
        self.number += 1
        self.at = self.number
        shell = get_ipython()
        hidden = shell.user_ns_hidden
        kept = {k: v for k, v in shell.user_ns.items() if k not in hidden and k[0] != "_"}
        with open(f"dumps/{self.number}.pkl", "wb") as file:
            cloudpickle.dump(kept, file, protocol=5)
            file.flush()
            os.fsync(file.fileno())

    def back(self, number):
        shell = get_ipython()
        with open(f"dumps/{number}.pkl", "rb") as file:
            kept = cloudpickle.load(file)
        for name in [n for n in shell.user_ns if n not in shell.user_ns_hidden and n[0] != "_"]:
            del shell.user_ns[name]
        shell.user_ns.update(kept)
        self.at = number

_dump = Dump()
os.mkdir("dumps")
get_ipython().events.register("post_run_cell", _dump.after)
"""


class Way:
    """One way to keep a notebook's state, in a kernel of its own. This one keeps nothing."""

    name = "plain"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self.notebook = self.folder / "bench.ipynb"
        empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        self.notebook.write_text(json.dumps(empty))
        self.kernel = self.start()

    def start(self) -> Kernel:
        """A kernel that keeps state this way."""
        return Kernel(self.notebook).start(extension=False)

    def cell(self, name: str, code: str) -> float:
        """Run a cell; the milliseconds of its round trip."""
        start = time.perf_counter()
        result = self.kernel.run(code, timeout=600)
        took = (time.perf_counter() - start) * 1e3
        assert result.error is None, result.text
        return took

    def ask(self, expression: str) -> str:
        """The repr of an expression, evaluated without running a cell."""
        client = self.kernel.client
        assert client is not None
        asked = client.execute("", silent=True, user_expressions={"it": expression})
        while True:
            reply = client.get_shell_msg(timeout=600)
            if reply["parent_header"].get("msg_id") == asked:
                break
        shown = reply["content"]["user_expressions"]["it"]
        assert shown["status"] == "ok", shown
        return str(shown["data"]["text/plain"])

    def here(self) -> str:
        """What :meth:`back` needs to return to this moment."""
        return ""

    def back(self, step: str, moment: str) -> float | None:
        """Rewind to before the last execution of ``step``; milliseconds."""
        return None

    def disk(self) -> int:
        """Bytes on disk."""
        return sum(f.stat().st_blocks * 512 for f in self.folder.rglob("*") if f.is_file())


class Duranb(Way):
    """Each cell a step."""

    name = "duranb"

    def start(self) -> Kernel:
        return Kernel(self.notebook, DURANB_HOME=str(self.folder)).start()

    def cell(self, name: str, code: str) -> float:
        return super().cell(name, f"%%durable {name}\n{code}")

    def back(self, step: str, moment: str) -> float | None:
        return super().cell(step, f"%duranb rewind {step} --before --yes")


class Dump(Way):
    """The whole namespace in a new file after each cell."""

    name = "dump"

    def start(self) -> Kernel:
        kernel = super().start()
        kernel.run(DUMP)
        return kernel

    def here(self) -> str:
        return self.ask("_dump.at")

    def back(self, step: str, moment: str) -> float | None:
        start = time.perf_counter()
        self.ask(f"_dump.back({moment})")
        return (time.perf_counter() - start) * 1e3


class Kishu(Way):
    """Kishu, as its own command line drives it."""

    name = "kishu"

    def start(self) -> Kernel:
        python = str(KISHU / "bin/python")
        spec = {
            "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "kishu",
            "language": "python",
        }
        folder = self.folder / "kernels/kishu"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        specs = KernelSpecManager(kernel_dirs=[str(folder.parent)])
        manager = KernelManager(kernel_name="kishu", kernel_spec_manager=specs)
        env = {
            "ENV_KISHU_TEST_MODE": "1",
            "TEST_NOTEBOOK_PATH": str(self.notebook),
            "KISHU_PATH_ROOT": str(self.folder),
        }
        kernel = Kernel(self.notebook, **env).start(extension=False, manager=manager)
        # Its own hook complains about the cell that installs it; the next ones are well.
        kernel.run(f"from kishu import init_kishu\ninit_kishu({str(self.notebook)!r})")
        return kernel

    def here(self) -> str:
        return self.ask("_kishu._kishu_branch.get_head().commit_id")

    def back(self, step: str, moment: str) -> float | None:
        start = time.perf_counter()
        self.ask(f"_kishu.checkout({moment}, skip_notebook=True)")
        return (time.perf_counter() - start) * 1e3


WAYS: tuple[type[Way], ...] = (Way, Duranb, Kishu, Dump)


@dataclass
class Measured:
    """What one way took in one scenario."""

    cells: list[float] = field(default_factory=list)
    rewinds: list[float] = field(default_factory=list)
    wrong: bool = False
    disk: int = 0


Run = Callable[[list[Way], int], dict[str, Measured]]


def edits(setup: str, edit: str, state: str) -> Run:
    """A scenario that runs a cell and rewinds it, again and again.

    ``edit`` is the cell, with ``{i}`` for a number that differs each time; ``state`` is an
    expression whose value must be the same after the rewind as before the cell.
    """

    def run(ways: list[Way], repeat: int) -> dict[str, Measured]:
        measured = {way.name: Measured() for way in ways}
        for way in ways:
            way.cell("setup", setup)
            way.cell("warm", "warm = [1]")
        before = {way.name: way.ask(state) for way in ways}
        for i in range(repeat + 2):
            for way in ways:
                moment = way.here()
                took = way.cell("edit", edit.format(i=i))
                rewound = way.back("edit", moment)
                if i < 2:
                    continue  # the first one pays for imports, and for what `ask` may have changed
                measured[way.name].cells.append(took)
                if rewound is not None:
                    measured[way.name].rewinds.append(rewound)
        for way in ways[1:]:  # not in between: nobody can know what code outside of cells changes
            measured[way.name].wrong = way.ask(state) != before[way.name]
        return measured

    return run


def tiny(number: int) -> Run:
    """A scenario of ``number`` cells that each bind one more name; then rewinds far back."""

    def run(ways: list[Way], repeat: int) -> dict[str, Measured]:
        measured = {way.name: Measured() for way in ways}
        for way in ways:
            way.cell("warm", "warm = [1]")
        moments: dict[tuple[str, int], str] = {}
        for i in range(number):
            for way in ways:
                moments[way.name, i] = way.here()
                took = way.cell(f"t{i}", f"t{i} = [{i}]")
                measured[way.name].cells.append(took)
        for i in range(number - 1, 0, -number // repeat):
            for way in ways:
                took_back = way.back(f"t{i}", moments[way.name, i])
                if took_back is not None:
                    measured[way.name].rewinds.append(took_back)
                    there = way.ask(f"(t{i - 1}, 't{i}' in globals())")
                    measured[way.name].wrong |= there != f"([{i - 1}], False)"
        for found in measured.values():  # the end is what has history behind it
            found.cells = found.cells[-25:]
        return measured

    return run


ARRAY = "import numpy as np\nbig = np.random.default_rng(0).random(25_000_000)\nsmall = [0]"

FRAME = """import numpy as np, pandas as pd
df = pd.DataFrame({
    "a": np.arange(100_000.0),
    "b": np.arange(100_000),
    "c": [f"row {i}" for i in range(100_000)],
})"""

SCENARIOS: dict[str, Run] = {
    "the last of 50 tiny cells": tiny(50),
    "the last of 200 tiny cells": tiny(200),
    "small list edited beside 200 MB": edits(ARRAY, "small.append({i})", "small"),
    "one element of 200 MB read": edits(ARRAY, "y = float(big[{i}])", "'y' in globals()"),
    "one element of 200 MB written": edits(ARRAY, "big[{i}] = -{i} - 1", "float(big[:99].sum())"),
    "100k-row DataFrame changed": edits(FRAME, "df.loc[{i}, 'a'] = -{i} - 1", "df['a'].sum()"),
}


def environment() -> None:
    """Make kishu's environment, unless it is there. Raises when the registry has no kishu."""
    if (KISHU / "made").exists():
        return
    shutil.rmtree(KISHU, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(KISHU)], check=True)
    pip = [str(KISHU / "bin/python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "kishu==0.3.4", "ipykernel", "numpy", "pandas"], check=True)
    (KISHU / "made").touch()


def measure(name: str, repeat: int) -> None:
    """Run a scenario in all kernels, print its rows."""
    with tempfile.TemporaryDirectory() as folder:
        ways = [way(Path(folder)) for way in WAYS]
        try:
            measured = SCENARIOS[name](ways, repeat)
        finally:
            for way in ways:
                way.kernel.stop()
        for way in ways:
            measured[way.name].disk = way.disk()
    plain = statistics.median(measured["plain"].cells)
    for way in ways:
        found = measured[way.name]
        cell = statistics.median(found.cells)
        kept = way.name != "plain"
        back = f"{statistics.median(found.rewinds):.1f}" if kept else ""
        back += " (wrong)" if found.wrong else ""
        disk = f"{found.disk / 1e6:.1f}" if kept else ""
        print(f"| {name} | {way.name} | {cell:.1f} | {cell / plain:.2f} | {back} | {disk} |")
        sys.stdout.flush()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    arguments = parser.parse_args()
    environment()
    os.environ.pop("DURANB_HOME", None)
    print("| cell | way | ms | ratio | rewind ms | disk MB |\n|---|---|---|---|---|---|")
    for name in SCENARIOS:
        if arguments.only in name:
            measure(name, arguments.repeat)


if __name__ == "__main__":
    main()
