"""A store's folder from a stranger: no command writes outside of it, hangs, or ends unnamed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.strangers import IN_KERNELS, KINDS, VERBS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has no pipes and devices")


def used(kinds: str, verbs: list[str]) -> int:
    """How many commands were used on these kinds of folders."""
    command = [sys.executable, "-m", "tests.faults.strangers", "--kinds", kinds]
    done = subprocess.run(
        [*command, "--verbs", ",".join(verbs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *wrong, counted = done.stdout.splitlines()
    assert not wrong, "\n".join(wrong)
    return int(json.loads(counted)["done"])


def test_some_commands_on_some_folders() -> None:
    """What opens a store, looks at it, changes it, and loads into a notebook."""
    assert used(f"3:{len(KINDS)}:61", ["status", "shell-fork", "cells"]) >= 12


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_command_on_every_folder() -> None:
    """All kinds of folders, with all that starts no kernel."""
    assert used(f"0:{len(KINDS)}:1", [*VERBS]) == len(KINDS) * len(VERBS)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_what_starts_kernels_on_some_folders() -> None:
    """More than forty kinds."""
    assert used(f"0:{len(KINDS)}:5", [*IN_KERNELS]) > 40 * len(IN_KERNELS)
