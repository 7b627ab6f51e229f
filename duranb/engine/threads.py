"""Threads that a step starts belong to it.

A new thread begins with empty context variables (before Python 3.14), so nobody could tell whose
calls it makes. A cell is known process-wide; the steps of a script may run side by side, so their
threads are given the context they were started in.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from duranb.engine.context import current


@contextlib.contextmanager
def inherited() -> Iterator[None]:
    """While this lasts, threads and what is given to thread pools run in the context of the step
    that starts them. Outside of steps nothing is different."""
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def start_inside(thread: threading.Thread) -> None:
        if current() is not None:
            context, run = copy_context(), thread.run
            thread.run = lambda: context.run(run)  # type: ignore[method-assign]
        start(thread)

    def submit_inside(
        pool: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Future[Any]:
        if current() is not None:
            return submit(pool, copy_context().run, fn, *args, **kwargs)
        return submit(pool, fn, *args, **kwargs)

    threading.Thread.start = start_inside  # type: ignore[method-assign,assignment]
    ThreadPoolExecutor.submit = submit_inside  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
