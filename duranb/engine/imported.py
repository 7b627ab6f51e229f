"""A cell that was carried out elsewhere, as a function of an exported ``steps.py``: it is given
what that made, and nothing runs.

The recorded function is the cell's where its code, what it read and what it used are the same. What
it returned, and what it did to its arguments, is then done to the notebook's own variables, as when
a function step is restored (:mod:`duranb.engine.reach`), and captured as the cell's.
"""

from __future__ import annotations

import ast
import contextlib
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import blake3
import msgspec

from duranb.code import dataflow
from duranb.code.looking import said
from duranb.engine import decide as decisions
from duranb.engine.decide import Decision, unlike
from duranb.engine.keeping import CellState
from duranb.engine.runtime import Runtime
from duranb.engine.spec import Spec
from duranb.errors import NotImported
from duranb.record import events as e
from duranb.record.events import Binding
from duranb.record.history import History
from duranb.record.imports import Fit, Imported
from duranb.record.model import ABSENT, Execution, Origin, Status
from duranb.state import Namespace
from duranb.state.inplace import NotAlike
from duranb.text import sources

_GLOBAL = " (global)"


@dataclass(frozen=True)
class Elsewhere:
    """An execution that a cell can be given, and what it was imported with. ``why`` says why it
    cannot, or is empty. ``missing``: once it was given, the names that the cell would have bound,
    and that no step there took, so that they are not here."""

    execution: Execution
    came: Imported
    fit: Fit | None
    why: str = ""
    missing: tuple[str, ...] = ()


def shape_of(fingerprint: str, validate: str, outputs: Iterable[str]) -> str:
    """What of a cell is part of its step's identity, beside its inputs and helpers."""
    told = msgspec.json.encode([fingerprint, validate, list(outputs)])
    return blake3.blake3(told).hexdigest(16)


def decide(runtime: Runtime, spec: Spec, *, replay: bool) -> tuple[Decision, Elsewhere | None]:
    """Decide on a cell, with what was imported for it: what was carried out here before that does
    not take its place. Where it cannot be given, its ``why`` says so, and the decision is that on
    the cell alone.

    Raises :class:`NotImported` in a process that only imports, where it would have to run.
    """
    came = 0 if replay else _latest(runtime.history, spec.name)
    decision = decisions.decide(runtime, spec, replay=replay, since=came)
    found = None if replay else _find(runtime, spec, decision)
    if runtime.settings.importing and decision.restore is None and (found is None or found.why):
        raise _refused(spec, found.why if found is not None else "it was not carried out there")
    if found is not None and found.why:
        decision = decisions.decide(runtime, spec)
        if decision.restore is not None:
            return decision, None
        decision = replace(decision, reason=f"imported, but {found.why}")
    return decision, found


def _refused(spec: Spec, why: str) -> NotImported:
    return NotImported(
        f"step {spec.name!r} was not taken over: {why}. Run All carries it out; calls that it made "
        "there are answered from the journal"
    )


def _latest(history: History, step: str) -> int:
    """The latest imported execution of a step in the current run, 0 for none."""
    if not history.imports:
        return 0
    found = (x for x in reversed(history.executions_of(step)) if x.run == history.run)
    return next((x.id for x in found if history.imports.of(x.id) is not None and not x.parent), 0)


def _find(runtime: Runtime, spec: Spec, decision: Decision) -> Elsewhere | None:
    """The imported execution of a step that ran elsewhere: one that fits, else the latest, with
    why it does not. None where there is none."""
    history = runtime.history
    if decision.restore is not None or not history.imports:
        return None
    if spec.always or spec.fresh or runtime.settings.strict:
        return None
    found: list[Elsewhere] = []
    for this in reversed(history.executions_of(spec.name)):
        came = history.imports.of(this.id)
        if came is None or this.run != history.run or this.kind != "function" or this.parent:
            continue
        fit = history.imports.fit(this.id, spec.name)
        why = _differs(runtime, spec, decision, this, fit)
        found.append(Elsewhere(this, came, fit, why))
        if not why:
            return found[-1]
    return found[0] if found else None


def _differs(
    runtime: Runtime, spec: Spec, decision: Decision, this: Execution, fit: Fit | None
) -> str:
    """Why a cell cannot be given what an execution made; empty where it can."""
    if this.status is not Status.COMPLETED or this.id in runtime.history.partly_undone:
        return f"there it is {this.status}"
    if fit is None or fit.shape != shape_of(spec.fingerprint, spec.validate, spec.outputs):
        return "its code is not what was exported"
    ignored = set(spec.ignore) | (set(decision.inputs) - set(spec.inputs) if spec.inputs else set())
    # What a cell imports or defines itself lies in the module there.
    own = set(spec.writes) - decision.inputs.keys() - decision.uses.keys() - {*fit.reads}
    for name, version in _inputs(this, fit).items():
        if name not in ignored | own and _version(runtime, name) != version:
            return f"{name} is not what it was there"
    for name, fingerprint in this.uses.items():
        if name not in own.union(spec.ignore) and decision.uses.get(name) != fingerprint:
            return f"{name.removeprefix('module:')} is other code than there"
    given = runtime.surroundings.told(this.given.keys())
    return unlike(runtime, this, given, spec.ignore)


