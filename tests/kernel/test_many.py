"""A map in a notebook: killed, resumed, restored; and the line that says how far it is."""

from __future__ import annotations

from pathlib import Path

from tests.kernel.harness import Kernel, until

HEAD = """
import asyncio, duranb
from pathlib import Path
def note(n): Path("ran.txt").open("a").write(f"{n}\\n")
async def item(n):
    note(n)
    await asyncio.sleep(0.03)
    while n == 40 and not Path("killed").exists(): await asyncio.sleep(0.01)
    return duranb.random() if n else 0.5
"""
MAP = "%%durable numbers\ngot = await duranb.map(item, range(80), workers=2)\nsum(got)"


def test_a_map_goes_on_where_its_kernel_was_killed(kernel: Kernel, tmp_path: Path) -> None:
    """After kill -9 only the items that were on their way run again. Its progress is one line that
    changes in place, and no part of what the step has put out."""
    kernel.run(HEAD)
    kernel.submit(MAP)
    ran = tmp_path / "ran.txt"
    until(lambda: ran.exists() and len(ran.read_text().split()) >= 30)
    kernel.kill()
    (tmp_path / "killed").touch()
    kernel.start()
    kernel.run(HEAD)
    done = kernel.run(MAP)
    assert sorted(set(map(int, ran.read_text().split()))) == list(range(80))
    assert len(ran.read_text().split()) <= 80 + 2
    shown = [c for t, c in done.messages if t in ("display_data", "update_display_data")]
    lines = [c for c in shown if c["data"]["text/plain"].startswith("item: ")]
    assert len({c["transient"]["display_id"] for c in lines}) == 1 and len(lines) > 1
    assert "item: 80 of 80 · " in lines[-1]["data"]["text/plain"]
    assert "from the journal" in lines[-1]["data"]["text/plain"]
    again = kernel.run(MAP)
    assert again.value == done.value and "item: " not in again.notices
    assert "no limit is set" in kernel.run("%duranb limits").text
    assert "at most 4 calls at once" in kernel.run("%duranb limits --concurrent 4").text
