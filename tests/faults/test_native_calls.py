"""DuckDB's own calls of the system fail: the history, which is in the log, is whole, and the tables
are made anew from it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from duranb.store import Store, StoreView
from duranb.store.verify import verify

CALLS = ("openat", "pwrite64", "write", "pread64", "fdatasync", "ftruncate", "unlink")

EVENTS = 5 * 301

WORK = """
import sys
from pathlib import Path
from duranb.errors import DuranbError
from duranb.record import events as e
from duranb.store import Store
store = Store.open(Path(sys.argv[1]))
for n in range(5):
    store.append(e.RunStarted(run=f"r{n}"), *(e.SessionOpened(pid=k) for k in range(300))).wait()
    try:
        ((count,),) = store.query("SELECT count(*) FROM events")[1]
        assert count == (n + 1) * 301, count
    except DuranbError as error:
        print("named:", error.message)
store.close()
print("closed")
"""


class Fault(NamedTuple):
    """The ``when``-th call fails; with a plus all later ones do, too."""

    call: str
    when: str
    code: str


def traced(folder: Path, options: list[str]) -> subprocess.CompletedProcess[str]:
    """Fill a store while its database's calls are traced."""
    store = folder / ".duranb" / "a"
    files = [word for name in ("", ".wal") for word in ("-P", f"{store}/store.duckdb{name}")]
    command = ["strace", "-f", "-qq", "-o", str(folder / "trace"), *options, *files]
    return subprocess.run(
        [*command, sys.executable, "-c", WORK, str(store)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How often DuckDB makes each of the calls where nothing fails."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("strace, which has calls of the system fail, is not there")
    folder = tmp_path_factory.mktemp("plain")
    done = traced(folder, ["-e", f"trace={','.join(CALLS)}"])
    if "ptrace" in done.stderr or "Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody trace a process")
    assert done.returncode == 0, done.stderr
    found = Counter(re.findall(r"^\d+ +(\w+)\(", (folder / "trace").read_text(), re.MULTILINE))
    assert found["write"] > 5 and found["fdatasync"] > 5
    return found


def check(folder: Path, fault: Fault) -> None:
    """One call fails: whoever asks meanwhile gets an error with a name; nothing is lost."""
    folder.mkdir()
    inject = f"inject={fault.call}:error={fault.code}:when={fault.when}"
    done = traced(folder, ["-e", f"trace={fault.call}", "-e", inject])
    assert done.returncode == 0 and done.stdout.endswith("closed\n"), (fault, done)
    assert "Traceback" not in done.stderr, (fault, done.stderr)
    assert "INJECTED" in (folder / "trace").read_text() or "pread" in fault.call, fault
    place = folder / ".duranb" / "a"
    with StoreView.open(place) as view:
        assert verify(view) == [], fault
        assert len(list(view.events())) == EVENTS, fault
    store = Store.open(place)
    try:
        assert store.query("SELECT count(*), count(DISTINCT seq) FROM events")[1] == [
            (EVENTS, EVENTS)
        ], fault
    finally:
        store.close()
    shutil.rmtree(folder)


def faults(counts: Counter[str], step: int) -> list[Fault]:
    """Each ``step``-th of all that can fail."""
    return [
        Fault(call, f"{number}{more}", code)
        for call in CALLS
        for number in range(1, counts[call] + 1)
        for code, more in (("EIO", ""), ("ENOSPC", ""), ("EIO", "+"), ("ENOSPC", "+"))
    ][::step]


def test_some_calls_of_the_database_fail(counts: Counter[str], tmp_path: Path) -> None:
    """A few, once and for good."""
    for number, fault in enumerate(faults(counts, 67)):
        check(tmp_path / str(number), fault)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_every_call_of_the_database_fails(counts: Counter[str], tmp_path: Path) -> None:
    """Each of them in turn."""
    for number, fault in enumerate(faults(counts, 1)):
        check(tmp_path / str(number), fault)
