"""``redact`` and ``forget``: take what should not be there out of the store."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from duranb.errors import StoreError, UsageError
from duranb.record import events as e
from duranb.record.history import History
from duranb.record.model import Status
from duranb.session.change import Change, count, listed
from duranb.session.session import Session
from duranb.store.redaction import Data, Redaction
from duranb.text.known import KNOWN, Known
from duranb.values import codec
from duranb.verbs.table import Forget, Redact

_ROTATE = (
    "change the secret where it is used: whoever had a copy of the store, a backup or a git commit "
    "of it, has it still"
)

_TOLD = frozenset({"source", "preview", "message", "traceback", "reason", "why", "value"})
"""Fields of events that tell what a step did, in words."""


def redact(session: Session, given: Redact) -> Change:
    """Mask a value wherever it is in the store. Asks for it where none is given."""
    known = KNOWN
    if not given.found:
        value = given.value or getpass.getpass("the value to take out of the store: ")
        if len(value) < _SHORTEST:
            raise UsageError("what is shorter than four characters would be found everywhere")
        known = Known(formats=())
        known.learn(value, "redact", plain=True)
        KNOWN.learn(value, "redact", plain=True)

    def masked(data: Data) -> bytes | None:
        return known.masked(bytes(data)) if known.find(data) else None

    redaction = Redaction(lambda seq, text: masked(text), lambda digest, data: masked(data))
    plan = session.store.planned(redaction)
    title = "redact what scan finds" if given.found else "redact a value"

    async def apply() -> str:
        reason = "redacted: a secret was taken out"
        done = session.store.redact(redaction, e.Redacted(reason=reason), known.find)
        _look_again(session, masked)
        return f"taken out of {_places(len(done.events), len(done.artifacts))}"

    lines = [f"masks it in {_places(len(plan.events), len(plan.artifacts))}"]
    steps = sorted(_steps(session.history, {seq for seq, _ in plan.events}, set(plan.artifacts)))
    if steps:
        lines.append(f"of what {listed(steps)} recorded")
    return Change("redact", title, tuple(lines), apply, (_ROTATE,))


_SHORTEST = 4


def forget(session: Session, given: Forget) -> Change:
    """Take out all that the executions of a step have recorded, but that they were."""
    history = session.history
    found = history.find(given.step)
    chosen = [found] if "@" in given.step else history.executions_of(found.step)
    running = [x for x in chosen if x.status is Status.RUNNING]
    if running:
        raise UsageError(f"{found.step!r} is running: interrupt it first")
    ids = {x.id for x in chosen} | {o for x in chosen for o in history.restored_from(x.id)}
    gone = _only_theirs(session, ids)
    told = _TextsOf(history, ids, gone)

    def emptied(digest: str, data: Data) -> bytes | None:
        return bytes(len(data)) if digest in gone and any(data) else None

    redaction = Redaction(told.blanked, emptied)

    async def apply() -> str:
        tombstone = e.Redacted(
            reason=f"forgotten: {given.step}", executions=sorted(ids), forgotten=sorted(gone)
        )
        session.store.redact(redaction, tombstone, lambda data: False)
        _look_again(session, lambda data: None)
        return f"{count(len(ids), 'execution')} of {found.step!r} forgotten"

    lines = (
        f"{count(len(ids), 'execution')}: their code, outputs, messages and calls are written over",
        f"{count(len(gone), 'artifact')} that nothing else uses are gone",
        "that they were, when, and what they cost stays in the history",
    )
    warnings = ["it cannot be brought back, and is not restored or answered from any more"]
    effects = [c for i in ids for c in history.intended_calls_of(i) if c.kind.traits.effect]
    if effects:
        warnings.append(f"{count(len(effects), 'effect')} cannot be compensated afterwards")
    return Change("forget", f"forget {given.step}", lines, apply, tuple(warnings))


def _places(events: int, artifacts: int) -> str:
    return f"{count(events, 'event')} and {count(artifacts, 'artifact')}"


# -- what belongs to an execution ------------------------------------------------------------------


def _artifacts_of(value: Any) -> Iterator[str]:
    """The artifacts that something of the history names."""
    for field in ("messages", "response", "arguments", "compensate"):
        if found := getattr(value, field, ""):
            yield found
    result = getattr(value, "result", None)
    bindings = [result] if result else []
    for field in ("outputs", "around", "changed"):
        bindings += getattr(value, field, {}).values()
    yield from (binding.artifact for binding in bindings if binding.artifact)


def _only_theirs(session: Session, ids: set[int]) -> set[str]:
    """The artifacts that nothing but these executions, and the snapshots that they made, need."""
    history = session.history
    own, others = set[str](), set[str]()
    made = {s for i in ids for s in (history.executions[i].snapshot, history.executions[i].left)}
    for each in history.executions.values():
        (own if each.id in ids else others).update(_artifacts_of(each))
    for call in history.calls.values():
        (own if call.execution in ids else others).update(_artifacts_of(call))
    for snapshot in history.snapshots.values():
        (own if snapshot.id in made else others).update(_artifacts_of(snapshot))
    return (own | _parts(session, own)) - others - _parts(session, others)


def _parts(session: Session, digests: set[str]) -> set[str]:
    """The artifacts beside these that loading them needs."""
    found = set[str]()
    for digest in digests:
        try:
            found |= codec.parts(session.artifacts.get(digest))
        except (StoreError, ValueError, TypeError, msgspec.MsgspecError, LookupError):
            continue  # it is damaged, or no value: it has none
    return found


def _steps(history: History, events: set[int], artifacts: set[str]) -> set[str]:
    """The steps that recorded some of these artifacts."""
    of_calls = {c.step for c in history.calls.values() if artifacts & set(_artifacts_of(c))}
    own = {x.step for x in history.executions.values() if artifacts & set(_artifacts_of(x))}
    return of_calls | own


class _TextsOf:
    """Blanks what events of some executions tell in words, by as many bytes."""

    def __init__(self, history: History, ids: set[int], gone: set[str]) -> None:
        self._ids = ids
        self._gone = gone
        self._calls = {c.id for i in ids for c in history.calls_of(i) if c.execution == i}

    def blanked(self, seq: int, text: bytes) -> bytes | None:
        """The JSON of an event without what it tells, None where it stays."""
        try:
            body = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        whole = body.get("execution") in self._ids or (
            body.get("call") in self._calls and body["type"] in _OF_CALLS
        )
        told = dict.fromkeys(_words(body, self._gone, whole=whole))
        made = text
        for name, words in told:
            encoded = msgspec.json.encode(words)
            field = b'"%s":' % name.encode()
            star = b'"' + b"*" * (len(encoded) - 2) + b'"'
            made = made.replace(field + encoded, field + star)
        return None if made == text else made


_OF_CALLS = frozenset({"call.rejected", "call.resolved", "question.answered"})


def _words(part: Any, gone: set[str], *, whole: bool) -> Iterator[tuple[str, str]]:
    """Each field that tells something in words: of the whole event, or of bindings to what is
    gone."""
    if isinstance(part, list):
        for each in part:
            yield from _words(each, gone, whole=whole)
    elif isinstance(part, dict):
        tells = whole or part.get("artifact") in gone
        for name, value in part.items():
            if isinstance(value, str):
                if tells and name in _TOLD and value.strip("*"):
                    yield name, value
            else:
                yield from _words(value, gone, whole=whole)


# -- what this process has in memory ---------------------------------------------------------------


def _look_again(session: Session, masked: Callable[[Data], bytes | None]) -> None:
    """Have the history, and the tables that are made of it, say what the log says by now."""
    with session.lock:
        _mask(session.history, masked)
    session.store.renew_database()


def _mask(history: History, masked: Callable[[Data], bytes | None]) -> None:
    for number, execution in list(history.executions.items()):
        history.put_execution(_again(execution, masked) or history.executions[number])
    for call in map(history.calls.__getitem__, list(history.calls)):
        if made := _again(call, masked):
            history.put_call(made)
    for snapshot in list(history.snapshots.values()):
        if made := _again(snapshot, masked):
            history.amend_snapshot(made)
    for number, said in list(history.answers.items()):
        history.answers[number] = _again(said, masked) or said
    for step, source in list(history.compensations.items()):
        data = masked(source.encode())
        if data is not None:
            history.compensations[step] = data.decode()


def _again(value: Any, masked: Callable[[Data], bytes | None]) -> Any:
    data = masked(msgspec.json.encode(value))
    return None if data is None else msgspec.json.decode(data, type=type(value))
