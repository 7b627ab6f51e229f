"""``python -m tests.peers.oracle [-n EDITS] [--seed SEED]``: look for failures, and shrink them."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from tests.peers.oracle.generate import generate
from tests.peers.oracle.life import Server
from tests.peers.oracle.shrink import shrink
from tests.peers.oracle.story import failures


def main() -> None:
    """Tell stories of generated notebooks; print what goes wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=100, help="edits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--length", type=int, default=12)
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--stop", type=int, default=10, help="stop after so many failures")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="oracle-"))
    os.environ["DURANB_HOME"] = str(home / "home")
    one, two = Server(1), Server(2)
    done, wrong, seed, begun = 0, 0, given.seed, time.monotonic()
    while done < given.n and wrong < given.stop:
        cells = generate(seed, given.length)
        edits, failure = failures(cells, seed, 10, one, home / "story", two)
        done += edits
        if failure is not None:
            wrong += 1
            print(f"\n===== seed {seed} =====", flush=True)
            if not given.no_shrink:
                failure = shrink(failure, one, home / "small")
            print(failure, flush=True)
        seed += 1
    took = time.monotonic() - begun
    print(f"\n{done} edits of {seed - given.seed} notebooks, {wrong} failures, {took:.0f} s")
    one.close()
    two.close()


if __name__ == "__main__":
    main()
