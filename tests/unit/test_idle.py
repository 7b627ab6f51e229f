"""What is done when nothing is going on in a kernel."""

from __future__ import annotations

import asyncio

import pytest

from duranb.jupyter import idle
from duranb.jupyter.idle import Idle


def test_it_is_done_before_the_first_cell_of_a_kernel_that_has_just_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever loads the extension does so before the kernel's loop runs."""
    monkeypatch.setattr(idle, "AFTER", 0.0)
    done = []
    loop = asyncio.new_event_loop()

    def look() -> bool:
        done.append("looked")
        loop.stop()
        return False

    try:
        Idle(look, lambda: False).begin(loop)
        loop.run_forever()
    finally:
        loop.close()
    assert done == ["looked"]
