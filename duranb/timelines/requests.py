"""Answers the front end's requests: a dictionary in, a dictionary out.

A request is ``{"id": …, "verb": …, …}``, the reply carries the same id: ``{"id", "result"}`` or
``{"id", "error"}`` with a sentence. What changes the notebook is planned, shown, and then carried
out on the kernel's main thread between two cells; everything else is answered at once, also while
a cell runs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from duranb.errors import DuranbError, UsageError
from duranb.timelines.detail import detail
from duranb.timelines.exchange import exchange
from duranb.timelines.model import Model
from duranb.timelines.protocol import CarryOut, Host, Plan

Reply = Callable[[dict[str, Any]], None]


class Rewind(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``rewind``, as the front end may give them."""

    step: str = ""
    before: bool = False
    compensate: bool = False


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``replay``."""

    step: str = ""
    from_: str = ""
    stale: bool = False
    live: bool = False
    with_: dict[str, str] = {}


class Fork(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``fork``."""

    name: str
    at: str = ""


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``switch``."""

    name: str


class Compensate(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``compensate``."""

    step: str


class Resolve(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of ``resolve``."""

    step: str
    happened: bool = False
    not_happened: bool = False
    compensate: bool = False
    result: str = ""


VERBS: dict[str, type[msgspec.Struct]] = {
    "rewind": Rewind,
    "replay": Replay,
    "fork": Fork,
    "switch": Switch,
    "compensate": Compensate,
    "resolve": Resolve,
}


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a verb would do, in sentences; ``warnings`` are what cannot be undone."""

    title: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...]


class Requests:
    """Answers requests about one session. ``carry_out`` is how deeds reach the kernel."""

    def __init__(self, host: Host, model: Model, carry_out: CarryOut) -> None:
        self._host = host
        self._model = model
        self._carry_out = carry_out
        self._waiting: set[str] = set()

    def answer(self, request: dict[str, Any], reply: Reply) -> None:
        """Answer through ``reply``, at once or when the deed is done, perhaps on another thread."""
        number, verb = request.get("id"), request.get("verb")
        handler = _HANDLERS.get(str(verb))
        try:
            if handler is None:
                raise UsageError(f"the timeline has no request {verb!r}")
            result = handler(self, request)
        except Exception as error:
            reply({"id": number, "error": sentence(error)})
            return
        if isinstance(result, Future):
            result.add_done_callback(lambda done: reply({"id": number, **_outcome(done)}))
        else:
            reply({"id": number, "result": result})

    def _rows(self, request: dict[str, Any]) -> object:
        return self._model.since(int(request.get("since", -1)))

    def _detail(self, request: dict[str, Any]) -> object:
        with self._host.lock:
            return detail(self._host.history, self._host.artifacts, int(request["execution"]))

    def _call(self, request: dict[str, Any]) -> object:
        with self._host.lock:
            call = self._host.history.calls.get(int(request["call"]))
        if call is None:
            raise UsageError(f"there is no call {request['call']}")
        return exchange(call, self._host.artifacts)

    def _plan(self, request: dict[str, Any]) -> object:
        return _shown(self._make_plan(request))

    def _apply(self, request: dict[str, Any]) -> Future[str]:
        """Carry out what was planned, unless it would do more harm by now than was shown, or was
        withdrawn while it waited for the running cell."""
        seen = set(request.get("warnings", ()))
        token = str(request.get("token", request.get("id")))
        self._waiting.add(token)

        async def deed() -> str:
            if token not in self._waiting:
                raise UsageError("withdrawn before it began: nothing was done")
            self._waiting.discard(token)
            plan = self._make_plan(request)
            new = [w for w in plan.warnings if w not in seen]
            if new:
                raise UsageError(f"nothing was done, as things have changed: {'; '.join(new)}")
            return await plan.apply()

        return self._carry_out(deed)

    def _withdraw(self, request: dict[str, Any]) -> bool:
        """Whether what was asked for under ``token`` had not begun, and now never will."""
        token = str(request.get("token"))
        waits = token in self._waiting
        self._waiting.discard(token)
        return waits

    def _make_plan(self, request: dict[str, Any]) -> Plan:
        verb = str(request.get("do"))
        if verb not in VERBS:
            raise UsageError(f"the timeline does not do {verb!r}")
        try:
            given = msgspec.convert(request.get("arguments", {}), VERBS[verb])
        except msgspec.ValidationError as error:
            raise UsageError(f"{verb}: {error}") from error
        return self._host.plan(verb, **msgspec.structs.asdict(given))

    def _answer(self, request: dict[str, Any]) -> str:
        return self._host.answer(int(request["call"]), request.get("value"))


_HANDLERS: dict[str, Callable[[Requests, dict[str, Any]], object]] = {
    "rows": Requests._rows,
    "detail": Requests._detail,
    "call": Requests._call,
    "plan": Requests._plan,
    "apply": Requests._apply,
    "withdraw": Requests._withdraw,
    "answer": Requests._answer,
}


def sentence(error: BaseException) -> str:
    """An error for the page: duranb's own say it all, others come with their type."""
    if isinstance(error, DuranbError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _shown(plan: Plan) -> Planned:
    return Planned(title=plan.title, lines=plan.lines, warnings=plan.warnings)


def _outcome(done: Future[str]) -> dict[str, Any]:
    if done.cancelled():
        return {"error": "it was interrupted before it began: nothing was done"}
    error = done.exception()
    return {"error": sentence(error)} if error else {"result": done.result()}
