"""The two activities: run a node, and undo one. They show signs of life while code of the user's
runs, and end it when they are cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import msgspec
from temporalio import activity
from temporalio.exceptions import ApplicationError

from duranb.errors import StoreError
from duranb.temporal.modules import OtherExport
from duranb.temporal.node import Held, NodeFailed, Nodes, Order
from duranb.temporal.shares import ForWorkers
from duranb.temporal.visits import Disturbed
from duranb.temporal.workflow import ITEMS, NODE, TELL, UNDO

BEATS = 3
"""Signs of life within the time after which a worker is taken for dead."""

TURN = 1_000_000
"""Tries of one activity that are told apart: each is an epoch of the node's journal."""


class Activities:
    """What a worker offers to Temporal. ``at_once`` is how many nodes it runs at once."""

    def __init__(self, nodes: Nodes, at_once: int) -> None:
        self._nodes = nodes
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="duranb-node")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="duranb-async", daemon=True).start()

    def all(self) -> list[Callable[..., Any]]:
        """The activities, to be given to Temporal's own ``Worker``."""
        return [self.node, self.items, self.undo, self.tell]

    @activity.defn(name=NODE)
    async def node(self, given: dict[str, Any]) -> dict[str, Any]:
        """Run a node; see :class:`duranb.temporal.node.Done`, or what it is ``held`` by."""
        order = _order(given)
        try:
            done = await self._alive(lambda call: self._nodes.run(order, call.execute))
        except Held as held:
            return {"held": {"opens": [asdict(each) for each in held.opens], "until": held.until}}
        except ForWorkers as out:
            return {"shared": asdict(out.shared)}
        return asdict(done)

    @activity.defn(name=ITEMS)
    async def items(self, given: dict[str, Any]) -> dict[str, Any]:
        """Carry out a share of a map; its name, and whether it came to its end."""
        order = _order(given)
        assert order.share is not None
        whole = await self._alive(lambda call: self._nodes.share(order, call.execute))
        return {"share": order.share.name, "whole": whole}

    @activity.defn(name=UNDO)
    async def undo(self, given: dict[str, Any]) -> dict[str, Any]:
        """Undo a node."""
        order = _order(given)
        return {"undone": await self._alive(lambda call: self._nodes.undo(order))}

    @activity.defn(name=TELL)
    async def tell(self, given: dict[str, Any]) -> dict[str, Any]:
        """The values of a result, as JSON."""
        asked = given["takes"], given["names"], given["variables"]
        found: dict[str, Any] = await self._alive(lambda call: self._nodes.tell(*asked))
        return found

    async def _alive(self, work: Callable[[_Call], Any]) -> Any:
        """What ``work`` gives, in a thread, with signs of life until it ends."""
        call = _Call(self._loop)
        context = contextvars.copy_context()
        running = asyncio.get_running_loop().run_in_executor(self._pool, context.run, work, call)
        timeout = activity.info().heartbeat_timeout
        pause = timeout.total_seconds() / BEATS if timeout is not None else None
        try:
            while not running.done():
                activity.heartbeat()
                await asyncio.wait([running], timeout=pause)
            return await running
        except asyncio.CancelledError:
            call.cancel()
            with contextlib.suppress(BaseException):  # what it raises is that it was cancelled
                await asyncio.shield(running)
            raise
        except (Held, ForWorkers, StoreError, OtherExport, Disturbed):
            raise  # another try, or another worker, may get on
        except NodeFailed as failed:
            raise ApplicationError(
                str(failed.error),
                asdict(failed.spent),
                *getattr(failed.error, "__notes__", ()),
                type=type(failed.error).__name__,
                non_retryable=True,
            ) from failed.error
        except Exception as error:
            raise ApplicationError(
                str(error),
                *getattr(error, "__notes__", ()),
                type=type(error).__name__,
                non_retryable=True,
            ) from error


def _order(given: dict[str, Any]) -> Order:
    order = msgspec.convert(given, Order, str_keys=True)
    return replace(order, epoch=order.epoch * TURN + activity.info().attempt)


class _Call:
    """A call of a user's function, which can be cancelled from another thread.

    Async ones run on the one loop that all of a worker's do: a client that was made with the
    module belongs to it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._thread = 0
        self._future: Future[Any] | None = None
        self._cancelled = False

    def execute(self, fn: Callable[..., Any], arguments: list[Any]) -> Any:
        """What the function returns."""
        if not inspect.iscoroutinefunction(fn):
            with self._interruptible():
                return fn(*arguments)
        with self._lock:
            if self._cancelled:
                raise asyncio.CancelledError
            self._future = asyncio.run_coroutine_threadsafe(fn(*arguments), self._loop)
        return self._future.result()

    def cancel(self) -> None:
        """Have the function end with :class:`asyncio.CancelledError`."""
        with self._lock:
            self._cancelled = True
            if self._future is not None:
                self._future.cancel()
            elif self._thread:
                raised = ctypes.py_object(asyncio.CancelledError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), raised)

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        with self._lock:
            if self._cancelled:
                raise asyncio.CancelledError
            self._thread = threading.get_ident()
        try:
            yield
        finally:
            with self._lock:
                self._thread = 0
