"""The steps of a script as a graph: what is independent runs at once, the rest in its order."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from duranb.engine.telling import Telling
from duranb.errors import UsageError
from duranb.scripts.durable import durable
from duranb.scripts.nodes import Node, Promise
from duranb.scripts.outlet import Outlet
from duranb.scripts.watched import Watched
from duranb.session.session import Session


@dataclass
class Flow:
    """Collects calls; nothing runs before the ``with`` block ends."""

    nodes: list[Node] = field(default_factory=list)
    _latest: dict[Callable[..., Any], int] = field(default_factory=dict)

    def __call__(
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,
        uses: Mapping[str, Any] | None = None,
        after: Sequence[Callable[..., Any]] = (),
        gives: int = 1,
    ) -> Any:
        """Call ``fn`` when its arguments are there; what it returns is promised.

        Promises among ``args`` are replaced by their values. ``uses`` are variables of its module
        that are given a value first. ``after`` are functions of this flow that have to be done
        before, ``gives`` is how many values it returns: that many promises come back.
        Raises :class:`UsageError` for an ``after`` that is not in the flow.
        """
        uses = dict(uses or {})
        needs = {v.node for v in (*args, *uses.values()) if isinstance(v, Promise)}
        for other in after:
            if other not in self._latest:
                raise UsageError(
                    f"{other.__name__} is to be done before {fn.__name__}: run it above"
                )
            needs.add(self._latest[other])
        node = Node(len(self.nodes), fn, args, uses, frozenset(needs), gives)
        self.nodes.append(node)
        self._latest[fn] = node.index
        if gives == 1:
            return Promise(node.index)
        return tuple(Promise(node.index, slot) for slot in range(gives))


@contextlib.contextmanager
def flow(script: str | Path, *, on_failure: str = "") -> Iterator[Flow]:
    """Run functions of ``script`` as a graph, durably.

    In the ``with`` block, ``run(fn, *args)`` says what is to be called with what; when the block
    ends, all of it is carried out as in :func:`duranb.durable`. What a step printed appears in the
    order of the calls. Raises what a function raised, once those that were running have ended.
    """
    made = Flow()
    yield made
    with durable(script, on_failure=on_failure) as session, Outlet.installed() as outlet:
        _Carrying(made.nodes, outlet, session).all()


class _Carrying:
    """Carries out the nodes of one flow."""

    def __init__(self, nodes: list[Node], outlet: Outlet, session: Session) -> None:
        self._nodes = nodes
        self._outlet = outlet
        self._runtime = session.runtime
        self._watched = Watched(nodes, session, self._value)
        self._values: dict[int, Any] = {}
        self._left = {node.index: set(node.needs) for node in nodes}
        self._running: dict[asyncio.Future[None], Node] = {}
        self._failed: dict[int, BaseException] = {}
        self._context = copy_context()

    def all(self) -> None:
        """Run every node. Raises what the first of them (in the script's order) raised."""
        asyncio.run(self._all())
        for _, error in sorted(self._failed.items()):
            raise error

    async def _all(self) -> None:
        with ThreadPoolExecutor(max(4, len(self._nodes).bit_length() * 4)) as pool:
            while True:
                ready = [] if self._failed else self._ready()
                if not ready and not self._running:
                    return
                by_itself = len(ready) == 1 and not self._running
                if by_itself and not ready[0].is_async:
                    self._done(ready[0], self._caught(ready[0]))
                    continue
                for node in ready:
                    self._start(node, pool, by_itself=by_itself)
                done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    node = self._running.pop(future)
                    self._done(node, future.exception())

    def _ready(self) -> list[Node]:
        found = [self._nodes[i] for i, needs in self._left.items() if not needs]
        for node in found:
            del self._left[node.index]
        return found

    def _start(self, node: Node, pool: ThreadPoolExecutor, *, by_itself: bool) -> None:
        """What a node sets in a context variable, those after it find, as in a notebook: so one
        that runs ``by_itself`` runs in the context of all."""
        future: asyncio.Future[None]
        context = self._context if by_itself else self._context.copy()
        if node.is_async:
            future = asyncio.get_running_loop().create_task(self._await(node), context=context)
        else:
            call = partial(context.run, self._call, node)
            future = asyncio.get_running_loop().run_in_executor(pool, call)
        self._running[future] = node

    def _caught(self, node: Node) -> BaseException | None:
        try:
            self._context.run(self._call, node)
        except Exception as error:
            return error
        return None

    def _call(self, node: Node) -> None:
        self._outlet.enter(node.index)
        args, uses = self._given(node)
        with self._watched.while_running(node, node.named(args, uses)):
            try:
                self._values[node.index] = node.fn(*args)
                self._told(node, args)
            except StopIteration as error:  # which no future can hold, nor a coroutine raise
                raise RuntimeError(f"{node.name} raised StopIteration") from error

    async def _await(self, node: Node) -> None:
        self._outlet.enter(node.index)
        args, uses = self._given(node)
        with self._watched.while_running(node, node.named(args, uses)):
            self._values[node.index] = await node.fn(*args)
            self._told(node, args)

    def _told(self, node: Node, args: tuple[Any, ...]) -> None:
        """A step notes by itself what it tells libraries."""
        fn = inspect.unwrap(node.fn)
        if fn is node.fn:
            arguments = dict(zip(inspect.signature(fn).parameters, args, strict=True))
            Telling(self._runtime, fn, arguments).note(self._values[node.index])

    def _given(self, node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Values for the promises a node was given; its module's variables have theirs now."""
        args = tuple(self._value(a) for a in node.args)
        uses = {n: self._value(v) for n, v in node.uses.items()}
        variables: dict[str, Any] = getattr(inspect.unwrap(node.fn), "__globals__", {})
        variables.update(uses)
        return args, uses

    def _value(self, given: Any) -> Any:
        if not isinstance(given, Promise):
            return given
        value = self._values[given.node]
        return value if given.slot < 0 else value[given.slot]

    def _done(self, node: Node, error: BaseException | None) -> None:
        self._outlet.ended(node.index)
        if error is not None:
            self._failed[node.index] = error
            return
        for needs in self._left.values():
            needs.discard(node.index)
        done = len(self._values)
        print(f"[{done}/{len(self._nodes)}] {node.name}", file=sys.stderr)
