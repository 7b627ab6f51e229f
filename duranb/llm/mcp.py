"""Tool calls of MCP clients are effects, and what they read is recorded.

Every client of the ``mcp`` package, and of the frameworks built on it, sends its requests through
``ClientSession.send_request``, whatever the transport. What a tool says of itself decides: one with
``readOnlyHint`` is read from, one with ``idempotentHint`` may be called again with the same key
(``_meta`` carries it), any other is in doubt when nobody knows whether it was carried out. Prompts,
resources and lists are reads, answered from the journal like other requests.

Connecting is not: a session that is to be used has to be real, and tells which server it reached.
Only where nothing may be sent (a strict replay), or nobody answers, is it the recorded one.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import wrapt

from duranb.engine import context as ctx, effects, scopes, ways
from duranb.engine.claim import Claim
from duranb.engine.flows import Act, Flow, arun
from duranb.engine.operations import Operation, perform
from duranb.engine.retry import cause_of
from duranb.record.kinds import Kind
from duranb.record.model import Cause
from duranb.text.credentials import learn_fields

KEY = "duranb/idempotency-key"
"""Under which name of a request's ``_meta`` a server finds the idempotency key of an effect."""

_CONNECTING = frozenset({"initialize"})
_PASSING = frozenset({"logging/setLevel", "ping", "resources/subscribe", "resources/unsubscribe"})
"""Requests that only concern the connection itself."""

_READS = ("completion/", "prompts/", "resources/", "tasks/get", "tasks/list", "tasks/result")
"""How the methods begin that change nothing. What is unknown might."""

_TRANSPORTS = frozenset({"mcp.client.sse", "mcp.client.streamable_http", "mcp.client.websocket"})

_UNTOLD = ("_meta", "inputResponses", "requestState")
"""Parameters that do not say which call it is: the rounds in which a server asks the client for
input before it does anything are one call."""


def watch() -> None:
    """Record the requests of MCP sessions, now or when ``mcp`` is imported."""
    if not _State.watching:
        _State.watching = True
        wrapt.register_post_import_hook(_hook_session, "mcp.client.session")
        wrapt.register_post_import_hook(_hook_stdio, "mcp.client.stdio")


def transports() -> bool:
    """Whether the code that runs is an MCP transport's: its messages are recorded as what they are,
    and not once more as requests."""
    if "mcp" not in sys.modules:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") in _TRANSPORTS:
            return True
        frame = frame.f_back
    return False


class _State:
    watching = False


@dataclass
class _Known:
    """What a session has told so far. ``tools`` are the annotations by name, and None before the
    first listing. ``absent`` is why nobody is there, when its start is the recorded one."""

    server: str = ""
    tools: dict[str, Mapping[str, Any]] | None = None
    absent: Exception | None = None

    def note(self, method: str, result: Mapping[str, Any]) -> None:
        """Take in what an answer tells."""
        if method == "initialize":
            self.server = str(result.get("serverInfo", {}).get("name", ""))
        elif method == "tools/list":
            listed = {t["name"]: t.get("annotations") or {} for t in result.get("tools", ())}
            self.tools = {**(self.tools or {}), **listed}


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


class ToolFailed(Exception):
    """A tool answered that it failed, or that it needs input first: nothing to rely on later."""

    def __init__(self, result: Any, value: Any) -> None:
        super().__init__(_text(value) or "the server asks for input first")
        self.result = result


class NotSent(Exception):
    """Nobody is there to carry it out, so it surely was not."""


# -- the hooks -----------------------------------------------------------------------------------


def _hook_session(module: ModuleType) -> None:
    found: Any = module
    cls = found.ClientSession
    send, notify = cls.send_request, cls.send_notification
    discover: Any = getattr(cls, "send_discover", None)  # from version 2 on

    @functools.wraps(send)
    async def send_request(
        session: Any, request: Any, result_type: Any, *more: Any, **options: Any
    ) -> Any:
        asked = _Request(session, request, result_type)
        asked.send = lambda request: send(session, request, result_type, *more, **options)
        return await asked.answer()

    @functools.wraps(notify)
    async def send_notification(session: Any, *arguments: Any, **options: Any) -> None:
        here = ctx.current()
        if here is None or not here.journal.strict:
            await notify(session, *arguments, **options)

    @functools.wraps(discover or notify)
    async def send_discover(session: Any, version: str) -> Any:
        here = ctx.current()
        if here is None:
            return await discover(session, version)

        async def live() -> Any:
            try:
                return {"result": await discover(session, version)}
            except Exception as error:
                refusal = getattr(error, "error", None)
                if cause_of(error, answered=False) is Cause.TRANSPORT or refusal is None:
                    raise
                return {"error": _dumped(refusal)}  # servers of earlier versions do not know it

        key = Kind.READ.key("mcp", "server/discover", version)
        value = await arun(_connect(here, session, key, "server/discover", live))
        if "error" in value:
            raise found.MCPError(**value["error"])
        return value["result"]

    cls.send_request, cls.send_notification = send_request, send_notification
    if discover is not None:
        cls.send_discover = send_discover


