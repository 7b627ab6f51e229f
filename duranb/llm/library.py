"""httpx or httpx2: the same classes under two roofs, and we must use those of the right one."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from duranb.llm.streams import AsyncTee, Replayed, SyncTee


@dataclass(frozen=True)
class Library:
    """What is used of an HTTP library. ``tee``, ``async_tee`` and ``replayed`` are our streams as
    streams of this library, which tells them by their base classes."""

    Request: Any
    Response: Any
    RequestNotRead: Any
    HTTPStatusError: Any
    sync_stream: Any
    async_stream: Any
    tee: Any
    async_tee: Any
    replayed: Any

    @classmethod
    def of(cls, module: ModuleType) -> Library:
        """The library that ``module`` is."""
        found: Any = module
        sync, awaited = found.SyncByteStream, found.AsyncByteStream
        return cls(
            Request=found.Request,
            Response=found.Response,
            RequestNotRead=found.RequestNotRead,
            HTTPStatusError=found.HTTPStatusError,
            sync_stream=sync,
            async_stream=awaited,
            tee=type("SyncTee", (SyncTee, sync), {}),
            async_tee=type("AsyncTee", (AsyncTee, awaited), {}),
            replayed=type("Replayed", (Replayed, sync, awaited), {}),
        )
