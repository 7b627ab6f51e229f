"""``redact`` and ``forget``: take what should not be there out of the store."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from duranb.engine import trails
from duranb.errors import StoreDamaged, StoreError, UsageError
from duranb.llm.exchange import MAGIC, decode
from duranb.record import events as e
from duranb.record.history import History
from duranb.record.model import Status
from duranb.record.redacted import forgotten_steps
from duranb.session.change import Change, count, listed
from duranb.session.places import outcomes_of, runs_of
from duranb.session.session import Session
from duranb.store.lines import Lines
from duranb.store.redaction import Data, Redaction, held
from duranb.text.known import KNOWN, Known
from duranb.values import codec
from duranb.verbs.table import Forget, Redact

_ELSEWHERE = (
    "not in what has left the store: exported files, timelines, bundles, traces, buckets, and what "
    "a provider was sent"
)

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

    packed = dict[str, None]()

    def masked(data: Data) -> bytes | None:
        return known.masked(bytes(data)) if known.find(data) else None

    def without(digest: str, data: Data) -> bytes | None:
        if digest in packed or _is_within(known, data):
            packed[digest] = None
            return bytes(len(data)) if any(data) else None
        return masked(data)

    redaction = Redaction(lambda seq, text: masked(text), without)
    plan = session.store.planned(redaction)
    title = "redact what scan finds" if given.found else "redact a value"
    outcomes = Lines(outcomes_of(session.notebook))
    holding = sum(bool(known.find(line)) for line in outcomes.all())

    async def apply() -> str:
        reason = "redacted: a secret was taken out"
        tombstone = e.Redacted(reason=reason, forgotten=[*packed])
        done = session.store.redact(redaction, tombstone, known.find)
        if holding:
            outcomes.mask(known.masked)
        session.runtime.namespace.store_anew()
        _look_again(session, masked)
        return f"taken out of {_places(len(done.events), len(done.artifacts))}"

    lines = [f"masks it in {_places(len(plan.events), len(plan.artifacts))}"]
    if packed:
        lines.append(
            f"{count(len(packed), 'answer')} of which a compressed part holds it: gone as a whole, "
            "and asked for again when needed"
        )
    steps = sorted(_steps(session.history, {seq for seq, _ in plan.events}, set(plan.artifacts)))
    if steps:
        lines.append(f"of what {listed(steps)} recorded")
    lines += _left_files(session.store_path, known.find)
    if holding:
        lines.append(f"masks it in {count(holding, 'outcome')} of its runs")
    warnings = (*_runs(session, "redact"), _ELSEWHERE, _ROTATE)
    return Change("redact", title, tuple(lines), apply, warnings)


def _is_within(known: Known, data: Data) -> bool:
    """Whether a secret is in the compressed body of a recorded exchange: it cannot be masked."""
    if bytes(data[:4]) != MAGIC:
        return False
    exchange = decode(data)
    plain = exchange.plain
    return plain is not exchange.body and bool(known.find(plain)) and not known.find(exchange.body)


def _left_files(folder: Path, holds: Callable[[Data], object]) -> list[str]:
    """What is said of other files in a store's folder that hold something."""
    found = [path.relative_to(folder) for path in held(folder, holds)]
    return [f"removes {path}, which holds it or cannot be looked through" for path in found]


def _runs(session: Session, verb: str) -> Iterator[str]:
    """What is said of the stores of a notebook's many runs: each is one of its own."""
    names = runs_of(session.notebook)
    if names:
        file = session.notebook.name
        yield (
            f"not in the stores of its {count(len(names), 'run')} ({listed(names)}): "
            f"duranb {verb} {file}/RUN …, for each of them"
        )


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
    # What undid them ran with what they had recorded, and its code is recorded with it.
    ids |= {x.id for x in history.executions.values() if x.compensates in ids}
    gone = _only_theirs(session, ids)
    told = _TextsOf(session, ids, gone)

    def emptied(digest: str, data: Data) -> bytes | None:
        if digest in told.entries:
            blank = trails.blanked(data)
            return None if blank == data else blank
        return bytes(len(data)) if digest in gone and any(data) else None

    redaction = Redaction(told.blanked, emptied)

    async def apply() -> str:
        tombstone = e.Redacted(
            reason=f"forgotten: {given.step}", executions=sorted(ids), forgotten=sorted(gone)
        )
        session.store.redact(redaction, tombstone, lambda data: False)
        session.runtime.namespace.store_anew()
        _look_again(session, lambda data: None)
        return f"{count(len(ids), 'execution')} of {found.step!r} forgotten"

    lines = (
        f"{count(len(ids), 'execution')}: their code, outputs, messages and calls are written over",
        f"{count(len(gone), 'artifact')} that nothing else uses are gone",
        *([f"{count(len(told.entries), 'note')} in memories are blank"] if told.entries else []),
        "that they were, when, and what they cost stays in the history",
    )
    warnings = ["it cannot be brought back, and is not restored or answered from any more"]
    inside = sorted({x.step for x in history.executions.values() if x.parent in ids} - {found.step})
    inside = [step for step in inside if any(x.id not in ids for x in history.executions_of(step))]
    if inside:
        warnings.append(f"not what {listed(inside)} recorded, inside of it: forget them too")
    warnings += [*_runs(session, "forget"), _ELSEWHERE]
    effects = [c for i in ids for c in history.intended_calls_of(i) if c.kind.traits.effect]
    if effects:
        warnings.append(f"{count(len(effects), 'effect')} cannot be compensated afterwards")
    return Change("forget", f"forget {given.step}", lines, apply, tuple(warnings))


