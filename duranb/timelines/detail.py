"""A look into one execution, on request: code, inputs and outputs, calls, attempts, differences.

Values are shown by the previews recorded when they were stored; nothing is unpickled. Recorded
output messages and HTTP exchanges are read as the JSON and text that they are.
"""

from __future__ import annotations

import difflib
from typing import Any

import msgspec

from duranb.errors import DuranbError
from duranb.record.artifacts import Artifacts
from duranb.record.events import Binding, ErrorInfo
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.record.model import Attempt, Call, CallStatus, Execution, Origin
from duranb.record.ways import account
from duranb.terminal import uncolored
from duranb.timelines.asked import Asked, open_questions

MOST_TEXT = 60_000
"""Characters of one text (a source, a printed output, a message) that are sent."""

MOST_CALLS = 500
"""Calls listed for one execution."""

MOST_MESSAGES = 100
"""Output messages shown for one execution."""


class Name(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A variable or parameter. ``moved`` says that it has another version now; ``by`` is the
    execution it came from; ``why`` is set where the value could not be stored."""

    name: str
    type: str = ""
    preview: str = ""
    size: int = 0
    version: str = ""
    moved: bool = False
    by: int = 0
    by_step: str = ""
    why: str = ""


class CallLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call as the inspector lists it; its exchange is another request."""

    id: int
    kind: Kind
    name: str
    status: CallStatus
    attempt: int
    occurrence: int
    started: int = 0
    ended: int = 0
    served: bool = False
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    priced: bool = False
    streamed: bool = False
    http_status: int = 0
    preview: str = ""
    result: str = ""
    error: str = ""
    reason: str = ""
    idempotency_key: str = ""
    idempotent: bool = False
    compensate: str = ""
    exchange: bool = False


class AttemptDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt with its traceback; ``wait`` is in seconds, -1 when nothing followed."""

    number: int
    started: int
    ended: int = 0
    cause: str = ""
    wait: float = -1.0
    type: str = ""
    message: str = ""
    traceback: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an execution differs from the one of the same step before it."""

    execution: int
    code: list[str] = []
    inputs: list[str] = []
    uses: list[str] = []
    outputs: list[str] = []


class Printed(msgspec.Struct, frozen=True, kw_only=True):
    """Text that a step printed to ``stdout`` or ``stderr``."""

    stream: str
    text: str


class Displayed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a step displayed, by its MIME type: those that the inspector can show."""

    data: dict[str, str]


class Detail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All there is to see of one execution."""

    id: int
    step: str
    why: str
    source: str = ""
    snapshot: int = 0
    before: int = 0
    fingerprint: str = ""
    options: dict[str, Any] = {}
    uses: list[str] = []
    inputs: list[Name] = []
    outputs: list[Name] = []
    deleted: list[str] = []
    unstored: dict[str, str] = {}
    result: Name | None = None
    messages: list[Printed | Displayed] = []
    messages_note: str = ""
    calls: list[CallLine] = []
    calls_left: int = 0
    attempts: list[AttemptDetail] = []
    error: ErrorInfo | None = None
    undo: str = ""
    questions: list[Asked] = []
    difference: Difference | None = None


def detail(history: History, artifacts: Artifacts, number: int) -> Detail:
    """What the inspector shows of execution ``number``. Raises :class:`DuranbError` if none."""
    this = history.find(f"@{number}")
    done = history.executions.get(this.of, this)
    messages, note = _messages(artifacts, this.messages)
    calls, left = _calls(history, this, done)
    return Detail(
        id=this.id,
        step=this.step,
        why=why(history, this) + _unrecorded(this),
        source=_cut(this.source),
        snapshot=this.snapshot,
        before=this.before,
        fingerprint=this.fingerprint,
        options={k: v for k, v in this.options.items() if v not in (None, "", False, [], {}, 0)},
        uses=sorted(this.uses),
        inputs=_inputs(history, this),
        outputs=sorted((_named(n, b) for n, b in this.outputs.items()), key=_is_code),
        deleted=list(this.deleted),
        unstored=this.unstored,
        result=_named(this.result_name, this.result) if this.result else None,
        messages=messages,
        messages_note=note,
        calls=calls,
        calls_left=left,
        attempts=[_attempt(a) for a in done.attempts],
        error=this.error,
        undo=_cut(history.compensations.get(this.step, "")),
        questions=open_questions(history, this.id, artifacts),
        difference=difference(history, done),
    )


def why(history: History, this: Execution) -> str:
    """Why it ran, or why it did not have to, as a sentence."""
    if this.origin is Origin.RESTORED and this.of:
        return f"nothing ran: code, inputs and options are those of execution {this.of}"
    if this.origin is Origin.RESTORED:
        return f"nothing ran: {this.reason}"
    if this.compensates:
        undone = history.executions.get(this.compensates)
        return f"undoes {undone.step if undone else 'a step'}, execution {this.compensates}"
    if this.replays:
        return f"replays execution {this.replays}" + (f": {this.reason}" if this.reason else "")
    return this.reason


def _unrecorded(this: Execution) -> str:
    """A sentence on what left it by ways that nobody records."""
    return f". When it ran: {account(this.unrecorded)}" if this.unrecorded else ""


def difference(history: History, this: Execution) -> Difference | None:
    """What changed since the execution of the step before this one; None for the first."""
    old = history.previous(this)
    if old is None:
        return None
    code = difflib.unified_diff(old.source.splitlines(), this.source.splitlines(), lineterm="", n=2)
    return Difference(
        execution=old.id,
        code=list(code)[2:],
        inputs=_changed(old.inputs, this.inputs),
        uses=_changed(old.uses, this.uses),
        outputs=_changed(_made(old), _made(this)),
    )


def _made(this: Execution) -> dict[str, str]:
    """The versions of what it bound, and of its result: all that a function step has."""
    made = {name: binding.version for name, binding in this.outputs.items()}
    return {**made, "the result": this.result.version} if this.result else made


def _changed(old: dict[str, str], new: dict[str, str]) -> list[str]:
    return sorted(n for n in old.keys() | new.keys() if old.get(n) != new.get(n))


def _cut(text: str) -> str:
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[:MOST_TEXT]}\n… {len(text) - MOST_TEXT:,} more characters"


