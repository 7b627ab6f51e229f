"""Functions of an exported ``steps.py`` as nodes of a ``StateGraph``.

A node is given the state's values and returns those it made. Its steps are journaled in the store
that is open (``with duranb.durable(…)``); a question without a default becomes an ``interrupt``.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langgraph.types import interrupt

from duranb.engine.runtime import Runtime, needed
from duranb.errors import StepError, UsageError, Waiting
from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.values.immutable import is_atom


def node(
    fn: Callable[..., Any],
    *,
    reads: Sequence[str] = (),
    uses: Mapping[str, str] | None = None,
    module: Sequence[str] = (),
    writes: Sequence[str] = (),
    changes: Sequence[str] = (),
) -> Callable[[Mapping[str, Any]], Any]:
    """``fn`` as a node: called with the values of the state's ``reads``, its result is given to
    ``writes``. What the state does not have, and what is named in ``module``, is a copy of the
    variable of that name in the function's module, as it was when this was called.

    ``uses`` are variables of its module that are given values of the state first. ``changes`` are
    values of the state that it is known to change in place, and returns. The node raises
    :class:`StepError` where it changes another one, which no checkpoint would know, and
    :class:`UsageError` where no store is open.
    """
    made = _Node(fn, tuple(reads), dict(uses or {}), module, tuple(writes), frozenset(changes))
    if inspect.iscoroutinefunction(fn):

        async def run_async(state: Mapping[str, Any]) -> dict[str, Any]:
            with made.watched(state) as args:
                while True:
                    try:
                        return made.given(await fn(*args))
                    except Waiting as waiting:
                        made.ask(waiting)

        return run_async

    def run(state: Mapping[str, Any]) -> dict[str, Any]:
        with made.watched(state) as args:
            while True:
                try:
                    return made.given(fn(*args))
                except Waiting as waiting:
                    made.ask(waiting)

    return run


class _Node:
    def __init__(
        self,
        fn: Callable[..., Any],
        reads: tuple[str, ...],
        uses: dict[str, str],
        module: Sequence[str],
        writes: tuple[str, ...],
        changes: frozenset[str],
    ) -> None:
        self._name = fn.__name__
        self._variables: dict[str, Any] = inspect.unwrap(fn).__globals__
        names = (*reads, *uses.values())
        self._module = frozenset(module)
        self._at_load = {n: self._variables[n] for n in names if n in self._variables}
        self._reads = reads
        self._uses = uses
        self._writes = writes
        self._changes = changes

    @contextmanager
    def watched(self, state: Mapping[str, Any]) -> Iterator[list[Any]]:
        """Around a call with these arguments: nothing else of the state may be another after it."""
        runtime = self._runtime()
        version = runtime.namespace.version_of
        self._variables.update({n: self._value(state, key) for n, key in self._uses.items()})
        before = {
            key: version(value)
            for key, value in state.items()
            if key not in self._changes and not is_atom(value)
        }
        yield [self._value(state, key) for key in self._reads]
        changed = [key for key, was in before.items() if version(state[key]) != was]
        if changed:
            raise StepError(
                f"{self._name} changed {', '.join(sorted(changed))} in place and does not return "
                "it: a checkpoint would not know. Run the notebook once with duranb and export it "
                "again to have it known, or return it"
            )

    def given(self, result: Any) -> dict[str, Any]:
        """What a result changes in the state."""
        if len(self._writes) == 1:
            return {self._writes[0]: result}
        return dict(zip(self._writes, result, strict=True)) if self._writes else {}

    def ask(self, waiting: Waiting) -> None:
        """Interrupt the graph for the question that a step waits for; record the answer. Raises
        ``waiting`` where it waits for something else."""
        runtime = self._runtime()
        history = runtime.history
        for this in reversed(history.executions.values()):
            for call in history.waits_for(this.id):
                if call.kind is Kind.ASK:
                    answer = interrupt({"question": call.preview, "step": this.step})
                    runtime.record(e.Answered(call=call.id, value=answer))
                    return
        raise waiting

    def _value(self, state: Mapping[str, Any], key: str) -> Any:
        if key in state and key not in self._module:
            return state[key]
        value = self._at_load[key]
        try:
            return copy.deepcopy(value)
        except TypeError:  # a client, a lock: there is one for all
            return value

    def _runtime(self) -> Runtime:
        runtime = needed()
        if runtime is None:
            raise UsageError(
                "no store is open, so nothing of the graph would be recorded: run it inside of "
                "`with duranb.durable(FILE, headless=True):`"
            )
        return runtime
