"""An edited notebook, run again over what was recorded, is what a plain run of it is.

Stories of random notebooks: each is killed, edited and run again over one store, ten times. After
each edit the namespace and the outputs equal those of a plain kernel, and nothing ran that does not
depend on the edit. ``python -m tests.peers.oracle --seed N -n 1`` repeats a story and shrinks it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.oracle.generate import generate
from tests.peers.oracle.life import Server
from tests.peers.oracle.story import failures

SAMPLE = (1, 3, 5)
SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two servers of lives, whose strings have other hashes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DURANB_HOME", str(tmp_path_factory.mktemp("home")))
        one, two = Server(1), Server(2)
    yield one, two
    one.close()
    two.close()


@pytest.mark.parametrize("seed", SAMPLE)
def test_edits_of_a_generated_notebook(
    seed: int, servers: tuple[Server, Server], tmp_path: Path
) -> None:
    """A few edits of a notebook, each followed by a run that is true."""
    _, failure = failures(generate(seed, 10), seed, 4, servers[0], tmp_path / "story", servers[1])
    assert failure is None, f"seed {seed}\n{failure}"


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_edits(servers: tuple[Server, Server], tmp_path: Path) -> None:
    """1,000 edits, 0 stale names."""
    done, number = 0, 0
    while done < 1000:
        seed = SEED + number
        cells = generate(seed, 12)
        edits, failure = failures(cells, seed, 10, servers[0], tmp_path / "story", servers[1])
        assert failure is None, f"seed {seed}, after {done + edits} edits\n{failure}"
        done += edits
        number += 1
