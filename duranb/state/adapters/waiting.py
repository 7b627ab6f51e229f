"""Asking what only answers asynchronously, from code that cannot wait."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def finished(question: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives, run to its end on a thread and an event loop of its own: the
    kernel's loop runs already. Raises what it raises."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, question).result()
