"""Kernels and commands that tests fork are like those that are started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jupyter_client.launcher
import pytest

from tests.kernel.harness import Kernel
from tests.servers import forks

PLACE = "[os.getcwd(), os.environ['DURANB_NOTEBOOK'], sys.path, os.getpgrp() - os.getpid()]"

IMPORTS = tuple(f"__import__({name!r})" for name in ("duckdb", "ipywidgets", "openai", "duranb"))
AFTER = "' '.join(sys.modules)"
WAIT = """
for name in ("duckdb", "httpx2", "openai", "pydantic"):
    wrapt.register_post_import_hook(lambda module: imported.append(module.__name__), name)
"""
USE = """
import blake3, duckdb, importlib, ipywidgets, openai
assert callable(blake3.blake3)
from openai.resources.chat.completions import Completions
assert duckdb.sql("SELECT 1").fetchall() == [(1,)]
assert type(openai.OpenAI(api_key="sk").chat.completions) is Completions
assert "jupyter.widget" in get_ipython().kernel.comm_manager.targets
for each in (duckdb, openai, openai.resources.chat):
    assert importlib.util.find_spec(each.__name__) is each.__spec__
    assert each.__spec__.origin == each.__file__
"""


@pytest.mark.parametrize("extension", [False, True])
def test_a_forked_kernel_is_one_that_was_started(
    kernels: Callable[..., Kernel], monkeypatch: pytest.MonkeyPatch, extension: bool
) -> None:
    """It has imported the same modules, and is in the same place."""
    told = []
    for popen in (forks.Popen, subprocess.Popen):
        monkeypatch.setattr(jupyter_client.launcher, "Popen", popen)
        kernel = kernels().start(extension=extension)
        assert kernel.run("import os, sys").error is None
        told.append((set(kernel.value("' '.join(sys.modules)").split()), kernel.value(PLACE)))
        kernel.stop()
    (forked, place), (started, other) = told
    assert forked ^ started <= {"gc"}  # which the parent itself uses
    assert place == other


def test_a_new_kernel_hashes_otherwise(kernel: Kernel) -> None:
    """As after a real restart: nothing that was kept may depend on the hash of a text."""
    before = kernel.value("hash('a')")
    kernel.restart()
    assert kernel.value("hash('a')") != before


def test_a_forked_process_is_waited_for(tmp_path: Path) -> None:
    """Its exit code, its outputs and the signal that killed it are those of a started one."""
    command = [sys.executable, "-m", "duranb", "status", "nowhere.ipynb"]
    done, again = (
        run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        for run in (forks.run, subprocess.run)
    )
    assert vars(done) == vars(again) and done.returncode == 2
    asking = [sys.executable, "-m", "duranb", "demo", "--help"]
    with forks.Popen(asking, stdout=subprocess.PIPE) as process:
        os.kill(process.pid, signal.SIGSTOP)
        assert process.poll() is None
        process.kill()
        assert process.wait(timeout=300) == -signal.SIGKILL


def test_a_parent_that_nobody_asks_imports_nothing(tmp_path: Path) -> None:
    """It ends with whoever started it, also where what it would import is not installed."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "place"))
        listener.listen()
        number = str(listener.fileno())
        ended = subprocess.run(
            [sys.executable, "-X", "importtime", forks.__file__, "pytest", number],
            input="",
            stderr=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            text=True,
            check=True,
        )
    assert "selectors" in ended.stderr and "pytest" not in ended.stderr


def test_one_that_is_killed_while_it_asks_takes_no_parent_along() -> None:
    """Before it has asked, or in the middle of it: others are still given their processes."""
    command = [sys.executable, "-m", "duranb", "--version"]
    before = forks.run(command, capture_output=True, check=True)
    for sent in (b"", (99).to_bytes(8, "big"), (99).to_bytes(8, "big") + b"{"):
        with socket.socket(socket.AF_UNIX) as asks:
            asks.connect(f"{os.environ[forks.PLACE]}/command-0")
            asks.sendall(sent)
    assert vars(forks.run(command, capture_output=True, check=True)) == vars(before)


@pytest.mark.parametrize("extension", [False, True])
def test_what_is_readied_is_as_if_it_had_been_imported(
    kernels: Callable[..., Kernel], monkeypatch: pytest.MonkeyPatch, extension: bool
) -> None:
    """It is not there before it is imported; then all that it imports is there, as often as it
    is where a kernel imports it by itself, each in its package, and what waits for one is told."""
    told = []
    for popen in (forks.Popen, subprocess.Popen):
        monkeypatch.setattr(jupyter_client.launcher, "Popen", popen)
        kernel = kernels().start(extension=extension)
        kernel.run(f"import sys, wrapt\nimported = []\n{WAIT}")
        assert kernel.value("imported") == "[]"
        found = [kernel.value(f"[{each}, {AFTER}][1]") for each in IMPORTS]
        told.append([*map(str.split, found), kernel.value("imported")])
        assert kernel.run(USE).error is None
        kernel.stop()
    forked, started = told
    for here, there in zip(forked, started, strict=True):
        assert {*here} ^ {*there} <= {"gc"}
