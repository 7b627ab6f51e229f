"""``python -m tests.peers.oracle [-n EDITS] [--seed SEED]``: look for failures, and shrink them."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.peers.oracle.shrink import shrink
from tests.peers.oracle.story import Failure, Told, stories


def main() -> None:
    """Tell stories of notebooks; print what goes wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=100, help="edits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=12, help="cells of a generated notebook")
    parser.add_argument("--edits", type=int, default=10, help="edits of each notebook")
    parser.add_argument("--public", default="", help="one of these, or `all`, none generated")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--stop", type=int, default=10, help="stop after so many failures")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="oracle-"))
    os.environ["DURANB_HOME"] = str(home / "home")
    begun, done, told, wrong = time.monotonic(), 0, 0, 0
    for story in stories(
        given.n,
        given.seed,
        home,
        length=given.length,
        edits=given.edits,
        public=given.public,
        workers=given.workers,
    ):
        done, told = done + story.edits, told + 1
        if story.failure is not None:
            wrong += 1
            print(f"\n===== {story.what} =====", flush=True)
            print(story.failure if given.no_shrink else _small(story, home), flush=True)
            if wrong >= given.stop:
                break
    took = time.monotonic() - begun
    print(f"\n{done} edits of {told} notebooks, {wrong} failures, {took:.0f} s")
    shutil.rmtree(home, ignore_errors=True)


def _small(story: Told, home: Path) -> Failure:
    assert story.failure is not None
    return shrink(story.failure, home / "small")


if __name__ == "__main__":
    main()