def _hook_stdio(module: ModuleType) -> None:
    """In a strict replay no server is started: its place takes a process that says nothing."""
    found: Any = module
    start = getattr(found, "_create_platform_compatible_process", None)
    if start is None:
        return

    @functools.wraps(start)
    async def started(command: str, args: list[str], *more: Any, **options: Any) -> Any:
        here = ctx.current()
        if here is not None and here.journal.strict:
            command, args = sys.executable, ["-I", "-S", "-c", "import sys; sys.stdin.read()"]
        with ways.part_of(ways.Recorded()):  # what goes through it is
            return await start(command, args, *more, **options)

    found._create_platform_compatible_process = started


# -- one request ---------------------------------------------------------------------------------


class _Request:
    """A request of a session. ``send`` sends one past our hook, and gives its typed result."""

    send: Callable[[Any], Any]

    def __init__(self, session: Any, request: Any, result_type: Any) -> None:
        self._session = session
        self._request = request
        self._type = result_type
        self._told = request.model_dump(by_alias=True, mode="json", exclude_none=True)
        self._params: dict[str, Any] = self._told.get("params") or {}
        self.method: str = self._told["method"]
        learn_fields(self._params, f"an argument of {self.method},")
        self._known = _known.setdefault(session, _Known())

    async def answer(self) -> Any:
        """The typed result: recorded, or made and recorded. Raises what the session raises, and
        what :func:`duranb.engine.operations.perform` does."""
        here = ctx.current()
        if here is None:
            return await self._outside()
        if self.method in _PASSING:
            return self._typed({}) if here.journal.strict else await self.send(self._request)
        if self.method in _CONNECTING:
            key = Kind.READ.key("mcp", self.method, self._identity())
            value = await arun(_connect(here, self._session, key, self.method, self._made))
        else:
            try:
                value = await self._recorded(here)
            except ToolFailed as failed:
                return failed.result
        self._known.note(self.method, value)
        return self._typed(value)

    async def _recorded(self, here: ctx.StepContext) -> Any:
        if self._reads():
            return await self._read(here)
        tool = await self._annotations(here) if self.method == "tools/call" else {}
        if tool.get("readOnlyHint"):
            return await self._read(here)
        return await self._carry_out(here, bool(tool.get("idempotentHint")))

    async def _outside(self) -> Any:
        """No step asks: nothing is recorded, but what is told is noted."""
        if self.method not in _CONNECTING | _PASSING and not self._reads():
            effects.refuse_in_replay(self._name())
        result = await self.send(self._request)
        self._known.note(self.method, _dumped(result))
        return result

    async def _made(self, request: Any = None) -> Any:
        """The answer as it came over the wire, if it is one to rely on."""
        result = await self.send(request or self._request)
        value = _dumped(result)
        if value.get("isError") or value.get("resultType") == "input_required":
            raise ToolFailed(result, value)
        return value

    async def _read(self, here: ctx.StepContext) -> Any:
        if ctx.in_effect():
            return await self._made()

        async def look() -> Any:
            if self._known.absent is not None:
                raise self._known.absent
            return await self._made()

        operation = self._operation(here, Kind.READ)
        return await arun(perform(here.journal, operation, lambda claim, key: Act(look)))

    async def _carry_out(self, here: ctx.StepContext, idempotent: bool) -> Any:
        async def deed(key: str) -> Any:
            if self._known.absent is not None:
                raise NotSent(f"the server did not answer: {self._known.absent}")
            return await self._made(self._with_key(key))

        def make(claim: Claim, key: str) -> effects.Carried:
            where = scopes.Inside(here, claim.attempt, key)
            return effects.Carried(where, functools.partial(deed, key), deed)

        operation = self._operation(here, Kind.EFFECT, idempotent=idempotent)
        try:
            return await arun(perform(here.journal, operation, make))
        except NotSent as error:
            raise self._known.absent or error from None

    def _operation(
        self, here: ctx.StepContext, kind: Kind, *, idempotent: bool = False
    ) -> Operation:
        """The same key whatever a tool says of itself: that may not be known in a replay."""
        given = self._params.get("arguments") or {}
        shown = effects.preview_of((), given) or str(self._params.get("uri", ""))
        name = self._name()
        return Operation(
            kind,
            name,
            Kind.EFFECT.key("mcp", self._server(), self.method, self._identity()),
            idempotent=idempotent,
            preview=shown,
            outcome=lambda value: shown or _text(value),
            explain=lambda: effects.difference(here, name, shown),
        )

    # -- what it is ------------------------------------------------------------------------

    def _reads(self) -> bool:
        return self.method == "tools/list" or self.method.startswith(_READS)

    def _server(self) -> str:
        """The name that the server gives itself."""
        info = getattr(self._session, "server_info", None)
        return str(info.name) if info is not None else self._known.server

    def _name(self) -> str:
        """Under which name it is recorded: ``SERVER.TOOL``, or the method and what it is about."""
        what = str(self._params.get("name", ""))
        if self.method == "tools/call":
            return f"{self._server()}.{what}".strip(".")
        return f"{self._server()} {self.method} {what}".strip()

    def _identity(self) -> str:
        told = {k: v for k, v in self._params.items() if k not in _UNTOLD}
        return json.dumps(told, sort_keys=True, ensure_ascii=False)

    def _typed(self, value: Any) -> Any:
        if hasattr(self._type, "validate_python"):
            return self._type.validate_python(value)
        return self._type.model_validate(value)

    def _with_key(self, key: str) -> Any:
        """The request that tells the server the idempotency key."""
        meta = {**(self._params.get("_meta") or {}), KEY: key}
        told = {**self._told, "params": {**self._params, "_meta": meta}}
        return type(self._request).model_validate(told)

    async def _annotations(self, here: ctx.StepContext) -> Mapping[str, Any]:
        """What the tool says of itself. A client that has not listed the tools gets them listed,
        unless nothing may be sent: then all that counts is what is recorded."""
        name = self._params.get("name", "")
        cursor: Any = None
        while not here.journal.strict and name not in (self._known.tools or {}):
            if self._known.tools is not None and cursor is None:
                break  # listed, and not among them
            cursor = await self._list(cursor)
            if cursor is None:
                break
        return (self._known.tools or {}).get(name, {})

    async def _list(self, cursor: str | None) -> Any:
        """One page of the server's tools; the cursor of the next."""
        from mcp import types

        listing: Any = self._session.list_tools
        if cursor is None:
            found = await listing()
        elif "params" in inspect.signature(listing).parameters:
            found = await listing(params=types.PaginatedRequestParams(cursor=cursor))
        else:
            found = await listing(cursor)
        return _dumped(found).get("nextCursor")