def _named(name: str, binding: Binding, **more: Any) -> Name:
    return Name(
        name=name,
        type=binding.type,
        preview=binding.preview,
        size=binding.size,
        version=binding.version,
        why=binding.why,
        **more,
    )


def _is_code(name: Name) -> bool:
    """Whether it is a function, a class or a module: those are listed after the data."""
    return name.type in ("function", "type", "module") or name.type.endswith(("Meta", "ABCMeta"))


def _inputs(history: History, this: Execution) -> list[Name]:
    """What it read, as it was, and which step each came from."""
    names = []
    for name, version in this.inputs.items():
        now = history.binding(name)
        moved = now is not None and now.version != version
        source = history.bound_at(name, this.before)
        if source is None or source.changed[name].version != version:
            names.append(Name(name=name, version=version, moved=moved))
            continue
        by = history.executions.get(source.execution)
        step = by.step if by else ""
        binding = source.changed[name]
        names.append(_named(name, binding, moved=moved, by=by.id if by else 0, by_step=step))
    return names


def _calls(history: History, this: Execution, done: Execution) -> tuple[list[CallLine], int]:
    """The first of its calls, those from the journal included, in the order they were first made;
    and how many more there are."""
    served = {i for i in done.served if i in history.calls}
    ids = sorted(served.union(history.ids_of_calls(done.id)))
    restored = this.origin is Origin.RESTORED
    shown = [_call(history.calls[i], served=restored or i in served) for i in ids[:MOST_CALLS]]
    return shown, len(ids) - len(shown)


def _call(call: Call, *, served: bool) -> CallLine:
    used = call.usage
    error = call.error
    return CallLine(
        id=call.id,
        kind=call.kind,
        name=call.name,
        status=call.status,
        attempt=call.attempt,
        occurrence=call.occurrence,
        started=call.started,
        ended=call.ended,
        served=served,
        model=used.model if used else "",
        input_tokens=used.input_tokens if used else 0,
        output_tokens=used.output_tokens if used else 0,
        cached_tokens=used.cached_tokens if used else 0,
        cost=used.cost if used else 0.0,
        priced=used.priced if used else False,
        streamed=call.streamed,
        http_status=call.http_status,
        preview=call.preview,
        result=call.result.preview if call.result and not error else "",
        error=f"{error.type}: {error.message}"[:2000] if error else "",
        reason=call.reason,
        idempotency_key=call.idempotency_key,
        idempotent=call.idempotent,
        compensate=call.compensate,
        exchange=bool(call.response),
    )


def _attempt(attempt: Attempt) -> AttemptDetail:
    error = attempt.error
    return AttemptDetail(
        number=attempt.number,
        started=attempt.started,
        ended=attempt.ended,
        cause=attempt.cause.value if attempt.cause else "",
        wait=attempt.wait,
        type=error.type if error else "",
        message=_cut(error.message) if error else "",
        traceback=_cut(error.traceback) if error else "",
    )


def _messages(artifacts: Artifacts, digest: str) -> tuple[list[Printed | Displayed], str]:
    """What the step put out, and a sentence about what of it cannot be shown."""
    if not digest:
        return [], ""
    try:
        found = msgspec.json.decode(artifacts.get(digest), type=list[dict[str, Any]])
    except DuranbError as error:
        return [], error.message
    shown = [_message(m) for m in _settled(found)]
    left = len(shown) - MOST_MESSAGES
    return shown[:MOST_MESSAGES], f"{left} more outputs are in the history" if left > 0 else ""


_IN_THE_OUTPUT_AREA = frozenset(
    {"stream", "display_data", "execute_result", "update_display_data", "clear_output", "error"}
)


def _settled(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The output area these messages leave behind: what was cleared is gone, updates are in."""
    left: list[dict[str, Any]] = []
    clear = False
    for message in messages:
        kind, content = message.get("type"), message.get("content", {})
        if kind not in _IN_THE_OUTPUT_AREA:
            continue
        if kind == "clear_output":
            clear = True
            if not content.get("wait"):
                left.clear()
                clear = False
            continue
        if clear:
            left.clear()
            clear = False
        if kind == "update_display_data":
            _update(left, content)
        else:
            left.append(message)
    return left


def _update(messages: list[dict[str, Any]], content: dict[str, Any]) -> None:
    display = content.get("transient", {}).get("display_id")
    for index, old in enumerate(messages):
        if display and old.get("content", {}).get("transient", {}).get("display_id") == display:
            messages[index] = {**old, "content": content}


def _message(message: dict[str, Any]) -> Printed | Displayed:
    content = message.get("content", {})
    if message.get("type") == "stream":
        return Printed(stream=content.get("name", "stdout"), text=_cut(content.get("text", "")))
    if message.get("type") == "error":
        return Printed(stream="stderr", text=_cut(uncolored("\n".join(content["traceback"]))))
    data = content.get("data", {})
    kept = {k: data[k] for k in ("text/html", "text/plain", "image/png", "image/jpeg") if k in data}
    kept = {k: "".join(v) if isinstance(v, list) else v for k, v in kept.items()}
    if kept.keys() & {"image/png", "image/jpeg"}:
        kept.pop("text/html", None)
    return Displayed(data={k: v if k.startswith("image/") else _cut(v) for k, v in kept.items()})
