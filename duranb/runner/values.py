"""What came out of a replay, as values in this process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duranb.code.fingerprint import Uses
from duranb.record.model import Status
from duranb.runner.offline import Rerun
from duranb.state import Namespace
from duranb.store import StoreView


@dataclass(frozen=True)
class Replayed:
    """What came out of a replay.

    ``namespace`` holds every variable as it was at the end, ``outputs`` by step those that the
    step assigned or changed, as it left them. A value that cannot be stored is a placeholder,
    which says so when it is used.
    """

    namespace: dict[str, Any]
    outputs: dict[str, dict[str, Any]]


def load(notebook: Path, done: Rerun) -> Replayed:
    """The values at the end of a notebook's replay. Raises :class:`duranb.errors.Untrusted`."""
    with StoreView.open(done.store) as view, _importable(notebook.resolve().parent):
        return _load(notebook, view, done.last)


def _load(notebook: Path, view: StoreView, last: int) -> Replayed:
    history = view.history()
    final = history.namespace()
    live: dict[str, Any] = {}
    # Functions of the notebook find their globals here, and each other's.
    namespace = Namespace(live, view, Uses(live, root=notebook.resolve().parent))
    namespace.restore(final)
    namespace.need(None)
    outputs: dict[str, dict[str, Any]] = {}
    for this in history.executions.values():
        if this.id > last and this.status is Status.COMPLETED and this.kind == "cell":
            outputs[this.step] = {
                name: live[name]
                if binding == final.get(name)
                else namespace.load_value(binding, name)
                for name, binding in this.outputs.items()
            }
    return Replayed({name: live[name] for name in final}, outputs)


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let values find the modules beside the notebook, as they do in its kernel."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
