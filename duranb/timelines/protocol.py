"""What the timeline needs from the session; it knows nothing else of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from duranb.record.artifacts import Artifacts
from duranb.record.history import History
from duranb.session.change import Change
from duranb.verbs.declaration import Acts, Changes


class Host(Protocol):
    """The session behind a live timeline."""

    @property
    def notebook(self) -> Path: ...
    @property
    def store_path(self) -> Path: ...
    @property
    def history(self) -> History: ...
    @property
    def artifacts(self) -> Artifacts: ...
    @property
    def lock(self) -> AbstractContextManager[Any]: ...

    def change(self, verb: Changes) -> Change: ...
    def act(self, verb: Acts) -> str: ...
    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]: ...


Deed = Callable[[], Awaitable[str]]
"""Something that changes the notebook, and says in one sentence what it did."""

CarryOut = Callable[[Deed], "Future[str]"]
"""Runs a deed where and when the kernel can: on its main thread, between cells."""
