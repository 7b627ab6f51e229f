"""The calls of a history by id: those that may still change are held, the others are read again
from their events where somebody asks for them."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterator, Mapping
from sys import intern
from typing import Any

from duranb.errors import StoreDamaged
from duranb.record import events as e
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus

LATELY = 2048
"""Calls that are held although they could be read again: the latest, and those asked for last."""

HIGHEST = 1 << 63
"""Ids are below this."""

_GAP = 1 << 16
"""How far an id may be ahead of as many as there are, for there to be room for those in between. In
a history that somebody else wrote it may be anything."""

Reader = Callable[[int], e.Event]
"""Reads the event that lies at a place of the log. Raises :class:`StoreDamaged`."""


class Calls(Mapping[int, Call]):
    """Every call by its id, in the order of the ids.

    Where the events can be read again (``reader``), a call that one event has told all about, as
    most are, takes 8 bytes here. Hold the history's lock to iterate while others add; single
    look-ups need none.
    """

    def __init__(self) -> None:
        self.reader: Reader | None = None
        self._held: dict[int, Call] = {}
        self._lately: dict[int, Call] = {}
        self._at = array("Q")  # by id; 0 where it is not on record alone
        self._away = 0
        self._lock = threading.Lock()

    def put(self, call: Call, event: e.Event | None = None) -> None:
        """Add a call, or put it in the place of what was known of it. ``event`` tells all that
        is known of it. Raises ValueError for an id that is none."""
        number = call.id
        check(number)
        # What changes the outside world, and what is waited for, is asked for often.
        may_go = event is not None and self.reader is not None and not call.kind.traits.intent
        at = event.at if event is not None and may_go else 0
        if at and number < 2 * len(self) + _GAP:
            if number >= len(self._at):
                self._at.frombytes(bytes(8 * (number + 1 - len(self._at))))
            self._away += not self._at[number]
            self._note(call)
            self._at[number] = at
            self._held.pop(number, None)
            return
        self._held[number] = call
        with self._lock:
            self._lately.pop(number, None)
        if 0 <= number < len(self._at) and self._at[number]:
            self._at[number] = 0
            self._away -= 1

    def _note(self, call: Call) -> None:
        with self._lock:
            self._lately[call.id] = call
            if len(self._lately) > LATELY:
                del self._lately[next(iter(self._lately))]

    def __getitem__(self, number: int) -> Call:
        """Raises KeyError where there is none, and :class:`StoreDamaged` where it cannot be read
        any more."""
        found = self._held.get(number) or self._lately.get(number)
        if found is not None:
            return found
        at = self._at[number] if 0 <= number < len(self._at) else 0
        if not at:
            return self._held[number]
        assert self.reader is not None
        event = self.reader(at)
        if not isinstance(event.body, e.CallCompleted | e.CallFailed) or event.body.call != number:
            raise StoreDamaged(
                f"the log does not have call {number} any more where it was: it was changed while "
                "it was in use"
            )
        found = call_of(event.ts, event.body)
        self._note(found)
        return found

    def __contains__(self, number: object) -> bool:
        """Without reading it."""
        if not isinstance(number, int):
            return False
        return number in self._held or self.is_away(number)

    def is_away(self, number: int) -> bool:
        """Whether all that is known of a call is on record, and can be read there: it completed or
        failed, and was not rejected."""
        return 0 <= number < len(self._at) and self._at[number] != 0

    def __len__(self) -> int:
        return len(self._held) + self._away

    def __iter__(self) -> Iterator[int]:
        for number, at in enumerate(self._at):
            if at or number in self._held:
                yield number
        yield from self._beyond()

    def __reversed__(self) -> Iterator[int]:
        yield from reversed(self._beyond())
        for number in range(len(self._at) - 1, -1, -1):
            if self._at[number] or number in self._held:
                yield number

    def _beyond(self) -> list[int]:
        return sorted(i for i in self._held if not 0 <= i < len(self._at))

    def latest(self) -> Iterator[Call]:
        """The calls, those with the highest ids first."""
        return map(self.__getitem__, self.__reversed__())


def check(number: int) -> None:
    """Raise ValueError unless this can be a call's id."""
    if not 0 <= number < HIGHEST:
        raise ValueError(f"{number} is no id of a call")


def call_of(ts: int, b: e.CallCompleted | e.CallFailed, before: Call | None = None) -> Call:
    """A call as the event of its end tells it, and what was known ``before``."""
    if isinstance(b, e.CallCompleted):
        return Call(
            **of_call(b),
            status=CallStatus.COMPLETED,
            started=b.started or (before.started if before else 0),
            ended=ts,
            response=b.response,
            result=b.result,
            usage=b.usage,
            http_status=b.status,
            streamed=b.streamed,
            preview=b.preview or (before.preview if before else ""),
            idempotency_key=before.idempotency_key if before else "",
            idempotent=before.idempotent if before else False,
            compensate=before.compensate if before else "",
            arguments=before.arguments if before else "",
            question=before.question if before else "",
            made_of=tuple(b.made_of),
            beside=tuple(b.beside),
        )
    return Call(
        **of_call(b),
        status=CallStatus.FAILED,
        started=b.started or (before.started if before else 0),
        ended=ts,
        response=b.response,
        result=b.result,
        http_status=b.status,
        error=b.error,
        preview=b.preview or (before.preview if before else ""),
    )


_KINDS = {kind.value: kind for kind in Kind}


def of_call(b: e.OfCall) -> dict[str, Any]:
    """What every event of a call says of it."""
    return {
        "id": b.call,
        "execution": b.execution,
        "attempt": b.attempt,
        "step": intern(b.step),
        "key": b.key,
        "occurrence": b.occurrence,
        "kind": _KINDS.get(b.kind, Kind.UNKNOWN),
        "name": b.name,
        "scope": b.scope,
        "item": b.item,
    }
