"""Forged stores: nothing in them runs or is served, and each is named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.forgeries import WAYS

ROOT = Path(__file__).parents[2]


def forged(seeds: str) -> dict[str, int]:
    """How many were forged, by their ways."""
    command = [sys.executable, "-m", "tests.faults.forgeries", "--seeds", seeds]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *wrong, counted = done.stdout.splitlines()
    assert not wrong
    found: dict[str, int] = json.loads(counted)
    assert found["bad"] == 0
    return found


def test_a_forged_store_is_named_and_not_acted_on() -> None:
    """Two of each way."""
    found = forged("0:31")
    assert {way.__name__ for way in WAYS} <= {*found}


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_ten_thousand_forgeries() -> None:
    """The same, at full length."""
    assert forged("0:10000")["forged"] == 10_000
