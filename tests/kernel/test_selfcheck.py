"""A kernel checks what it has stored, when nothing is going on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from click.testing import CliRunner

from duranb.cli.main import cli
from duranb.record import events as e
from duranb.store import StoreView, store_path
from tests.kernel.harness import Kernel

FORGETS = """
class Weight:
    def __init__(self, value, unit="kg"):
        self.value, self.unit = value, unit
    def __reduce__(self):
        return Weight, (self.value,)
"""

CHECK = "__import__('duranb.jupyter.extension').jupyter.extension.loaded()._check"

TOLD = "step 'weigh': w does not come back as it was: w.unit was 'lb', and is 'kg'"


def wait_for_finding(notebook: Path, seconds: float = 300) -> None:
    """Wait until the check has recorded something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with StoreView.open(store_path(notebook)) as view:
            if any(isinstance(x.body, e.ValuesDiffer) for x in view.events()):
                return
        time.sleep(0.2)
    raise AssertionError("nothing was found")


def test_a_class_that_forgets_is_named_while_the_kernel_lives(kernel: Kernel) -> None:
    """What a ``__reduce__`` forgets is said by the next durable cell, once, and by status, show and
    verify; after a restart, too."""
    kernel.run(FORGETS)
    assert kernel.run("%%durable weigh\nw = Weight(1, 'lb')\nn = [1]").notices == ""
    wait_for_finding(kernel.notebook)
    said = kernel.run("%%durable second\nm = 2").notices
    assert TOLD in said and said.count("does not come back") == 1
    assert kernel.run("%%durable third\nk = 3").notices == ""
    assert "w.unit was 'lb'" in kernel.run("%duranb status").text
    assert "w.unit was 'lb'" in kernel.run("%duranb show weigh").text
    verified = kernel.run("%duranb verify")
    assert verified.status == "ok" and "w.unit was 'lb'" in verified.messages[-1][1]["text"]
    aside = psutil.Process(int(kernel.value(f"{CHECK}._process.pid")))
    kernel.kill()
    psutil.wait_procs([aside], timeout=300)
    assert not aside.is_running() or aside.status() == psutil.STATUS_ZOMBIE
    kernel.start()
    assert "w.unit was 'lb'" in kernel.run("%duranb status").text


def test_it_can_be_turned_off(kernels: Callable[..., Kernel]) -> None:
    """With ``DURANB_CHECK=0`` nothing is checked."""
    kernel = kernels(DURANB_CHECK="0").start()
    kernel.run(FORGETS)
    kernel.run("%%durable weigh\nw = Weight(1, 'lb')")
    assert kernel.value(CHECK) == "None"


def test_a_headless_run_says_it_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``duranb run`` checks what is left at the end, and names it; what it found is in verify."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DURANB_CHECK", "60")  # the machine may be busy
    notebook = tmp_path / "agent.ipynb"
    cells = [FORGETS, "%%durable weigh\nw = Weight(1, 'lb')", "print(w.value)"]
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(document, notebook)
    done = CliRunner().invoke(cli, ["run", str(notebook)])
    assert done.exit_code == 0
    assert "weigh: w does not come back as it was: w.unit was 'lb', and is 'kg'" in done.output
    verified = CliRunner().invoke(cli, ["verify", str(notebook)])
    assert verified.exit_code == 0
    assert "w.unit was 'lb'" in verified.output


def test_modules_are_gone_through_while_nothing_goes_on(kernel: Kernel) -> None:
    """What the first value that is stored has to know of the libraries that are loaded is found out
    before there is one."""
    kernel.run("from duranb.values import held\nbefore = held._plain._loaded")
    until = time.monotonic() + 60
    while kernel.value("held._plain._loaded") == kernel.value("before"):
        assert time.monotonic() < until
        time.sleep(1.5)
