"""kill -9 at any moment of a saga: nothing is done twice, and nothing half undone goes unsaid.

A sample runs here; ``make soak`` kills it 500 times.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.faults.sagas import Saga, Tally
from tests.servers import ledger

SEED = int(os.environ.get("DURANB_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


@pytest.mark.parametrize("kills", [6, pytest.param(500, marks=pytest.mark.soak)])
def test_a_saga_survives_being_killed(
    kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six effects and four compensations, with and without idempotency, each once by the ledger of
    another process, in order; after each death the history says what is half undone or in doubt."""
    monkeypatch.setenv("DURANB_HOME", str(tmp_path))
    tally, rng = Tally(), random.Random(SEED)
    with ledger.serving() as world:
        while tally.kills < kills and not tally.wrong:
            folder = tmp_path / str(tally.sagas)
            folder.mkdir()
            Saga(folder, world, tally, rng).survive(3)
    assert not tally.wrong, f"seed {SEED}: {tally}"
