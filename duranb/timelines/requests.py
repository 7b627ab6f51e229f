"""Answers the front end's requests: a dictionary in, a dictionary out.

A request is ``{"id": …, "verb": …, …}``, the reply carries the same id: ``{"id", "result"}`` or
``{"id", "error"}`` with a sentence. What changes the notebook is shown first, and then carried
out on the kernel's main thread between two cells; everything else is answered at once, also while
a cell runs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from duranb.errors import DuranbError, UsageError
from duranb.session.change import Change
from duranb.timelines.columns import sent
from duranb.timelines.detail import detail
from duranb.timelines.exchange import exchange
from duranb.timelines.model import Model
from duranb.timelines.protocol import CarryOut, Host
from duranb.verbs.declaration import Acts, Changes, Verb
from duranb.verbs.table import VERBS

Reply = Callable[[dict[str, Any]], None]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
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
        return sent(self._model.since(int(request.get("since", -1))))

    def _detail(self, request: dict[str, Any]) -> object:
        with self._host.lock:
            return detail(self._host.history, self._host.artifacts, int(request["execution"]))

    def _call(self, request: dict[str, Any]) -> object:
        with self._host.lock:
            call = self._host.history.calls.get(int(request["call"]))
        if call is None:
            raise UsageError(f"there is no call {request['call']}")
        return exchange(call, self._host.artifacts)

    def _preview(self, request: dict[str, Any]) -> Preview:
        change = self._change(request)
        return Preview(title=change.title, lines=change.lines, warnings=change.warnings)

    def _apply(self, request: dict[str, Any]) -> Future[str]:
        """Carry out what was shown, unless it would do more harm by now than was shown, or was
        withdrawn while it waited for the running cell."""
        seen = set(request.get("warnings", ()))
        token = str(request.get("token", request.get("id")))
        self._waiting.add(token)

        async def deed() -> str:
            if token not in self._waiting:
                raise UsageError("withdrawn before it began: nothing was done")
            self._waiting.discard(token)
            change = self._change(request)
            new = [w for w in change.warnings if w not in seen]
            if new:
                raise UsageError(f"nothing was done, as things have changed: {'; '.join(new)}")
            return await change.apply()

        return self._carry_out(deed)

    def _withdraw(self, request: dict[str, Any]) -> bool:
        """Whether what was asked for under ``token`` had not begun, and now never will."""
        token = str(request.get("token"))
        waits = token in self._waiting
        self._waiting.discard(token)
        return waits

    def _change(self, request: dict[str, Any]) -> Change:
        verb = _given(request)
        if not isinstance(verb, Changes):
            raise UsageError(f"{verb.word()} changes nothing that could be shown before")
        return self._host.change(verb)

    def _act(self, request: dict[str, Any]) -> str:
        verb = _given(request)
        if not isinstance(verb, Acts):
            raise UsageError(f"{verb.word()} is not done at once")
        return self._host.act(verb)


def _given(request: dict[str, Any]) -> Verb:
    """The verb that a request is about, with its arguments."""
    word = str(request.get("do"))
    if word not in VERBS:
        raise UsageError(f"the timeline does not do {word!r}")
    try:
        return msgspec.convert(request.get("arguments", {}), VERBS[word])
    except msgspec.ValidationError as error:
        raise UsageError(f"{word}: {error}") from error


_HANDLERS: dict[str, Callable[[Requests, dict[str, Any]], object]] = {
    "rows": Requests._rows,
    "detail": Requests._detail,
    "call": Requests._call,
    "preview": Requests._preview,
    "apply": Requests._apply,
    "withdraw": Requests._withdraw,
    "act": Requests._act,
}


def sentence(error: BaseException) -> str:
    """An error for the page: duranb's own say it all, others come with their type."""
    if isinstance(error, DuranbError):
        return error.message
    return f"{type(error).__name__}: {error}"


def _outcome(done: Future[str]) -> dict[str, Any]:
    if done.cancelled():
        return {"error": "it was interrupted before it began: nothing was done"}
    error = done.exception()
    return {"error": sentence(error)} if error else {"result": done.result()}
