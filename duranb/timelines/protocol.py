"""What the timeline needs from the session; it knows nothing else of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from duranb.record.history import History


class Reader(Protocol):
    """Where recorded bytes are read from: a store, or a view of another process's."""

    def get(self, digest: str) -> memoryview:
        """The bytes; raises :class:`duranb.errors.StoreError` when they cannot be trusted."""


class Plan(Protocol):
    """What a verb would do, in sentences, and the deed. See :class:`duranb.session.Plan`."""

    @property
    def verb(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def lines(self) -> tuple[str, ...]: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def apply(self) -> Callable[[], Awaitable[str]]: ...


class Host(Protocol):
    """The session behind a live timeline."""

    @property
    def notebook(self) -> Path: ...
    @property
    def store_path(self) -> Path: ...
    @property
    def history(self) -> History: ...
    @property
    def artifacts(self) -> Reader: ...
    @property
    def lock(self) -> AbstractContextManager[Any]: ...

    def plan(self, verb: str, **arguments: Any) -> Plan: ...
    def answer(self, number: int, value: Any) -> str: ...
    def subscribe(self, callback: Callable[[int], None]) -> Callable[[], None]: ...


Deed = Callable[[], Awaitable[str]]
"""Something that changes the notebook, and says in one sentence what it did."""

CarryOut = Callable[[Deed], "Future[str]"]
"""Runs a deed where and when the kernel can: on its main thread, between cells."""
