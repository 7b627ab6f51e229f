"""One node of a plan, carried out over duranb's engine with its journal in a bucket.

Nothing here knows of Temporal. A node may be begun by one worker and gone on with by another: the
log of its journal says what was done, and whoever opens it later takes it over.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import duranb
from duranb.code.looking import said
from duranb.engine import saga
from duranb.engine.claim import now_us
from duranb.engine.printed import heard
from duranb.engine.runtime import Runtime, Settings, using
from duranb.engine.spread import SharedOut, Spread
from duranb.engine.telling import Telling
from duranb.errors import InDoubt, StoreError, UsageError, Waiting
from duranb.plan import Node
from duranb.record import events as e, standing
from duranb.record.fold import Fold
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus, Status
from duranb.runner.told import told
from duranb.state import Namespace, randomness
from duranb.state.untold import ADVICE
from duranb.store.buckets import Bucket
from duranb.store.objects import ObjectArtifacts, ObjectStore, place_of, read, share_of
from duranb.temporal import shares
from duranb.temporal.alike import apart
from duranb.temporal.board import Ref
from duranb.temporal.modules import Steps
from duranb.temporal.shares import SpreadMap
from duranb.temporal.variables import Variables
from duranb.temporal.visits import Visit

Execute = Callable[[Callable[..., Any], list[Any]], Any]
"""Calls a function of ``steps.py`` with arguments, where such functions run; its result."""


@dataclass
class Order:
    """What is to be done: ``node`` of ``run``. ``takes`` are the variables it takes, by reference,
    ``sources`` where its names come from, ``random`` the generators' state, as a digest.

    ``epoch`` counts how often the node was given to a worker. ``answers`` are those to questions of
    the node, by the number of the call, ``verdicts`` what became of effects in doubt: ``[True,
    result]`` or ``[False]``. Maps of ``least`` items and more are for several workers (0: none
    are), ``maps`` are those that they have carried out, and ``share`` is what this one is to do.
    """

    run: str
    node: Node
    sources: dict[str, str] = field(default_factory=dict)
    takes: dict[str, Ref] = field(default_factory=dict)
    random: str = ""
    epoch: int = 0
    answers: dict[int, Any] = field(default_factory=dict)
    verdicts: dict[int, list[Any]] = field(default_factory=dict)
    least: int = 0
    maps: list[SpreadMap] = field(default_factory=list)
    share: SpreadMap | None = None


@dataclass
class Spent:
    """What a node has cost over all its tries: how many ``calls`` to models it made, their ``cost``
    in US dollars and their ``tokens``; what ``unpriced`` of them cost is not known."""

    calls: int = 0
    cost: float = 0.0
    tokens: int = 0
    unpriced: int = 0


@dataclass
class Done(Spent):
    """What became of a node: the ``values`` it made or changed, by reference, and where the random
    generators stand. ``undoable``: something undoes what it did."""

    values: dict[str, Ref] = field(default_factory=dict)
    random: str = ""
    undoable: bool = False


class NodeFailed(Exception):
    """A node's own code raised ``error``, once its retries were spent."""

    def __init__(self, error: Exception, spent: Spent) -> None:
        super().__init__(str(error))
        self.error = error
        self.spent = spent


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

        Raises :class:`Held` where it has to wait, :class:`duranb.temporal.shares.ForWorkers` where
        several are to carry out a map of it, :class:`duranb.temporal.visits.Disturbed` where it
        is to be tried again, :class:`duranb.errors.Superseded` once another worker has it, another
        :class:`duranb.errors.StoreError` where the bucket fails, and :class:`NodeFailed` for what
        the node's own code raises once its retries are spent.
        """
        with self._steps.visits.running(order.node.name) as visit:
            return self._run(order, execute, visit)

    def _run(self, order: Order, execute: Execute, visit: Visit) -> Done:
        node = order.node
        fn = self._steps.function(node)
        variables, given = self._variables(order)
        used = {n: variables[given[n]] for n in node.uses}
        takes = [variables[given[n]] for n in node.reads]
        watching = self._steps.watching(visit, node, fn, takes)
        copies = {n: variables[v] for n, v in given.items() if v not in order.takes}
        alike = apart(node, self._steps.module, copies)
        with self._alone(order), alike, self._steps.having(used), watching:
            with self._journal(order) as runtime, heard():
                try:
                    result = execute(fn, takes)
                except SharedOut as out:
                    runtime.flush()
                    raise shares.for_workers(runtime, out) from out
                except (Waiting, InDoubt) as error:
                    with runtime.lock:
                        held = _held(runtime.history, node)
                    if held is None:
                        raise
                    raise held from error
                except StoreError:
                    raise
                except Exception as error:
                    raise NodeFailed(error, _spent(runtime)) from error
                _refuse_telling(runtime, node, fn, takes)
                runtime.flush()
                done = _summary(runtime)
            random = self._random_after(node)
        variables.give(_made(node, result))
        done.values, done.random = variables.keep(), random
        return done

    def share(self, order: Order, execute: Execute) -> bool:
        """Carry out the share of a map that an order names, recorded in a log of its own; whether
        it came to its end. What made it fail shows when the node goes on. Raises what :meth:`run`
        does of stores."""
        with self._steps.visits.running(order.node.name) as visit:
            return self._share(order, execute, visit)

    def _share(self, order: Order, execute: Execute, visit: Visit) -> bool:
        assert order.share is not None
        fn = self._steps.function(order.node)
        variables, given = self._variables(order)
        takes = [variables[given[n]] for n in order.node.reads]
        watching = self._steps.watching(visit, order.node, fn, takes)
        with watching, self._share_journal(order) as runtime:
            try:
                execute(fn, takes)
            except SharedOut as out:
                runtime.flush()
                return out.which == order.share.which
            except StoreError:
                raise
            except Exception:
                runtime.flush()
        return False

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
            with runtime.lock:
                done = history.executions.values()
                undone = [x for x in done if x.status is Status.COMPENSATED]
        return len(undone)

    def tell(
        self, takes: dict[str, Ref], names: Sequence[str], variables: dict[str, str]
    ) -> dict[str, dict[str, Any]]:
        """What JSON can tell of the variables called ``names``, as ``told``, and why it cannot of
        the others, as ``untold``. ``takes`` are their values by name, ``variables`` which variable
        each is. Raises :class:`duranb.errors.StoreError` where the bucket fails."""
        found: dict[str, dict[str, Any]] = {"told": {}, "untold": {}}
        for name in names:
            if name not in takes:
                found["untold"][name] = "no node of the run gives it"
                continue
            loaded = Variables(self._artifacts)
            try:
                loaded.take({variables[name]: takes[name]})
                found["told"][name] = json.loads(told(loaded[variables[name]]))
            except StoreError:
                raise
            except Exception as error:  # of any kind: it is the value's own code
                found["untold"][name] = said(error)
        return found

    # -- its values ------------------------------------------------------------------------

    def _variables(self, order: Order) -> tuple[Variables, dict[str, str]]:
        """What a node takes, loaded, and which variable each of its names is."""
        node, variables = order.node, Variables(self._artifacts)
        variables.take(order.takes)
        given = {name: self._given(order, variables, name) for name in (*node.reads, *node.uses)}
        variables.watch()
        return variables, given

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
        if not _is_alone(node):
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
        done = frozenset(each.which for each in order.maps)
        spread = Spread(order.least, done=done) if order.least else None
        alone = _is_alone(order.node)
        with self._over(store, Fold(store.events()), spread, alone=alone) as runtime:
            shares.merge(runtime, self._bucket, order.run, order.node.name, order.maps)
            _settle(runtime, order)
            yield runtime

    @contextlib.contextmanager
    def _share_journal(self, order: Order) -> Iterator[Runtime]:
        """The engine over what the node had recorded when its map was shared out, with what is
        recorded now in the share's own log."""
        mine, name = order.share, order.node.name
        assert mine is not None
        before, short = read(self._bucket, place_of(order.run, name))
        folding = Fold(before[: mine.upto])
        where = share_of(order.run, name, mine.name)
        opened = e.SessionOpened(pid=os.getpid(), host=socket.gethostname())
        store = ObjectStore(
            self._bucket, where, order.epoch, opening=lambda events: [opened], beside=short
        )
        for event in store.events():
            folding.apply(event)
        done = frozenset(each.which for each in order.maps)
        spread = Spread(order.least, mine.share, done)
        with self._over(store, folding, spread, alone=False) as runtime:
            yield runtime

    @contextlib.contextmanager
    def _over(
        self, store: ObjectStore, folding: Fold, spread: Spread | None, *, alone: bool
    ) -> Iterator[Runtime]:
        try:
            namespace = Namespace(vars(self._steps.module), store, self._steps.uses)
            settings = Settings(headless=True, check=False, spread=spread, owns_generators=alone)
            runtime = Runtime(store, folding, namespace, settings)
            try:
                with using(runtime):
                    yield runtime
            finally:
                runtime.close()
        finally:
            store.close()


