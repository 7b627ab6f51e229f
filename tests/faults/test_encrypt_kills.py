"""kill -9 of ``duranb encrypt`` and ``decrypt``: there is one whole store at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from duranb.record.events import Answered, ArtifactStored
from duranb.store import Store, StoreView, encryption, store_path
from duranb.store.paths import REWRITTEN
from duranb.store.verify import verify

CANARY = b"canary-3f9c1d77-of-the-test"

REWRITER = """
import sys
from pathlib import Path
from duranb.store import rewriting
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
rewriting.rewrite(folder, encrypted=sys.argv[2] == "encrypt")
print("done", flush=True)
"""


@pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_encrypt_leaves_one_whole_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    """At random moments: who looks sees all of the history, and so does who opens it next, who
    removes what is left of the other form."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(encryption.KEY, "5a" * 32)
    folder = store_path(tmp_path / "n.ipynb")
    store = Store.open(folder)
    for number in range(150):
        store.put([CANARY * (2000 if number % 3 else 20), str(number).encode()])
        store.append(Answered(call=number, value=number)).wait()
    store.close()
    whole = _told(folder)
    moments = random.Random(11)
    longest = 0.3
    for number in range(rounds):
        word = "encrypt" if number % 2 == 0 else "decrypt"
        with subprocess.Popen(
            [sys.executable, "-c", REWRITER, str(folder), word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            begun = time.monotonic()
            process.stdin.write("go\n")
            process.stdin.flush()
            time.sleep(moments.uniform(0, longest))
            process.kill()
            if process.stdout.read() == "done\n":
                longest = max(0.02, time.monotonic() - begun)
        assert _told(folder) == whole
        opened = Store.open(folder)
        assert opened.damage == "" and opened.foreign == ""
        is_encrypted = opened.is_encrypted
        opened.close()
        assert _told(folder) == whole and not (folder / REWRITTEN).exists()
        held = [x for x in folder.rglob("*") if x.is_file() and CANARY in x.read_bytes()]
        assert bool(held) != is_encrypted, held


def _told(folder: Path) -> list[object]:
    """All that a store holds, checked."""
    with StoreView.open(folder) as view:
        assert verify(view) == []
        bodies = [x.body for x in view.events()]
        stored = [bytes(view.get(x.digest)) for x in bodies if isinstance(x, ArtifactStored)]
        return [*bodies, *stored]
