"""One node of a plan, carried out over duranb's engine with its journal in a bucket.

Nothing here knows of Temporal. A node may be begun by one worker and gone on with by another: the
log of its journal says what was done, and whoever opens it later takes it over.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duranb
from duranb.engine import saga
from duranb.engine.claim import now_us
from duranb.engine.runtime import Runtime, Settings, using
from duranb.errors import InDoubt, Waiting
from duranb.plan import Node
from duranb.record import events as e, standing
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Status
from duranb.state import Namespace, randomness
from duranb.store.buckets import Bucket
from duranb.store.objects import ObjectArtifacts, ObjectStore, place_of
from duranb.temporal.board import Ref
from duranb.temporal.modules import Steps
from duranb.temporal.variables import Variables

Execute = Callable[[Callable[..., Any], list[Any]], Any]
"""Calls a function of ``steps.py`` with arguments, where such functions run; its result."""


@dataclass
class Order:
    """What is to be done: ``node`` of ``run``. ``takes`` are the variables it takes, by reference,
    ``sources`` where its names come from, ``random`` the generators' state, as a digest.

    ``epoch`` counts how often the node was given to a worker. ``answers`` are those to questions of
    the node, by the number of the call, ``verdicts`` what became of effects in doubt: ``[True,
    result]`` or ``[False]``.
    """

    run: str
    node: Node
    sources: dict[str, str] = field(default_factory=dict)
    takes: dict[str, Ref] = field(default_factory=dict)
    random: str = ""
    epoch: int = 0
    answers: dict[int, Any] = field(default_factory=dict)
    verdicts: dict[int, list[Any]] = field(default_factory=dict)


@dataclass
class Done:
    """What became of a node: the ``values`` it made or changed, by reference, where the random
    generators stand, how many ``calls`` to models it made, and their ``cost`` in US dollars.
    ``undoable``: something undoes what it did."""

    values: dict[str, Ref] = field(default_factory=dict)
    random: str = ""
    calls: int = 0
    cost: float = 0.0
    undoable: bool = False


@dataclass
class Open:
    """What a node waits for: a question that a person answers, or an effect in doubt, of which a
    person says whether it happened."""

    call: int
    text: str
    doubt: bool = False


class Held(Exception):
    """A node waits for answers, or until a time (microseconds since the epoch; 0 for none)."""

    def __init__(self, opens: list[Open], until: int) -> None:
        super().__init__("waits")
        self.opens = opens
        self.until = until


class Nodes:
    """Carries nodes of one ``steps.py`` out, with all that is recorded in one bucket."""

    def __init__(self, bucket: Bucket, steps: Steps) -> None:
        self._bucket = bucket
        self._steps = steps
        self._artifacts = ObjectArtifacts(bucket)

    def run(self, order: Order, execute: Execute) -> Done:
        """Carry a node out.

        Raises :class:`Held` where it has to wait, :class:`duranb.errors.Superseded` once another
        worker has it, another :class:`duranb.errors.StoreError` where the bucket fails, and what
        the node's own code raises once its retries are spent.
        """
        node = order.node
        fn = self._steps.function(node)
        variables = Variables(self._artifacts)
        variables.take(order.takes)
        given = {name: self._given(order, variables, name) for name in (*node.reads, *node.uses)}
        variables.watch()
        used = {n: variables[given[n]] for n in node.uses}
        with self._alone(order), self._steps.having(used), self._steps.watching(node, fn):
            with self._journal(order) as runtime:
                try:
                    result = execute(fn, [variables[given[name]] for name in node.reads])
                except (Waiting, InDoubt) as error:
                    held = _held(runtime.history, node)
                    if held is None:
                        raise
                    raise held from error
                runtime.flush()
                done = _summary(runtime)
            random = self._random_after(node)
        variables.give(_made(node, result))
        done.values, done.random = variables.keep(), random
        return done

    def undo(self, order: Order) -> int:
        """Undo what a node did, latest first; how many executions are undone by now. What an
        earlier worker had begun to undo is gone on with.

        Raises what the undo raises once its retries are spent, and what :meth:`run` does of stores.
        """
        with self._steps.one_at_a_time, self._journal(order) as runtime:
            history = runtime.history
            if history.to_undo:
                saga.carry_on(runtime)
            else:
                saga.after_failed_run(runtime)
            runtime.flush()
            undone = [x for x in history.executions.values() if x.status is Status.COMPENSATED]
        return len(undone)

    # -- its values ------------------------------------------------------------------------

    def _given(self, order: Order, variables: Variables, name: str) -> str:
        """The variable that a name of the node stands for. One that no node gave, and that is no
        parameter, is the module's."""
        variable = f"{order.sources[name]}:{name}"
        if variable not in order.takes:
            value = getattr(self._steps.module, name)
            variables.take_copy(variable, value)
        return variable

    @contextlib.contextmanager
    def _alone(self, order: Order) -> Iterator[None]:
        """A node that uses what a process has only one of has it for itself, as it left it."""
        node = order.node
        if not (node.uses or node.draws or node.alone):
            yield
            return
        with self._steps.one_at_a_time:
            if node.draws:
                if order.random:
                    randomness.set_state(randomness.decode(self._artifacts.get(order.random)))
                else:
                    self._steps.begin_random(order.run)
            yield

    def _random_after(self, node: Node) -> str:
        return self._artifacts.put([randomness.encode(randomness.state())]) if node.draws else ""

    # -- its journal -----------------------------------------------------------------------

    @contextlib.contextmanager
    def _journal(self, order: Order) -> Iterator[Runtime]:
        """The engine over the node's journal, for the code in this block."""
        where = place_of(order.run, order.node.name)
        store = ObjectStore(self._bucket, where, order.epoch, opening=partial(_opening, order))
        try:
            live = vars(self._steps.module)
            namespace = Namespace(live, store, self._steps.uses)
            settings = Settings(headless=True, check=False)
            runtime = Runtime(store, Fold(store.events()), namespace, settings)
            try:
                _settle(runtime, order)
                with using(runtime):
                    yield runtime
            finally:
                runtime.close()
        finally:
            store.close()


