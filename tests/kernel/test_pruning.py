"""Freeing the room of what a notebook no longer stands on, in real kernels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from tests.kernel.harness import Kernel, Result

USE = (
    "%%durable use\n@duranb.step\ndef wide(n): return np.full(20_000, n + 0.5)\n"
    "parts = [wide(i) for i in range(3)]\ny = x + 0.25"
)


STATE = "[float(a[0]) for a in (x, y, parts[2])]"


def load(number: int) -> str:
    """A cell that makes a large array."""
    return f"%%durable load\nimport numpy as np\nx = np.full(300_000, {number}.0)"


def run(kernel: Kernel, number: int) -> list[Result]:
    """All cells, with this number in the first."""
    results = [kernel.run(cell) for cell in ("import duranb", load(number), USE)]
    assert [r.error for r in results] == [None] * 3, [r.text for r in results]
    return results[1:]


def size(kernel: Kernel) -> int:
    """The bytes of the store."""
    folder = kernel.notebook.parent / ".duranb"
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def command(kernel: Kernel, *words: str) -> str:
    """What a command of the shell says."""
    done = subprocess.run(
        [sys.executable, "-m", "duranb", words[0], kernel.notebook, *words[1:]],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_earlier_values_go_and_the_present_stays(kernels: Callable[..., Kernel]) -> None:
    """The latest executions are restored in a new kernel; an edit that is undone runs its step
    again, and the store verifies throughout."""
    kernel = kernels("room").start()
    for number in range(4):
        run(kernel, number)
    before = size(kernel)
    plan = kernel.run("%duranb prune --dry-run").stdout
    assert "what earlier executions of load, use made" in plan and size(kernel) == before
    assert "freed" in kernel.run("%duranb prune --yes").stdout
    assert before - size(kernel) > 3 * 2 * 300_000 * 8
    assert kernel.value(STATE) == "[3.0, 3.25, 2.5]"
    assert all("nothing ran" in r.notices for r in run(kernel, 3))
    again = run(kernel, 1)
    assert "nothing ran" not in again[0].notices
    assert kernel.value(STATE) == "[1.0, 1.25, 2.5]"
    kernel.kill()
    assert "all as acknowledged" in command(kernel, "verify")
    assert "frees" in command(kernel, "prune", "--yes", "--keep", "1")
    assert "frees 0 bytes" in command(kernel, "prune", "--dry-run")
    assert "all as acknowledged" in command(kernel, "verify")
    kernel.start()
    assert all("nothing ran" in r.notices for r in run(kernel, 1))
    assert kernel.value(STATE) == "[1.0, 1.25, 2.5]"
    rewound = kernel.run("%duranb rewind load@1 --yes")
    assert "cannot bring back x: they are not in the store" in rewound.stdout
    assert "it was pruned" in kernel.run("x + 1").text


def test_what_is_kept_can_be_rewound_to(kernels: Callable[..., Kernel]) -> None:
    """``--keep`` says how many executions of each step; branches keep their heads."""
    kernel = kernels("room").start()
    for number in range(3):
        run(kernel, number)
    assert kernel.run("%duranb fork idea --at load@1 --yes").error is None
    assert kernel.run("%duranb switch main --yes").error is None
    assert kernel.run("%duranb prune --keep 2 --yes").error is None
    assert kernel.run("%duranb rewind load@6 --yes").error is None
    assert kernel.value("float(x[0])") == "1.0", "the second of three"
    assert kernel.run("%duranb switch idea --yes").error is None
    assert kernel.value("float(x[0])") == "0.0"
