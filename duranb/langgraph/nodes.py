"""Functions of an exported ``steps.py`` as nodes of a ``StateGraph``.

A node is given the state's values and returns those it made. Its steps are journaled in the store
that is open (``with duranb.durable(…)``); a question without a default becomes an ``interrupt``.
What a checkpoint would lose, or another process not find, is carried along
(:mod:`duranb.langgraph.carried`) or refused by name.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from langgraph.config import get_config
from langgraph.types import interrupt

from duranb.code import identity
from duranb.code.fingerprint import Reach
from duranb.code.looking import own_failure
from duranb.engine.printed import heard, notice
from duranb.engine.runtime import Runtime, needed
from duranb.engine.telling import Telling
from duranb.errors import StepError, UsageError, Waiting
from duranb.langgraph import carried
from duranb.langgraph.keeping import Keeping
from duranb.langgraph.turns import Turn, turn, turn_async
from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.state import randomness, seeding
from duranb.state.untold import ADVICE, Untold
from duranb.text.called import is_secret_variable
from duranb.values.immutable import is_atom


def node(
    fn: Callable[..., Any],
    *,
    reads: Sequence[str] = (),
    uses: Mapping[str, str] | None = None,
    module: Sequence[str] = (),
    writes: Sequence[str] = (),
    changes: Sequence[str] = (),
    alone: bool = False,
) -> Callable[[Mapping[str, Any]], Any]:
    """``fn`` as a node: called with the values of the state's ``reads``, its result is given to
    ``writes``. What the state does not have, and what is named in ``module``, is a copy of the
    variable of that name in the function's module, as it was when this was called.

    ``uses`` are variables of its module that are given values of the state first. ``changes`` are
    values of the state that it is known to change in place, and returns; what else of it it
    changes is handed on. One that is ``alone`` draws random numbers or uses settings of the
    process. It is for a graph that :func:`duranb.langgraph.state_graph` has made.

    The node raises :class:`StepError` where it changes what no checkpoint would know, or makes what
    this graph's checkpointer would not give back as it was, and :class:`UsageError` where no store
    is open, or one of another file.
    """
    made = NodeOf(fn, tuple(reads), dict(uses or {}), module, tuple(writes), frozenset(changes))
    made.alone = alone or bool(uses)
    return _Async(made, fn) if inspect.iscoroutinefunction(fn) else _Sync(made, fn)


def made_of(run: object) -> NodeOf | None:
    """What :func:`node` has made a function of; None if it has not."""
    return run.made if isinstance(run, _Called) else None


class _Called:
    """A node as LangGraph calls it. It is no function, because LangGraph walks through the code of
    each function, to see whether it reaches another graph, at half a millisecond a node."""

    def __init__(self, made: NodeOf, fn: Callable[..., Any]) -> None:
        self.made = made
        self._fn = fn
        self.__signature__ = _TAKES_STATE


_TAKES_STATE = inspect.Signature([inspect.Parameter("state", inspect.Parameter.POSITIONAL_ONLY)])
"""Said at once: LangGraph asks several times for each node, and working it out is slow."""


class _Sync(_Called):
    """One that is called."""

    def __call__(self, state: Any) -> dict[str, Any]:
        made = self.made
        with turn(alone=made.alone) as its, heard():
            work = made.work(state, its)
            while True:
                try:
                    return work.given(self._fn(*work.args))
                except Waiting as waiting:
                    made.ask(waiting)


class _Async(_Called):
    """One that is awaited."""

    async def __call__(self, state: Any) -> dict[str, Any]:
        made = self.made
        async with turn_async(alone=made.alone) as its:
            with heard():
                work = made.work(state, its)
                while True:
                    try:
                        return work.given(await self._fn(*work.args))
                    except Waiting as waiting:
                        made.ask(waiting)


class NodeOf:
    """What is known of a node before it runs. Its graph tells it: ``peers`` are all its nodes,
    ``taken`` is what any of them reads of the state, ``first`` are those that a run begins with,
    and ``fixed`` are values that it must not change without returning them: nodes that come neither
    surely before nor after it read them, or later runs do."""

    fixed: frozenset[str] | None = None
    peers: Sequence[NodeOf] = ()
    taken: frozenset[str] = frozenset()
    first: bool = False
    alone: bool = False

    def __init__(
        self,
        fn: Callable[..., Any],
        reads: tuple[str, ...],
        uses: dict[str, str],
        module: Sequence[str],
        writes: tuple[str, ...],
        changes: frozenset[str],
    ) -> None:
        self.name = fn.__name__
        self.fn = inspect.unwrap(fn)
        self.variables: dict[str, Any] = self.fn.__globals__
        self.module = frozenset(module)
        self.at_load = self.variables.copy()
        self.random = randomness.state()
        self.reads = reads
        self.uses = uses
        self.takes = frozenset((*reads, *uses.values()))
        self.writes = writes
        self.changes = changes

    def named(self, args: Sequence[Any]) -> dict[str, Any]:
        """Arguments by the names of its parameters."""
        return dict(zip(inspect.signature(self.fn).parameters, args, strict=True))

    @property
    def seeds(self) -> bool:
        """Whether the module seeds a random generator anywhere: then where it stands matters."""
        return seeding.in_file(str(self.variables.get("__file__", "")))

    def work(self, state: Mapping[str, Any], its: Turn) -> _Work:
        """A call in the store that is open."""
        if self.fixed is None:
            raise UsageError(
                f"{self.name} is a node of duranb's in a graph that is not: make it with "
                "`builder = duranb.langgraph.state_graph(State)`"
            )
        return _Work(self, self._runtime(), state, its)

    def ask(self, waiting: Waiting) -> None:
        """Interrupt the graph for the question that a step waits for; record the answer. Raises
        ``waiting`` where it waits for something else."""
        runtime = self._runtime()
        history = runtime.history
        for this in reversed(list(history.executions.values())):
            for call in history.waits_for(this.id):
                if call.kind is Kind.ASK:
                    answer = interrupt({"question": call.preview, "step": this.step})
                    runtime.record(e.Answered(call=call.id, value=answer))
                    return
        raise waiting

    def _runtime(self) -> Runtime:
        runtime = needed()
        if runtime is None:
            raise UsageError(
                "no store is open, so nothing of the graph would be recorded: run it inside of "
                "`with duranb.durable(FILE, headless=True):`"
            )
        if runtime.namespace.live is not self.variables:
            file = self.variables.get("__file__", "the graph's module")
            raise UsageError(
                f"the store that is open is not that of {file}, whose variables the graph's steps "
                f"read: run it inside of `with duranb.durable({str(file)!r}, headless=True):`"
            )
        return runtime


class _Work:
    """One call of a node: what it is given, and what has become of that."""

    def __init__(self, node: NodeOf, runtime: Runtime, state: Mapping[str, Any], its: Turn) -> None:
        self._node = node
        self._turn = its
        self._runtime = runtime
        self._namespace = runtime.namespace
        self._version = runtime.namespace.version_of
        kept: dict[str, Any] = {} if node.first else state.get(carried.KEY) or {}
        self._keeping = Keeping(runtime.namespace, state, kept)
        self._random_before(kept.get("random", {}))
        carried.have_environment(kept.get("environment", {}))
        self._tell_again(state, kept)
        keys = [k for k in (*node.reads, *node.uses.values()) if self._is_of_state(state, k)]
        self._values = self._keeping.values(keys)
        self._copied = self._copies(state)
        assert node.fixed is not None
        self._fixed = node.fixed
        for key in node.changes & self._fixed & self._values.keys():
            # Later runs of the thread find it as it was given.
            self._values[key] = self._copy(key, self._values[key])
        node.variables.update({n: self._value(key) for n, key in node.uses.items()})
        self.args = [self._value(key) for key in node.reads]
        self._telling = Telling(runtime, node.fn, node.named(self.args))
        self._telling.begin()
        reach = self._namespace.uses.of_object(node.fn, self.args)
        self._globals = self._reached(reach)
        self._untold = Untold.now(self._namespace.uses, node.fn, reach)
        self._before = self._versions()

    # -- what it is given ------------------------------------------------------------------

    def _is_of_state(self, state: Mapping[str, Any], key: str) -> bool:
        return key in state and key not in self._node.module

    def _value(self, key: str) -> Any:
        return self._values[key] if key in self._values else self._copied[key]

    def _copies(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Copies of the module's variables, which share with each other what those do."""
        node = self._node
        names = [k for k in (*node.reads, *node.uses.values()) if not self._is_of_state(state, k)]
        memory: dict[int, Any] = {}
        return {n: self._copy(n, node.at_load[n], memory) for n in names}

    def _copy(self, name: str, value: Any, memory: dict[int, Any] | None = None) -> Any:
        try:
            return copy.deepcopy(value, memory)
        except Exception as error:  # a client, a lock: there is one for all
            if not own_failure(error):
                raise
            return value

    def _reached(self, reach: Reach) -> dict[str, Any]:
        """The module's variables that its functions read, and that it is not given."""
        node = self._node
        own = {*node.reads, *node.uses, *node.writes}
        return {n: node.variables[n] for n in reach.data - own if n in node.variables}

    def _versions(self) -> dict[str, str]:
        watched = {**self._globals, **self._copied, **self._values}
        return {n: self._version(v) for n, v in watched.items() if not is_atom(v)}

    def _random_before(self, kept: Mapping[str, Any]) -> None:
        """Put the generators where the run has left them; not under the hands of a node that runs
        now and draws."""
        self._random: dict[str, str] = {}
        if self._node.seeds:
            self._turn.undisturbed(lambda: carried.stand(kept, self._node.random))
            self._random = randomness.fingerprints(randomness.state())

    def _tell_again(self, state: Mapping[str, Any], kept: Mapping[str, Any]) -> None:
        """Set and tell libraries again what nodes before this one have: perhaps in a process that
        is gone."""
        peers = {peer.name: peer for peer in self._node.peers}
        for name, messages in kept.get("told", {}).items():
            peer = peers[name]
            values = self._keeping.values([k for k in (*peer.reads, *peer.writes) if k in state])
            given = [values[k] if k in values else peer.at_load[k] for k in peer.reads]
            telling = Telling(self._runtime, peer.fn, peer.named(given))
            for lost in telling.set_again(messages):  # NumPy has other options in each context
                notice(f"{name} has set this, and here it cannot be set again: {lost}")
            made = {
                n: values[k]
                for n, k in zip(telling.returns, peer.writes, strict=False)
                if k in values
            }
            if failed := telling.tell_again(made):
                raise StepError(
                    f"{name} has told libraries this, in a process that is gone, and it could not "
                    f"be told again: {'; '.join(failed)}. Do it in a plain cell above the first "
                    "step"
                )

    # -- what became of it -----------------------------------------------------------------

    def given(self, result: Any) -> dict[str, Any]:
        """What the result, and what the node has changed, change in the state."""
        writes = self._node.writes
        update: dict[str, Any] = {}
        if len(writes) == 1:
            update = {writes[0]: result}
        elif writes:
            update = dict(zip(writes, result, strict=True))
        changed = [n for n, was in self._before.items() if self._version(self._now(n)) != was]
        update |= self._handed_on([n for n in changed if n in self._values and n not in update])
        told = self._told(result)
        self._check_module(changed, update)
        self._keeping.check_apart(self._node.name, changed)
        beside = self._keeping.beside(self._node.name, {**self._values, **update}, update)
        if self._node.first:
            beside["begun"] = get_config()["metadata"]["langgraph_step"]
        if moved := self._drawn():
            beside["random"] = moved
        if environment := self._environment():
            beside["environment"] = environment
        if told is not None:
            beside["told"] = {self._node.name: told}
        self._keeping.check_stored(self._node.name, update, beside, self._node.taken)
        return {**update, carried.KEY: beside} if beside else update

    def _told(self, result: Any) -> list[dict[str, Any]] | None:
        """What it has set of libraries, as messages; None where it has set and told nothing."""
        self._telling.note(result)
        messages = self._telling.messages()
        if lost := self._telling.lost(result):
            raise StepError(f"{self._node.name} changed {', '.join(lost)}: {ADVICE}")
        if not (messages or self._telling.tells()):
            return None
        noticed = self._telling.tells() or self._telling.sets()
        if noticed and self._turn.beside and not self._turn.alone:
            raise StepError(
                f"{self._node.name} ran beside other nodes, and set or told libraries something: "
                "nobody knows which of them saw that. Do it in a cell of its own, or in a plain "
                "cell above the first step"
            )
        return messages

    def _now(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        return self._copied[name] if name in self._copied else self._globals[name]

    def _handed_on(self, changed: list[str]) -> dict[str, Any]:
        """Values of the state that were changed in place by ways that the plan does not know."""
        unknown = [k for k in changed if k not in self._node.changes]
        refused = sorted(set(unknown) & self._fixed)
        if refused:
            raise StepError(
                f"{self._node.name} changed {', '.join(refused)} in place and does not return it, "
                "and what runs beside it, or the next run, takes that too. Run the notebook once "
                "with duranb and export it again to have it known, or return it"
            )
        return {k: self._values[k] for k in unknown}

    def _check_module(self, changed: list[str], update: dict[str, Any]) -> None:
        """Variables of the module are the same in each process: a change has to be the state's."""
        node = self._node
        altered = [n for n in self._untold.altered() if n not in {*update, *self._set()}]
        altered = [n for n in altered if not self._telling.keeps(n)]
        if altered:
            raise StepError(f"{node.name} changed {', '.join(altered)} in place: {ADVICE}")
        lost = [n for n in changed if n in self._globals]
        own = [n for n in changed if n in self._copied]
        lost += [n for n in own if n not in node.changes and n not in update]
        if lost:
            raise StepError(
                f"{node.name} changed {', '.join(sorted(lost))} in place, which a plain cell above "
                "the first step made: a checkpoint would not know. Run the notebook once with "
                "duranb and export it again to have it known, or return it"
            )
        for name in own:
            others = self._keeping.sharing(name, self._data())
            if others:
                raise StepError(
                    f"{node.name} changed {name} in place, and {', '.join(others)} of the module "
                    "shares state with it: a checkpoint would not know. Make both in a step"
                )

    def _set(self) -> list[str]:
        """The variables of the environment that it has set, without those that hold a credential:
        no checkpoint is to have these."""
        found = (n for n in self._untold.altered() if n.startswith("$"))
        return [n for n in found if not is_secret_variable(n[1:])]

    def _environment(self) -> dict[str, str | None]:
        return {n[1:]: os.environ.get(n[1:]) for n in self._set()}

    def _data(self) -> dict[str, Any]:
        """The module's variables that any node of the graph reads, as they were, and what the
        functions that it reaches hold themselves: attributes, defaults, closures."""
        at_load, uses = self._node.at_load, self._namespace.uses
        reaches = [uses.of_object(peer.fn) for peer in self._node.peers]
        names = {n for reach in reaches for n in reach.data}
        names |= {k for peer in self._node.peers for k in (*peer.reads, *peer.uses)}
        found = {n: at_load[n] for n in names if n in at_load}
        called = {n for reach in reaches for n in reach.uses if n in at_load}
        return found | {n: held for n in called - found.keys() if (held := _held(at_load[n]))}

    def _drawn(self) -> dict[str, Any]:
        """The generators that the node has moved, as they stand."""
        if not self._node.seeds:
            return {}
        now = randomness.state()
        at = randomness.fingerprints(now)
        moved = {n: s for n, s in now.items() if at[n] != self._random.get(n)}
        if not moved or (self._turn.excused and not self._turn.alone):
            return {}
        if self._turn.beside and not self._turn.alone:
            raise StepError(
                f"random numbers were drawn while {self._node.name} and other nodes ran at once, "
                "and nobody knows by which: have the random numbers drawn where it can be seen "
                "(random.random() in the cell, not in a method), and export again"
            )
        return carried.plain(moved)


def _held(function: object) -> list[Any]:
    """The values that a function of the module holds and that may be changed in place."""
    if not isinstance(function, FunctionType):
        return []
    values = [*identity.held(function), *vars(function).values()]
    return [v for v in values if not is_atom(v) and not callable(v)]
