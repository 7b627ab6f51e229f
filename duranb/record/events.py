"""The append-only history, one frozen struct for each type of event.

An event is written once and never changed; all that duranb knows is a fold over these
(:mod:`duranb.record.history`). They are msgspec structs because a store is opened by decoding all
of them: msgspec decodes about a million a second and checks types as it goes. None of them can be
part of a cycle, so Python's garbage collector is told not to look at them. A field that a
later version adds must have a default, so that older events still decode.

Times are microseconds since the epoch, UTC. Ids of executions, calls and snapshots are integers
that count up within a store. A digest is the hex blake3 of an artifact's bytes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from duranb.record.imports import Imported as Imported
from duranb.record.parts import Binding as Binding, Body, ErrorInfo as ErrorInfo, Usage as Usage
from duranb.record.redacted import Redacted as Redacted
from duranb.record.ways import Way
from duranb.text.known import KNOWN


class RunStarted(Body, frozen=True, tag="run.started"):
    """A run begins, on a branch of its own called ``branch``."""

    run: str
    branch: str = "main"
    notebook: str = ""
    python: str = ""
    version: str = ""


class SessionOpened(Body, frozen=True, tag="session.opened"):
    """A process took the store. Whatever was running under an earlier one died with it.

    ``parameters`` are those of a headless run; None where somebody works in the notebook.
    ``credentials`` are the names, and only the names, of the environment's variables that hold one:
    a replay offline needs something to be there.
    """

    pid: int
    host: str = ""
    parameters: dict[str, Any] | None = None
    credentials: list[str] = []


class ArtifactStored(Body, frozen=True, tag="artifact.stored"):
    """Bytes were stored: in this event's payload, or in a file when ``in_file``."""

    digest: str
    size: int
    in_file: bool = False


class BranchCreated(Body, frozen=True, tag="branch.created"):
    """A branch was forked from ``parent`` at ``snapshot``."""

    branch: str
    parent: str
    snapshot: int


class HeadMoved(Body, frozen=True, tag="head.moved"):
    """The kernel now stands at ``snapshot`` of ``branch``; ``reason`` is the verb that moved it."""

    branch: str
    snapshot: int
    reason: str = ""


class SnapshotCaptured(Body, frozen=True, tag="snapshot.captured"):
    """What changed in the namespace since ``parent`` (0 is the empty namespace)."""

    snapshot: int
    parent: int
    branch: str
    changed: dict[str, Binding] = {}
    deleted: list[str] = []
    random: str = ""


class ExecutionStarted(Body, frozen=True, tag="execution.started"):
    """A step begins to be carried out, and its first attempt. ``kind`` is cell, function or
    compensation.

    ``inputs`` maps each name (or parameter) the code can read to the version it has; ``uses`` maps
    each helper and project module to its fingerprint; ``given`` maps what else it reads, variables
    of modules (``helper.COUNT``) and of the environment (``$MODE``), to the version that has, where
    it is not as the module's code says; ``together`` are the inputs that share state, by group,
    with commas between the names, each with the version of all as one value, which tells who shares
    what with whom. It is empty where content does not tell that, and ``together`` is None where the
    inputs are no variables, or where the execution was recorded before there was this.
    ``identity`` digests code, helpers and inputs: a completed execution with the same one can be
    restored; ``reason`` says why it runs and was not restored; ``before`` is the snapshot it starts
    from; ``arguments`` is the digest of a function step's arguments, kept where a compensation is
    registered that will want them.
    """

    execution: int
    step: str
    run: str
    branch: str
    kind: str = "cell"
    source: str = ""
    fingerprint: str = ""
    identity: str = ""
    inputs: dict[str, str] = {}
    uses: dict[str, str] = {}
    given: dict[str, str] = {}
    together: dict[str, str] | None = None
    options: dict[str, Any] = {}
    before: int = 0
    parent: int = 0
    compensates: int = 0
    replays: int = 0
    reason: str = ""
    cell: str = ""
    arguments: str = ""


class AttemptStarted(Body, frozen=True, tag="attempt.started"):
    """Attempt number ``attempt`` of an execution begins; the first begins with the execution."""

    execution: int
    attempt: int


class AttemptFailed(Body, frozen=True, tag="attempt.failed"):
    """An attempt failed. ``wait`` is the seconds until the next one, or -1 when there is none."""

    execution: int
    attempt: int
    cause: str
    error: ErrorInfo
    wait: float = -1.0


