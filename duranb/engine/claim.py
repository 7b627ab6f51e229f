"""A place in the journal of an execution, and what is recorded there: replayed, or made durable."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from duranb.code.looking import name_of, text_of
from duranb.engine import tracing
from duranb.engine.flows import Flow, Waitable
from duranb.engine.scopes import Attempt, Scope
from duranb.record.artifacts import Buffer
from duranb.record.events import Binding, CallCompleted, CallFailed, CallIntended, ErrorInfo, Usage
from duranb.record.kinds import Kind
from duranb.record.model import Call, CallStatus
from duranb.text.credentials import public_text

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from duranb.engine.journal import Journal


class Claim:
    """A place in the journal: the ``place``-th call with this key in the step, from 0.

    ``recorded`` is the call that was recorded there, or None. ``scope`` is what makes the call.
    ``within`` is what it is traced as a part of.
    """

    within: Context | None = None

    def __init__(
        self,
        journal: Journal,
        kind: Kind,
        key: str,
        place: int,
        name: str,
        recorded: Call | None,
        attempt: Attempt,
    ) -> None:
        self.kind = kind
        self.key = key
        self.place = place
        self.name = name
        self.recorded = recorded
        self.attempt = attempt
        self.scope: Scope = attempt.here()
        self.scope.spoke = True
        self.item = attempt.item.key if attempt.item is not None else ""
        self.id = recorded.id if recorded is not None else 0
        self._journal = journal
        self._started = now_us()
        self._made = False
        self._came: Sequence[Buffer] = ()

    @property
    def place_key(self) -> str:
        """See :attr:`duranb.record.model.Call.place_key`."""
        return self.item + self.key

    def disregard(self) -> None:
        """Make the call anew: what is recorded is not what it would give now."""
        self.recorded, self.id = None, 0

    @property
    def settled(self) -> bool:
        """Whether the outcome is recorded, so that nothing has to be done. A failure is one where
        the journal is strict."""
        return self.recorded is not None and self.recorded.status in (
            CallStatus.COMPLETED,
            CallStatus.FAILED,
        )

    @property
    def failure(self) -> Call | None:
        """The recorded call, where its failure is to be met again."""
        found = self.recorded
        return found if found is not None and found.status is CallStatus.FAILED else None

    @property
    def is_carried_out(self) -> bool:
        """Whether what is recorded was begun by another execution that runs now, and has not come
        to its end."""
        history = self._journal._runtime.history
        if self.recorded is None or self.recorded.execution == self._journal.execution:
            return False
        now = history.calls[self.recorded.id]
        return now.status is CallStatus.INTENDED and now.execution in history.running

    def value(self) -> Any:
        """Replay: the recorded result. Raises the recorded error of a call that failed."""
        call = self._journal._replays(self)
        if self.failure is not None and call.result is not None:
            raise self._journal.values.load_value(call.result)
        return None if call.result is None else self._journal.values.load_value(call.result)

    def response(self) -> memoryview:
        """Replay: the bytes of the recorded response; those of one that has just been taken in are
        as they came, with what is masked in the record."""
        if self._made and self._came:
            return memoryview(b"".join(self._came))
        found = self.recorded if self._made else self._journal._replays(self)
        assert found is not None
        return self._journal.read(found)

    def intend(self, **what: Any) -> Flow[None]:
        """Make it durable that the call is about to be made. ``what`` are fields of
        :class:`duranb.record.events.CallIntended`."""
        yield self._journal._runtime.append(self.intention(**what))

    def intention(self, **what: Any) -> CallIntended:
        """The event that :meth:`intend` makes durable."""
        return CallIntended(**self._told(), **what)

    def complete(
        self,
        *,
        value: object = None,
        response: Sequence[Buffer] = (),
        usage: Usage | None = None,
        status: int = 0,
        streamed: bool = False,
        preview: str = "",
        made_of: Sequence[int] = (),
        why: str = "",
        beside: Sequence[str] = (),
    ) -> Flow[None]:
        """Make the outcome durable: the bytes of a ``response`` where there is one, else ``value``;
        or only ``why`` that does not stand for the call. ``beside``: see :class:`CallCompleted`.

        Raises :class:`duranb.errors.StoreError`.
        """
        runtime = self._journal._runtime
        if self.attempt.desk is not None:
            self._came = response
        try:
            receipt = runtime.append(
                CallCompleted(
                    **self._told(),
                    response=runtime.store.put(response) if response else "",
                    result=None if response else self._result(value, why),
                    started=self._started,
                    usage=usage,
                    status=status,
                    streamed=streamed,
                    preview=preview,
                    made_of=list(made_of),
                    beside=list(beside),
                )
            )
            if self.kind.traits.answer:
                self.scope.answered(self.id)
            self.attempt.relies(self.id)
            yield receipt
            if self.within is not None:
                tracing.made(runtime.history.calls[self.id], self.within)
        finally:
            self.attempt.settle(self)

    def _result(self, value: object, why: str) -> Binding:
        if why:
            return Binding("", "", name_of(type(value)), why)
        return self._journal.values.capture_value(value)

    def fail(
        self,
        error: BaseException,
        status: int = 0,
        *,
        response: Sequence[Buffer] = (),
        raised: Binding | None = None,
        preview: str = "",
    ) -> Waitable:
        """Record that the call failed, and free its place. See :class:`CallFailed` for the bytes of
        a ``response``, for the error that was ``raised`` and for the ``preview``."""
        self.release()
        if not self.kind.traits.encloses:
            self.attempt.failed(self.key)
        what, told = self._told(), describe(error)
        if self.within is not None:
            made = {"id" if k == "call" else k: v for k, v in what.items()} | {"kind": self.kind}
            made |= {"started": self._started, "ended": now_us(), "http_status": status}
            tracing.made(Call(**made, status=CallStatus.FAILED, error=told), self.within)
        runtime = self._journal._runtime
        kept = runtime.store.put(response) if response else ""
        return runtime.append(
            CallFailed(
                **what,
                error=told,
                status=status,
                started=self._started,
                response=kept,
                result=raised,
                preview=preview,
            )
        )

    def anew(self, error: BaseException, status: int = 0) -> None:
        """Record that what was intended here has failed; the call is made as another one."""
        told = CallFailed(
            **self._told(), error=describe(error), status=status, started=self._started
        )
        self._journal._runtime.append(told)
        self.disregard()

    def take_in(self) -> None:
        """What :meth:`complete` has recorded is what the call is answered by."""
        self.recorded, self._made = self._journal._runtime.history.calls[self.id], True

    def release(self) -> None:
        """Free the place without a record: the call was abandoned."""
        self.attempt.settle(self)
        self._journal._give_back(self)

    def _told(self) -> dict[str, Any]:
        """The fields that every event of the call has."""
        self.id = self.id or self._journal._runtime.next_id("call")
        return {
            "call": self.id,
            "execution": self._journal.execution,
            "attempt": self.attempt.number,
            "scope": self.scope.number,
            "step": self._journal.step,
            "key": self.key,
            "occurrence": self.place,
            "kind": self.kind.value,
            "name": self.name,
            "item": self.item,
        }


def describe(error: BaseException) -> ErrorInfo:
    """An exception as it is kept in the history, without its traceback and without the credentials
    in URLs that it tells."""
    message = public_text(text_of(error)[:8000])[:2000]
    return ErrorInfo(type=name_of(type(error)), message=message)


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1000
