"""What the history says, as objects: the same ones for the magics, the timeline and the shell.

All are frozen; the fold (:mod:`duranb.record.fold`) replaces them as events arrive. Times are
microseconds since the epoch, UTC; 0 means "not yet".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from duranb.record.events import Binding, ErrorInfo, Usage
from duranb.record.kinds import Kind
from duranb.record.ways import Way

ABSENT = "absent"
"""The version of an input that has no value."""

REWOUND = "a rewind"
"""What an object is behind that cannot be stored, and is still as it was when the notebook was
rewound. In place of a step's name."""

CONTESTED = "changed while other steps ran that could have changed it too"
"""Why something was not recorded with the result of a function step: that is never restored."""


UNTOLD = "holds what no record can: attributes, defaults, or how far it has come"
"""The same of a class, a function or a generator that a function step changed."""

BESIDE = "was changed by it, and is no variable: a record of a function does not hold it"
"""The same of a variable of a module, and of what is set in the process: the step is restored only
where it ran, which has that already."""


class Status(StrEnum):
    """Where an execution stands."""

    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "in doubt"
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation failed"


class Origin(StrEnum):
    """How an execution's result came about."""

    EXECUTED = "executed"
    RESUMED = "resumed"
    RESTORED = "restored"
    REPLAYED = "replayed"


class Cause(StrEnum):
    """Why an attempt failed, which decides what happens next."""

    TRANSPORT = "transport"
    CONTENT = "content"
    CODE = "code"


class CallStatus(StrEnum):
    """Where a call stands."""

    INTENDED = "intended"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    IN_DOUBT = "in doubt"
    COMPENSATED = "compensated"


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One try in an execution, from 1. ``wait`` is the pause after it in seconds, -1 for none."""

    number: int
    started: int
    ended: int = 0
    cause: Cause | None = None
    error: ErrorInfo | None = None
    wait: float = -1.0


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A journaled operation inside a step. See :class:`duranb.record.events.CallCompleted`."""

    id: int
    execution: int
    attempt: int
    step: str
    key: str
    occurrence: int
    kind: Kind
    name: str
    status: CallStatus
    scope: int = 0
    item: str = ""
    started: int = 0
    ended: int = 0
    response: str = ""
    result: Binding | None = None
    usage: Usage | None = None
    http_status: int = 0
    streamed: bool = False
    preview: str = ""
    until: int = 0
    question: str = ""
    idempotency_key: str = ""
    idempotent: bool = False
    compensate: str = ""
    arguments: str = ""
    error: ErrorInfo | None = None
    reason: str = ""
    made_of: tuple[int, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def place_key(self) -> str:
        """The key that counts its occurrences: one of its own in each item of a map."""
        return self.item + self.key

    @property
    def unpriced(self) -> bool:
        """Whether a model answered, and what that cost is not known: it did not tell how many
        tokens it took, or its price is not on the list."""
        answered = self.kind.traits.answer and self.status in (
            CallStatus.COMPLETED,
            CallStatus.REJECTED,
        )
        return answered and not (self.usage and self.usage.priced)


class Execution(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One time a step was carried out (or restored: then ``of`` is the execution it came from).

    ``snapshot`` is the state it completed with, ``left`` the one it left when it did not.
    ``given`` are the versions of what it read beside the namespace, ``around`` is what it changed
    there. ``together`` are the inputs that shared state, by group (None: not recorded).
    ``unrecorded`` is what left it by ways that are not recorded. ``differs`` says of outputs that
    were stored and do not come back as they were how they differ.
    """

    id: int
    step: str
    run: str
    branch: str
    kind: str
    status: Status
    origin: Origin
    started: int
    ended: int = 0
    source: str = ""
    fingerprint: str = ""
    identity: str = ""
    inputs: dict[str, str] = {}
    uses: dict[str, str] = {}
    options: dict[str, Any] = {}
    attempts: tuple[Attempt, ...] = ()
    outputs: dict[str, Binding] = {}
    deleted: tuple[str, ...] = ()
    result: Binding | None = None
    result_name: str = ""
    messages: str = ""
    served: Sequence[int] = ()
    unstored: dict[str, str] = {}
    differs: dict[str, str] = {}
    unrecorded: tuple[Way, ...] = ()
    shared: dict[str, list[str]] = {}
    sharers: dict[str, str] = {}
    drawn: dict[str, str] = {}
    given: dict[str, str] = {}
    together: dict[str, str] | None = None
    around: dict[str, Binding] = {}
    before: int = 0
    snapshot: int = 0
    left: int = 0
    parent: int = 0
    compensates: int = 0
    compensated_by: int = 0
    replays: int = 0
    of: int = 0
    reason: str = ""
    error: ErrorInfo | None = None
    cell: str = ""
    arguments: str = ""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The namespace's state after something, as what changed since ``parent`` (0 is empty)."""

    id: int
    parent: int
    branch: str
    taken: int
    changed: dict[str, Binding] = {}
    deleted: tuple[str, ...] = ()
    random: str = ""
    execution: int = 0


class Branch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of history in a run; ``head`` is the snapshot it stands at."""

    name: str
    run: str
    parent: str
    forked_at: int
    head: int


class Ledger(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Sums over calls: what was made, and what was answered from the journal instead of paid.

    Tokens are counts, money is US dollars; what ``unpriced`` of the calls cost is not known, and is
    in no sum. ``saved_seconds`` is the time the served calls took when they were made.
    """

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    saved_calls: int = 0
    saved_tokens: int = 0
    saved_cost: float = 0.0
    saved_seconds: float = 0.0