class OfCall(Body, frozen=True, kw_only=True):
    """What every event of a journaled call says of it.

    ``kind`` is a :class:`duranb.record.kinds.Kind`. ``key`` and ``occurrence`` identify it within
    its step: the n-th identical call is answered from the n-th recorded one. ``scope`` is the task,
    thread or pool item of the attempt that made it, as a number; 0 is the step's body itself.
    ``item`` is the item of a map in which it was made, empty for none: the occurrence is counted
    within it.
    """

    call: int
    execution: int
    attempt: int
    step: str
    key: str
    occurrence: int
    kind: str
    name: str
    scope: int = 0
    item: str = ""


class CallIntended(OfCall, frozen=True, tag="call.intended"):
    """An effect, a question, a timer or a wait is about to begin; durable before it does. ``until``
    is when a timer ends, or nobody waits any longer, in microseconds since the epoch, UTC; 0 for
    never. ``question`` is the digest of what is asked (:class:`duranb.record.question.Question`).
    """

    idempotency_key: str = ""
    idempotent: bool = False
    compensate: str = ""
    arguments: str = ""
    preview: str = ""
    until: int = 0
    question: str = ""


class CallCompleted(OfCall, frozen=True, tag="call.completed"):
    """A call returned. ``response`` is the digest of a recorded HTTP exchange, ``result`` the
    binding of what an effect, a question or a value returned. ``made_of`` are the calls that an
    item of a map relied on, ``beside`` names what an effect changed in the notebook beside its
    result: that does not come back with it.
    """

    response: str = ""
    result: Binding | None = None
    started: int = 0
    usage: Usage | None = None
    status: int = 0
    streamed: bool = False
    preview: str = ""
    made_of: list[int] = []
    beside: list[str] = []


class CallFailed(OfCall, frozen=True, tag="call.failed"):
    """A call failed (``status`` is the HTTP status, 0 when there was no answer). A replay offline
    meets the failure again: ``response`` is the digest of the exchange whose answer was refused,
    ``result`` the binding of the error that an effect raised. ``preview`` is of an item of a map.
    """

    error: ErrorInfo
    status: int = 0
    started: int = 0
    response: str = ""
    result: Binding | None = None
    preview: str = ""


class CallRejected(Body, frozen=True, tag="call.rejected"):
    """A recorded answer was found no good, and is never served again."""

    call: int
    reason: str


class CallResolved(Body, frozen=True, tag="call.resolved"):
    """The user said what became of an effect in doubt: happened, not-happened or compensated."""

    call: int
    verdict: str
    result: Binding | None = None


class CallCompensated(Body, frozen=True, tag="call.compensated"):
    """An effect was undone by compensation execution ``by``."""

    call: int
    by: int


class ExecutionCompleted(Body, frozen=True, tag="execution.completed"):
    """A step is done. ``snapshot`` is the state after it, ``messages`` the digest of its outputs.

    ``served`` are the calls that came from the journal; ``result`` is the binding of the cell's
    last expression, unless that is the value of output ``result_name``; ``unstored`` names what
    could not be stored, with the reason. ``shared`` are the names that were changed in place, each
    with the others that shared its state, and so saw it change; ``sharers`` are the versions that
    those names had before, and under all names of a group, with commas between, that of all as one
    value: it tells who shares what with whom. ``drawn`` are the random generators that the step
    drew from, each with where it stood before (:class:`duranb.state.randomness.Standing`).
    ``around`` is what it changed beside the namespace: variables of modules, and of the environment
    (``$MODE``, never its value).
    """

    execution: int
    origin: str
    attempts: int
    snapshot: int
    outputs: dict[str, Binding] = {}
    deleted: list[str] = []
    result: Binding | None = None
    result_name: str = ""
    messages: str = ""
    served: list[int] = []
    unstored: dict[str, str] = {}
    shared: dict[str, list[str]] = {}
    sharers: dict[str, str] = {}
    drawn: dict[str, str] = {}
    around: dict[str, Binding] = {}


class ValuesDiffer(Body, frozen=True, tag="values.differ"):
    """Values that were stored in ``artifact`` were loaded once more, in a process aside, and are
    not what they were: ``differences`` says how, by name. ``execution`` is the one that stored
    them, 0 where a plain cell did."""

    execution: int
    artifact: str
    differences: dict[str, str]


class WentUnrecorded(Body, frozen=True, tag="execution.unrecorded"):
    """Something has left an execution by ways that nobody records: all of them so far. The first
    time is recorded before it happens, so the counts are true when the execution has ended."""

    execution: int
    ways: list[Way]


class ExecutionEnded(Body, frozen=True, tag="execution.ended"):
    """A step stopped without completing: failed, waiting, cancelled or in doubt. ``left`` is the
    snapshot of what it left behind, 0 where that is nothing."""

    execution: int
    status: str
    attempts: int
    error: ErrorInfo | None = None
    served: list[int] = []
    messages: str = ""
    left: int = 0


