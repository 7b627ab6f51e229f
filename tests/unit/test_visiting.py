"""Verbs from outside of a closed notebook."""

from __future__ import annotations

from pathlib import Path

import pytest

import duranb
from duranb.session.session import Session
from duranb.store import store_path
from duranb.verbs.declaration import Changes
from duranb.verbs.table import Fork, Rewind


@pytest.mark.parametrize(
    "verb", [Rewind(step="double", before=True), Fork(name="idea")], ids=["rewind", "fork"]
)
def test_a_change_that_is_only_looked_at_leaves_the_history_as_it_is(
    tmp_path: Path, verb: Changes
) -> None:
    """What a shell's process has in it, its random generators for one, is not the notebook's."""
    script = tmp_path / "work.py"
    script.write_text("")

    @duranb.step
    def double(n: int) -> int:
        return 2 * n

    with duranb.durable(script) as session:
        assert double(4) == 8
        recorded = session.history.seq
    visiting = Session.visit(script, store_path(script))
    try:
        assert str(visiting.change(verb))
        visiting.runtime.flush()
        assert visiting.history.seq == recorded
    finally:
        visiting.close()
