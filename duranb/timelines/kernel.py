"""Reaching the kernel from the timeline's requests, which may arrive on any thread.

JupyterLab sends widget messages on a subshell while a cell runs, so that the timeline can show
and plan at once. What changes the notebook must not run beside a cell: it goes to the main
thread's loop, and takes the lock under which ipykernel runs one cell after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from duranb.timelines.protocol import CarryOut, Deed

TARGET = "duranb.timeline"
"""The comm target by which a timeline still on the page asks a new kernel for its widget."""


def carrier(kernel: Any) -> CarryOut:
    """How deeds are carried out in ``kernel``, or right here where there is none."""
    if kernel is None:
        return _here

    def carry_out(deed: Deed) -> Future[str]:
        # Older kernels have no such lock: there a deed waits for the running cell only while
        # that does not await.
        lock = getattr(kernel, "_main_asyncio_lock", None) or contextlib.nullcontext()

        async def between_cells() -> str:
            async with lock:
                return await deed()

        return asyncio.run_coroutine_threadsafe(between_cells(), kernel.io_loop.asyncio_loop)

    return carry_out


def _here(deed: Deed) -> Future[str]:
    done: Future[str] = Future()
    try:
        done.set_result(asyncio.run(_awaited(deed)))
    except Exception as error:
        done.set_exception(error)
    return done


async def _awaited(deed: Deed) -> str:
    return await deed()


def listen(kernel: Any, make: Callable[[], object]) -> None:
    """Have ``make`` called when a timeline that outlived its kernel looks for a new one."""
    manager = getattr(kernel, "comm_manager", None)
    if manager is None:
        return

    def opened(comm: Any, message: Any) -> None:
        make()
        comm.close()

    manager.register_target(TARGET, opened)


def stop_listening(kernel: Any) -> None:
    """Undo :func:`listen`."""
    manager = getattr(kernel, "comm_manager", None)
    if manager is not None and TARGET in manager.targets:
        manager.unregister_target(TARGET, manager.targets[TARGET])


def set_apart(comm: Any) -> None:
    """Keep a widget's requests apart from the cells'.

    A comm of ipykernel routes messages to the shell that last published on it: the main one, as
    rows are pushed while a cell runs, and then a click waits until the cell is done. So requests
    stay on the subshell that they were sent to.

    Each message of a comm also counts as code that ran: ``pre_execute`` and ``post_execute`` fire,
    here on another thread, for requests that touch no variable. So they are handled without.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default
    if getattr(comm, "_msg_callback", None) is not None:
        comm.handle_msg = comm._msg_callback