class ExecutionRestored(Body, frozen=True, tag="execution.restored"):
    """Nothing ran: step ``step`` was given the outputs of execution ``of``."""

    execution: int
    of: int
    step: str
    run: str
    branch: str
    before: int
    snapshot: int
    cell: str = ""
    parent: int = 0


class ExecutionCompensated(Body, frozen=True, tag="execution.compensated"):
    """``execution`` was undone by execution ``by``; ``ok`` is false if that failed."""

    execution: int
    by: int
    ok: bool = True
    error: ErrorInfo | None = None


class SagaBegun(Body, frozen=True, tag="saga.begun"):
    """``executions`` are to be undone, in this order, and each until it is: a process that dies in
    between leaves the rest to the next one. ``reason`` says who wanted that."""

    executions: list[int]
    reason: str = ""


class CompensationRegistered(Body, frozen=True, tag="compensation.registered"):
    """``%%compensate`` gave a step its undo: the source of the cell's body."""

    step: str
    source: str


class Answered(Body, frozen=True, tag="question.answered"):
    """Somebody answered question ``call``; ``value`` is JSON. ``by`` says who, ``why`` for which
    reason, ``at`` when, where that was before it was recorded. The latest answer holds until the
    step has used one. ``signal`` is the number of the outside event that it came with, from 1.
    ``refused`` says why it was not taken: the question is open again."""

    call: int
    value: Any
    by: str = ""
    why: str = ""
    at: int = 0
    signal: int = 0
    refused: str = ""


class Signalled(Body, frozen=True, tag="signal.received"):
    """An outside event called ``name`` came, with a ``value`` that is JSON, from ``by``, ``at`` a
    time. Each answers one wait for it, in the order in which they came, whichever came first.
    ``id`` tells it from another one."""

    name: str
    id: str
    value: Any = None
    by: str = ""
    at: int = 0


class EntryAdded(Body, frozen=True, tag="entry.added"):
    """An agent's memory wrote something down: entry ``entry`` (a digest) of trail ``trail``, after
    entry ``parent`` (empty for none). ``execution`` is the step it did so in, 0 for none."""

    trail: str
    entry: str
    parent: str = ""
    execution: int = 0


EventBody: TypeAlias = (
    RunStarted
    | SessionOpened
    | ArtifactStored
    | BranchCreated
    | HeadMoved
    | SnapshotCaptured
    | ExecutionStarted
    | AttemptStarted
    | AttemptFailed
    | CallIntended
    | CallCompleted
    | CallFailed
    | CallRejected
    | CallResolved
    | CallCompensated
    | ExecutionCompleted
    | ValuesDiffer
    | WentUnrecorded
    | ExecutionEnded
    | ExecutionRestored
    | ExecutionCompensated
    | SagaBegun
    | CompensationRegistered
    | Answered
    | Redacted
    | Signalled
    | EntryAdded
    | Imported
)


NEVER = 253_370_764_800_000_000
"""Microseconds since the epoch from which on there is no date: the year 9999. What somebody else
recorded may say any number."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One line of the history: its number (from 1), its time, its body, and the chain's hash.

    ``hash`` covers the event before it, so no line can be changed or dropped unseen. ``at`` is
    where the log has it, to be read again; 0 where it cannot be.
    """

    seq: int
    ts: int
    body: EventBody
    hash: bytes = b""
    at: int = 0


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[EventBody] = msgspec.json.Decoder(EventBody)


def encode(body: EventBody) -> tuple[str, str]:
    """The type of an event and its JSON, as the store writes them."""
    return type_of(body), _encoder.encode(body).decode()


def public(body: EventBody) -> tuple[EventBody, str]:
    """An event as it may be stored, and its JSON: what is known to be a secret is masked."""
    text = encode(body)[1]
    masked = KNOWN.masked_text(text)
    return (body if masked is text else decode(masked)), masked


def decode(text: str) -> EventBody:
    """The body that :func:`encode` wrote. Raises ``msgspec.ValidationError`` on anything else."""
    try:
        return _upcast(text) if text.startswith(_FIRST_FORMAT) else _decoder.decode(text)
    except RecursionError as error:
        raise msgspec.ValidationError("it is nested too deeply") from error


_FIRST_FORMAT = '{"kind":'


def _upcast(text: str) -> EventBody:
    """An event of the first format: its type was called ``kind``, and the kind of a call or an
    execution ``sort``."""
    fields = msgspec.json.decode(text, type=dict[str, Any])
    fields["type"] = fields.pop("kind")
    if "sort" in fields:
        fields["kind"] = fields.pop("sort")
    found: EventBody = msgspec.convert(fields, EventBody)
    return found


def type_of(body: EventBody) -> str:
    """The name of an event's type, such as ``call.completed``."""
    return str(type(body).__struct_config__.tag)