def _connect(
    here: ctx.StepContext, session: Any, key: str, name: str, live: Callable[[], Any]
) -> Flow[Any]:
    """The answer to what opens a session: live, and recorded for where it cannot be."""
    journal = here.journal
    other = journal.of_another_step(Kind.READ, key) if journal.strict else None
    if other is not None and other.result is not None:  # a process keeps its sessions between steps
        return journal.values.load_value(other.result)
    claim = journal.claim(Kind.READ, key, f"mcp {name}")
    if claim is None:  # inside an effect
        return (yield Act(live))
    if journal.strict:
        return claim.value()
    recorded = claim.recorded.result if claim.settled and claim.recorded else None
    try:
        value = yield Act(live)
    except BaseException as error:
        if recorded is None:
            claim.release()
            raise
        if not isinstance(error, Exception):
            raise
        _known.setdefault(session, _Known()).absent = error
        return claim.value()
    if recorded is None or journal.values.load_value(recorded) != value:
        yield from claim.complete(value=value)
    return value


def _dumped(result: Any) -> dict[str, Any]:
    """A result as it came over the wire."""
    return result.model_dump(by_alias=True, mode="json", exclude_unset=True)  # type: ignore[no-any-return]


def _text(value: Any) -> str:
    """What a result says, in short."""
    found = value.get("content") or value.get("contents") or value.get("messages") or ()
    texts = [part.get("text", "") for part in found if isinstance(part, dict)]
    return " ".join(filter(None, texts))[:200]
