"""A replay as what a test asserts about, or what it raises."""

from __future__ import annotations

from pathlib import Path

from duranb.runner import offline, values
from duranb.runner.values import Replayed
from duranb.testing import Failed, Unrecorded

__all__ = ["Replayed", "failed", "replayed"]


def replayed(notebook: Path, *, kernel: str = "", timeout: float | None = None) -> Replayed:
    """See :func:`duranb.testing.replay`."""
    __tracebackhide__ = True
    with offline.rerun(notebook, kernel=kernel, timeout=timeout) as done:
        if done.failure is not None:
            raise failed(done.failure)
        return values.load(notebook, done)


def failed(failure: offline.Failure) -> Failed:
    """A replay's failure as what a test raises."""
    kind = Unrecorded if failure.kind == "Unrecorded" else Failed
    return kind(failure.message, failure.step)