def _places(events: int, artifacts: int) -> str:
    return f"{count(events, 'event')} and {count(artifacts, 'artifact')}"


# -- what belongs to an execution ------------------------------------------------------------------


def artifacts_of(value: Any) -> Iterator[str]:
    """The artifacts that something of the history names."""
    for field in ("messages", "response", "arguments", "compensate", "question"):
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
        (own if each.id in ids else others).update(artifacts_of(each))
    for call in history.calls.values():
        (own if call.execution in ids else others).update(artifacts_of(call))
    for snapshot in history.snapshots.values():
        (own if snapshot.id in made else others).update(artifacts_of(snapshot))
    return (own | parts(session, own)) - others - parts(session, others)


def parts(session: Session, digests: set[str]) -> set[str]:
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
    of_calls = {c.step for c in history.calls.values() if artifacts & set(artifacts_of(c))}
    own = {x.step for x in history.executions.values() if artifacts & set(artifacts_of(x))}
    return of_calls | own


class _TextsOf:
    """Blanks what events of some executions tell in words, by as many bytes.

    ``entries`` are what they have written down in memories.
    """

    def __init__(self, session: Session, ids: set[int], gone: set[str]) -> None:
        history = session.history
        self._ids = ids
        self._gone = gone
        self._steps = forgotten_steps(history, ids)
        self._calls = {c.id for i in ids for c in history.calls_of(i) if c.execution == i}
        self.entries = set[str]()
        self._signals = set[str]()
        came: dict[str, list[str]] = {}
        for event in session.events():
            match event.body:
                case e.EntryAdded(execution=execution, entry=entry) if execution in ids:
                    self.entries.add(entry)
                case e.RunStarted():
                    came = {}
                case e.Signalled(name=name, id=number):
                    known = came.setdefault(name, [])
                    known += [number] if number not in known else []
                case e.Answered(call=call, signal=nth) if nth and call in self._calls:
                    self._signals.add(came[history.calls[call].preview][nth - 1])

    def blanked(self, seq: int, text: bytes) -> bytes | None:
        """The JSON of an event without what it tells, None where it stays. Raises
        :class:`StoreDamaged` for one that duranb has not written so."""
        try:
            body = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        whole = (
            body.get("execution") in self._ids
            or (body.get("call") in self._calls and body["type"] in _OF_CALLS)
            or (body["type"] == "signal.received" and body["id"] in self._signals)
            or (body["type"] == _UNDO and body["step"] in self._steps)
        )
        blank = _blank(body, self._gone, tells=whole)
        if blank == body:
            return None
        made = msgspec.json.encode(blank)
        if len(made) != len(text):
            raise StoreDamaged(f"event {seq} is not as duranb writes it: see duranb verify")
        return made


_UNDO = e.CompensationRegistered.__struct_config__.tag
_OF_CALLS = frozenset({"call.rejected", "call.resolved", "question.answered"})


def _blank(part: Any, gone: set[str], *, tells: bool) -> Any:
    """Decoded JSON with stars, by as many bytes, for each field that tells something in words: of
    the whole event where it ``tells``, and of bindings to what is gone."""
    if isinstance(part, list):
        return [_blank(each, gone, tells=tells) for each in part]
    if not isinstance(part, dict):
        return part
    tells = tells or part.get("artifact") in gone
    return {
        name: _stars(value) if tells and name in _TOLD else _blank(value, gone, tells=tells)
        for name, value in part.items()
    }


def _stars(value: Any) -> Any:
    encoded = msgspec.json.encode(value)
    return "*" * (len(encoded) - 2) if value is not None and len(encoded) > 1 else value


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
