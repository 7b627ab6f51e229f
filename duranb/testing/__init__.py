"""Notebooks as tests: replayed offline and strictly, against what was recorded of them.

::

    from duranb.testing import replay

    def test_agent():
        replayed = replay("agent.ipynb")
        assert len(replayed.namespace["findings"]) == 3
        assert "MIT" in replayed.outputs["analyse"]["findings"]

As a pytest plugin (:mod:`duranb.testing.plugin`) it offers the fixture ``durable_notebook``, and
``pytest --durable agent.ipynb`` makes a test of each step. Nothing else of duranb is loaded until
one of these is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duranb.testing.replayed import Replayed

__all__ = ["Failed", "Replayed", "Unrecorded", "replay"]


class Failed(AssertionError):
    """A replay failed. ``message`` says where and why, ``step`` is empty for a plain cell."""

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.step = step


class Unrecorded(Failed):
    """A replay met a call that was never recorded; the message shows how it differs from the
    nearest one that was."""


def replay(notebook: str | Path, *, kernel: str = "", timeout: float | None = None) -> Replayed:
    """Run a notebook as its file is now, offline, on a copy of its store; what came out of it.

    Every cell runs, steps included; calls are answered from the journal alone and effects are not
    carried out. ``kernel`` is the one to use instead of the notebook's own, ``timeout`` is seconds
    for each cell. Raises :class:`Unrecorded`, :class:`Failed` when a cell raises anything else,
    and :class:`duranb.errors.UsageError` when there is no notebook or nothing recorded of it.
    """
    __tracebackhide__ = True
    from duranb.testing.replayed import replayed

    return replayed(Path(notebook), kernel=kernel, timeout=timeout)


def __getattr__(name: str) -> Any:
    if name != "Replayed":
        raise AttributeError(f"module 'duranb.testing' has no attribute {name!r}")
    from duranb.testing.replayed import Replayed

    return Replayed
