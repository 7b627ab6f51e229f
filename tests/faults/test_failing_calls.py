"""Each file-system call of a run and of each verb fails in turn: it ends as if nothing had been, or
in an error with a name; nothing acknowledged is lost, and nothing is done or recorded twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.sweeping import VERBS

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="descriptors are looked up in /proc"
)


def swept(*words: str) -> list[str]:
    """The cases in which a promise was not kept, as text."""
    command = [sys.executable, "-m", "tests.faults.sweeping", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found
    for each in found:
        assert each["cases"] and not each["plain"], each
    return [
        f"{each['verb']}: {bad['call']}: {bad['problems']} {bad['said']}"
        for each in found
        for bad in each["bad"]
    ]


@pytest.mark.parametrize(
    "words",
    [
        "run --calls 35:400:106",
        "run --calls 61:400:140 --code ENOSPC --on",
        "rewind verify --calls 27:400:150",
        "status export fork --calls 19:400:122 --code ENOSPC",
    ],
)
def test_some_calls_fail(words: str) -> None:
    """A few of a run and of some verbs; with ``--on`` the disk stays full."""
    assert swept(*words.split()) == []


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("words", [["EIO"], ["ENOSPC"], ["ENOSPC", "--on"]], ids=" ".join)
def test_every_call_fails(verb: str, words: list[str]) -> None:
    """The first 400 of each verb."""
    assert swept(verb, "--code", *words) == []
