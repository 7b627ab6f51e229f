"""A notebook whose store is encrypted: nothing of it lies on the disk, and no key means no cell."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path

from duranb.store import encryption, store_path
from tests.kernel.harness import Kernel

CANARY = "canary-3f9c1d77-of-the-test"

SETUP = f"""import duranb
CANARY = {CANARY!r}
notes = duranb.memory("notes", embed=lambda texts: [[1.0, 0.0] for _ in texts])"""

CELLS = (
    "%%durable printed\nprint(CANARY); CANARY",
    "%%durable small\nname = CANARY.upper().lower()\nlast = [name] * 3",
    "%%durable large\nmany = [f'{CANARY} {n}' for n in range(5_000)]",
    "%%durable called\nanswer = duranb.call(lambda said: {'said': said}, CANARY)",
    "%%durable remembers\nfact = notes.add(CANARY).text",
)


def test_nothing_that_a_notebook_records_is_readable(
    kernels: Callable[..., Kernel], tmp_path: Path
) -> None:
    """Printed text, variables, calls, memory and code: every byte of the folders is looked through
    for a canary. Without the key cells do not run undurably: they say so; with it all is there."""
    key = {encryption.KEY: "5a" * 32, encryption.WANTED: "1"}
    kernel = kernels(**key).start()
    kernel.run(SETUP)
    for cell in CELLS:
        assert kernel.run(cell).error is None, cell
    assert CANARY in kernel.run("%duranb log\n%duranb show printed").text
    counted = f"SELECT count(*) > 0 AS held FROM events WHERE data LIKE '%{CANARY}%'"
    assert "True" in kernel.run(f"%%duranb_sql\n{counted}").text
    assert not found(store_path(kernel.notebook), tmp_path / "home")
    kernel.kill()
    assert not found(store_path(kernel.notebook), tmp_path / "home")

    without = kernels(**{**key, encryption.KEY: "6b" * 32}).start(extension=False)
    assert "is encrypted, and its key is not here" in without.run("%load_ext duranb").text
    refused = without.run("%%durable printed\nran = True")
    assert refused.error is not None and refused.error[0] == "StoreEncrypted"
    assert without.run("'ran' in globals()").value == "False"
    without.stop()

    again = kernels(**key).start()
    again.run(SETUP)
    for cell in CELLS:
        assert "restored" in again.run(cell).notices, cell
    assert again.run("many[-1]").value == repr(f"{CANARY} 4999")


def found(*folders: Path) -> list[str]:
    """Files with the canary, in one of its forms."""
    data = CANARY.encode()
    forms = [
        data,
        base64.b64encode(data)[:-4],
        gzip.compress(data)[10:-8],
        pickle.dumps(CANARY)[4:-2],
        json.dumps([CANARY])[2:-2].encode(),
        data.hex().encode(),
        CANARY.encode("utf-16-le"),
    ]
    files = [x for folder in folders for x in folder.rglob("*") if x.is_file()]
    assert len(files) > 5
    return [str(x) for x in files if any(form in x.read_bytes() for form in forms)]