def _opening(order: Order, events: Sequence[e.Event]) -> list[e.EventBody]:
    """What is recorded when a process takes a node: the run, the process, and what people have
    said."""
    history = Fold(events).history
    bodies: list[e.EventBody] = []
    if not history.run:
        name, version = order.node.name, duranb.__version__
        bodies.append(e.RunStarted(run=order.run, notebook=name, version=version))
    given = {v[1:]: ref["json"] for v, ref in order.takes.items() if v[0] == ":" and "json" in ref}
    opened = e.SessionOpened(pid=os.getpid(), host=socket.gethostname(), parameters=given)
    bodies.append(opened)
    for call, value in order.answers.items():
        if call in history.calls and call not in history.answers:
            bodies.append(e.Answered(call=call, value=value))
    return bodies


def _settle(runtime: Runtime, order: Order) -> None:
    """Record what people have said about effects in doubt."""
    history = runtime.history
    for call, (happened, *result) in order.verdicts.items():
        if call in history.calls and history.calls[call].status in _DOUBTFUL:
            verdict = "happened" if happened else "not-happened"
            stored = runtime.namespace.capture_value(result[0]) if result else None
            runtime.record(e.CallResolved(call=call, verdict=verdict, result=stored))


_DOUBTFUL = (CallStatus.INTENDED, CallStatus.IN_DOUBT)


def _made(node: Node, result: Any) -> dict[str, Any]:
    values = result if len(node.writes) > 1 else [result] if node.writes else []
    named = zip(node.writes, values, strict=True)
    return {f"{node.name}:{name}": value for name, value in named}


def _summary(runtime: Runtime) -> Done:
    answered = [c for c in runtime.history.calls.values() if c.kind.traits.answer]
    return Done(
        calls=len(answered),
        cost=sum(c.usage.cost for c in answered if c.usage is not None),
        undoable=any(saga.undoing(runtime, x).possible for x in standing.standing(runtime.history)),
    )


BATCH = 300.0
"""Seconds between two looks at a batch that a node waits for."""


def _looks(call: Call) -> int:
    """When it is worth looking at what is waited for, in microseconds."""
    if call.kind is not Kind.BATCH:
        return call.until
    return min(call.until, now_us() + int(BATCH * 1e6))


def _held(history: History, node: Node) -> Held | None:
    """What the node's steps wait for; None for nothing that anybody could give."""
    waiting: dict[int, Call] = {}
    for this in history.executions.values():
        waiting |= {call.id: call for call in history.waits_for(this.id)}
    by_itself = (Kind.TIMER, Kind.BATCH)
    opens = [Open(c.id, c.preview) for c in waiting.values() if c.kind not in by_itself]
    doubts = {c.id: c for x in history.executions.values() for c in standing.doubts(history, x)}
    for call in doubts.values():
        opens.append(Open(call.id, f"Did {call.name}({call.preview}) happen?", doubt=True))
    until = min((_looks(c) for c in waiting.values() if c.until), default=0)
    return Held(opens, until) if opens or until else None