def _inputs(this: Execution, fit: Fit) -> dict[str, str]:
    """The versions that an execution was given, by the names of the notebook's variables."""
    names = dict(zip(fit.parameters, fit.reads, strict=True))
    return {names.get(n, n.removesuffix(_GLOBAL)): v for n, v in this.inputs.items()}


def _version(runtime: Runtime, name: str) -> str:
    namespace = runtime.namespace
    return namespace.version(name) if name in namespace.live else ABSENT


def give(
    runtime: Runtime, spec: Spec, decision: Decision, found: Elsewhere, tree: ast.Module
) -> Elsewhere:
    """Give the namespace what an execution elsewhere made, and record that as the cell's. Of its
    ``tree`` only imports and definitions are carried out. With a ``why`` where it turned out that
    it cannot be given, since the values are built otherwise; nothing but definitions changed then.

    Raises :class:`NotImported` for that in a process that only imports, and
    :class:`duranb.errors.StoreError`.
    """
    this, fit = found.execution, found.fit
    assert fit is not None
    namespace, live = runtime.namespace, runtime.namespace.live
    noted: dict[str, bool] = {}
    state = CellState(runtime, spec, decision, noted)
    result: Any = None
    try:
        defined = _define(tree, spec.name, live)
        values = dict(_values(this, fit, live))
        if this.result is not None:
            with standing_in(found.came.modules, live):
                result = _done(namespace, values, this.result)
    except _NotGiven as error:
        if runtime.settings.importing:
            raise _refused(spec, str(error)) from error
        return replace(found, why=str(error))
    made = result if len(fit.writes) > 1 else [result] if fit.writes else []
    live.update(zip(fit.writes, made, strict=True))
    missing = sorted({*spec.writes} - {*fit.writes} - defined)
    for name in missing:  # what it is bound to here is not what the cell would have made
        live.pop(name, None)
    noted.update(dict.fromkeys(state.unsure & set(fit.writes), True))
    done = state.capture()
    number, history = runtime.next_id("execution"), runtime.history
    served = [c.id for c in history.calls_of(this.id) if c.id in history.calls]
    served = list(dict.fromkeys([*this.served, *served]))
    started = e.ExecutionStarted(
        execution=number,
        step=spec.name,
        run=history.run,
        branch=history.branch,
        source=sources.recorded(spec.source),
        fingerprint=spec.fingerprint,
        identity=decision.identity,
        inputs=decision.inputs,
        uses=decision.uses,
        given=decision.given,
        together=decision.together,
        options=spec.recorded_options(),
        before=decision.before,
        reason=f"carried out elsewhere, as @{this.id}",
        cell=spec.cell,
    )
    completed = e.ExecutionCompleted(
        execution=number,
        origin=Origin.RESTORED,
        attempts=1,
        snapshot=done.snapshot,
        outputs=done.outputs,
        deleted=done.deleted,
        messages=this.messages,
        served=served,
        unstored={n: b.why for n, b in done.outputs.items() if b.why},
        shared=done.shared,
        sharers=done.sharers,
        drawn=done.drawn,
        around=done.around,
    )
    state.commit(done.snapshot)
    runtime.record(started, *done.bodies, completed)
    return replace(found, missing=tuple(missing))


class _NotGiven(Exception):
    """It turned out that a cell cannot be given what was made elsewhere."""


def _define(tree: ast.Module, step: str, live: dict[str, Any]) -> set[str]:
    """Carry out the imports and definitions of a cell, which were its module's there; the names
    that they bind."""
    kept = ast.Module([n for n in tree.body if isinstance(n, _DEFINITIONS)], tree.type_ignores)
    try:
        exec(compile(kept, f"<step {step}>", "exec"), live)
    except Exception as error:
        raise _NotGiven(f"what it imports or defines itself raised {said(error)}") from error
    return set(dataflow.analyse(kept).writes)


_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _done(namespace: Namespace, values: Mapping[str, Any], result: Binding) -> Any:
    """What was done elsewhere, done to these values: in an imported module, or in a script."""
    try:
        return namespace.again(values, result, by_name=True)
    except NotAlike:
        pass
    try:
        return namespace.again(values, result)
    except NotAlike as error:
        raise _NotGiven("its inputs are built otherwise than they were there") from error


def _values(this: Execution, fit: Fit, live: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The live values that stand for those that an execution could reach, by how it called them."""
    names = dict(zip(fit.parameters, fit.reads, strict=True))
    for called in this.inputs:
        name = names.get(called, called.removesuffix(_GLOBAL))
        if name in live:
            yield called, live[name]


@contextlib.contextmanager
def standing_in(modules: Iterable[str], live: Mapping[str, Any]) -> Iterator[None]:
    """While this is open, importing one of these modules finds the notebook's own variables: what
    was stored there names its classes and functions by them."""
    before = {name: sys.modules.get(name) for name in modules if name != "__main__"}
    for name in before:
        sys.modules[name] = _StandIn(name, live)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class _StandIn(types.ModuleType):
    def __init__(self, name: str, live: Mapping[str, Any]) -> None:
        super().__init__(name)
        self._live = live

    def __getattr__(self, name: str) -> Any:
        if name in self._live:
            return self._live[name]
        raise AttributeError(f"the notebook has no {name!r}: run the cell that makes it first")