def _refuse_telling(runtime: Runtime, node: Node, fn: Callable[..., Any], takes: list[Any]) -> None:
    """Raise :class:`UsageError` where a node tells a library something: other workers are not told,
    and other runs in this one would be."""
    inner = inspect.unwrap(fn)
    arguments = dict(zip(node.parameters, takes, strict=True))
    if told := Telling(runtime, inner, arguments).tells():
        raise UsageError(f"step {node.name!r} changed {', '.join(told)}: {ADVICE}")


def _is_alone(node: Node) -> bool:
    """Whether a node uses what a process has only one of."""
    return bool(node.uses or node.draws or node.alone)


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


def _spent(runtime: Runtime) -> Spent:
    history = runtime.history
    with runtime.lock:  # threads of the node may go on
        answered = [c for c in history.calls.values() if c.kind.traits.answer]
        ledgers = [history.ledger(number) for number in history.executions]
    return Spent(
        calls=len(answered),
        cost=sum(c.usage.cost for c in answered if c.usage is not None),
        tokens=sum(x.tokens for x in ledgers),
        unpriced=sum(x.unpriced for x in ledgers),
    )


def _summary(runtime: Runtime) -> Done:
    undoable = any(saga.undoing(runtime, x).possible for x in standing.standing(runtime.history))
    return Done(**asdict(_spent(runtime)), undoable=undoable)


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
