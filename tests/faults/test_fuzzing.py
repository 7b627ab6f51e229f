"""Whatever reads what others wrote meets bytes of any kind: it reads them, or refuses by name."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.faults.fuzzing import READERS, SAMPLES

ROOT = Path(__file__).parents[2]

Edit = tuple[int, int, bytes]
"""Where in a sample, how many bytes go, and which come."""

PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [b"{", b"[" * 300, b'"', b"\\ud800", b"9" * 400, b"null", b"\n\n", b"\0", b"'"]
    ),
    st.sampled_from(
        [b"\n%%durable x\n", b"-- ", b"=", b"--", b"    ", b"def f(", b"\xff", b"%", b"!"]
    ),
)
EDITS = st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 30), PIECES), max_size=6)


def edited(sample: bytes, edits: list[Edit]) -> bytes:
    """A sample with other bytes in some places."""
    for at, size, piece in edits:
        place = at % (len(sample) + 1)
        sample = sample[:place] + piece + sample[place + size :]
    return sample


@pytest.mark.parametrize("name", READERS)
def test_samples_are_read_and_a_few_bytes_in_them_may_be_any(name: str) -> None:
    """Some thirty of each."""
    meet(name, 30)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", READERS)
def test_thousands_of_samples_with_other_bytes_in_them(name: str) -> None:
    """The same, at full length."""
    meet(name, 5_000)


def meet(name: str, examples: int) -> None:
    """Have a reader meet so many examples."""

    @settings(max_examples=examples, deadline=None, suppress_health_check=[*HealthCheck])
    @given(sample=st.sampled_from(SAMPLES[name]), edits=EDITS)
    def met(sample: bytes, edits: list[Edit]) -> None:
        READERS[name](edited(sample, edits))

    met()


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", READERS)
def test_readers_are_fuzzed_by_coverage(name: str) -> None:
    """A minute each, from the samples."""
    command = [sys.executable, "-m", "tests.faults.guided", name, "--seconds", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
