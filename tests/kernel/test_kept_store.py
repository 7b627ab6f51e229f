"""A notebook whose store an earlier version wrote goes on in this one."""

from __future__ import annotations

from pathlib import Path

from tests.kernel.harness import Kernel
from tests.stores import unpack
from tests.stores.make import CELLS, SETUP


def test_everything_is_restored_and_rewound(tmp_path: Path) -> None:
    """Once it is trusted, rewind alone brings every variable back; run all pays for nothing again;
    rewinding goes behind an in-place change."""
    notebook = unpack("first", tmp_path)
    kernel = Kernel(notebook, DURANB_HOME=str(tmp_path / "home")).start()
    refused = kernel.run("%duranb rewind --yes")
    assert refused.error is not None and "duranb trust" in refused.error[1]
    kernel.run("import duranb; await duranb.current().trust().apply()")  # it had no seals
    kernel.run("%duranb rewind --yes")
    state = "[row.tolist(), float(data[2, 3]), float(large[7]), point.shifted(1).x, first, twice]"
    before = "[[40.0, 5.0, 6.0, 7.0], 11.0, 7.0, 4, 11, [2, 4, 6]]"
    assert kernel.value(state) == before
    assert kernel.value("[count(), go, end, len(drawn), receipt]") == repr(
        [12, "yes", 3, 2, "receipt ann"]
    )
    assert kernel.value("np.shares_memory(row, data)") == "True"
    base = kernel.value("BASE")
    kernel.restart()
    kernel.run(f"BASE = {base}")  # nobody is there any more: nothing can be asked again
    kernel.run(SETUP)
    for name in ("arrays", "large", "objects", "doubled", "model", "ask", "draw"):
        assert kernel.run(CELLS[name]).error is None, name
    assert kernel.value("[len(answers), go]") == "[3, 'yes']"
    kernel.run("%duranb rewind changed --yes")
    assert kernel.value("float(data[2, 3])") == "-1.0"
    kernel.run("%duranb rewind changed --before --yes")
    assert kernel.value("float(data[2, 3])") == "11.0"
    kernel.stop()
