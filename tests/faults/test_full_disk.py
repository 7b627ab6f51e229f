"""A step whose end cannot be recorded: it can be run again, and nothing is lost or done twice."""

from __future__ import annotations

from pathlib import Path

from tests.kernel.harness import Kernel

FILL = (
    "import errno, os\n"
    "pwrite = os.pwrite\n"
    "def full(*args):\n"
    "    raise OSError(errno.ENOSPC, 'No space left on device')\n"
    "os.pwrite = full"
)
STEP = "%%durable grow\nitems.append(2)\ntext = 'y' * len(items)"


def test_step_refused_by_a_full_disk_runs_again_from_where_it_began(tmp_path: Path) -> None:
    """Its in-place changes are not made twice, and after a kill all of its variables are there."""
    kernel = Kernel(tmp_path / "agent.ipynb", DURANB_HOME=str(tmp_path / "home")).start()
    kernel.run("items = [1]")
    kernel.run("%%durable first\nx = 1")
    kernel.run(FILL)
    refused = kernel.run(STEP)
    assert refused.error is not None and "is full" in refused.error[1]
    kernel.run("os.pwrite = pwrite")
    assert kernel.run(STEP).error is None
    assert kernel.value("[items, text, x]") == repr([[1, 2], "yy", 1])
    kernel.kill()
    kernel.start()
    kernel.run("%duranb rewind --yes")
    assert kernel.value("[items, text, x]") == repr([[1, 2], "yy", 1])
    kernel.stop()
