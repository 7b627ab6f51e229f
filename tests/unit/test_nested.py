"""JSON that nests without an end, wherever somebody else may have written it: no internal error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from duranb.errors import StoreDamaged, UsageError
from duranb.llm import private
from duranb.llm.batches import providers
from duranb.plan import load
from duranb.store import batches, encryption, trust
from duranb.store.paths import LOG, TRUST

DEEP = b'{"a":' * 200_000


def in_trust(folder: Path) -> None:
    (folder / TRUST).write_bytes(DEEP)
    assert trust.read(folder, b"k" * 32) is None


def in_an_encrypted_store(folder: Path) -> None:
    (folder / LOG).mkdir()
    (folder / LOG / encryption.FILES[0]).write_bytes(DEEP)
    assert encryption._read(folder / LOG / encryption.FILES[0]) is None


def in_a_plan(folder: Path) -> None:
    with pytest.raises(UsageError, match="no plan"):
        load(b'{"version": 1, "more": ' + DEEP)


def in_a_batch(folder: Path) -> None:
    with pytest.raises(StoreDamaged, match="no batch of events"):
        batches.decode(bytes(32) + b"\x96\x01" + b"\x91" * 200_000, None, "n", bytes(32))


def in_an_answer(folder: Path) -> None:
    assert not private.grants(b'{"token": ' + b"[" * 200_000)
    assert providers.told_in(b'{"error": ' + DEEP).startswith('{"error"')


@pytest.mark.parametrize(
    "where", [in_trust, in_an_encrypted_store, in_a_plan, in_a_batch, in_an_answer]
)
def test_nesting_is_named_or_none(where: Callable[[Path], None], tmp_path: Path) -> None:
    """It is damage, or nothing, as any other rubbish there is."""
    where(tmp_path)
