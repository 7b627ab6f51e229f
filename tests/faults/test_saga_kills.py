"""kill -9 at any moment of a saga: nothing is done twice, and nothing half undone goes unsaid.

A sample runs here; ``make soak`` kills it 500 times. A failure names its seed, which DURANB_SEED
repeats.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.sagas import Saga, Tally
from tests.servers import ledger

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


KILLS = 6
"""In each round."""

ROUNDS = [0, *(pytest.param(i, marks=pytest.mark.soak) for i in range(1, 84))]


@pytest.mark.parametrize("number", ROUNDS)
def test_a_saga_survives_being_killed(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six effects and four compensations, with and without idempotency, each once by the ledger of
    another process, in order; after each death the history says what is half undone or in doubt."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path))
    tally, rng = Tally(), random.Random(SEED + number)
    with ledger.serving() as world:
        while tally.kills < KILLS and not tally.wrong:
            folder = tmp_path / str(tally.sagas)
            folder.mkdir()
            Saga(folder, world, tally, rng).survive(3)
    assert not tally.wrong, f"seed {SEED}: {tally}"
