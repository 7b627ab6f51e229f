"""What was done, as spans: in the words of OpenTelemetry's conventions for generative AI.

Made of the history's own objects, for whoever traces a run while it goes on
(:mod:`duranb.engine.tracing`) and for whoever exports it afterwards (:mod:`duranb.views.traces`).
Names of attributes: https://opentelemetry.io/docs/specs/semconv/gen-ai/.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from duranb.record.events import ErrorInfo
from duranb.record.kinds import Kind
from duranb.record.model import Attempt, Call, CallStatus, Execution, Status

Attribute: TypeAlias = str | int | float | bool


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span. Times are microseconds since the epoch, UTC; ``client`` says that it is a request
    to somebody else; ``error`` is a type and a message, or empty."""

    name: str
    started: int
    ended: int
    client: bool = False
    attributes: dict[str, Attribute] = {}
    error: tuple[str, str] | None = None


_MODELS = {
    "chat": ("chat", "openai"),
    "respond": ("chat", "openai"),
    "message": ("chat", "anthropic"),
    "generate": ("generate_content", "gcp.gemini"),
    "complete": ("text_completion", "openai"),
    "embed": ("embeddings", ""),
}
"""By the first word of a call's name: the operation, and whose way of speaking it is."""


def of_call(call: Call) -> Span:
    """A call that was made."""
    operation, name, more = _operation(call)
    attributes: dict[str, Attribute] = {
        "duranb.step": call.step,
        "duranb.execution": call.execution,
        "duranb.attempt": call.attempt,
        "duranb.call": call.id,
        "duranb.call.kind": call.kind.value,
    }
    if operation:
        attributes["gen_ai.operation.name"] = operation
    if call.http_status:
        attributes["http.response.status_code"] = call.http_status
    if call.status is CallStatus.REJECTED:
        attributes["duranb.rejected"] = call.reason
    return Span(
        name=name,
        started=call.started,
        ended=call.ended or call.started,
        client=call.kind in (Kind.LLM, Kind.HTTP, Kind.READ),
        attributes=attributes | more,
        error=_error(call.error),
    )


def _operation(call: Call) -> tuple[str, str, dict[str, Attribute]]:
    """The operation's name, the span's, and what else is known."""
    if call.kind is Kind.EFFECT:
        return "execute_tool", f"execute_tool {call.name}", {"gen_ai.tool.name": call.name}
    if call.kind is not Kind.LLM:
        return "", call.name if call.kind is not Kind.MAP else f"item of {call.name}", {}
    verb, _, model = call.name.partition(" ")
    operation, provider = _MODELS.get(verb, ("chat", ""))
    known: dict[str, Attribute] = {"gen_ai.request.model": model} if model else {}
    if provider:
        known["gen_ai.provider.name"] = provider
    usage = call.usage
    if usage is not None:
        known["gen_ai.usage.input_tokens"] = usage.input_tokens
        known["gen_ai.usage.output_tokens"] = usage.output_tokens
        if usage.model:
            known["gen_ai.response.model"] = usage.model
        if usage.cached_tokens:
            known["gen_ai.usage.cache_read.input_tokens"] = usage.cached_tokens
        if usage.priced:
            known["duranb.cost.usd"] = usage.cost
    return operation, f"{operation} {model}".rstrip(), known


def of_attempt(this: Execution, attempt: Attempt) -> Span:
    """One attempt of an execution."""
    failed = _error(attempt.error)
    if failed is None and this.status is Status.FAILED and attempt is this.attempts[-1]:
        failed = _error(this.error)
    return Span(
        name=name_of_step(this.step),
        started=attempt.started,
        ended=attempt.ended or this.ended or attempt.started,
        attributes=about_step(this.step, this.id, attempt.number, this.run, this.branch),
        error=failed,
    )


def name_of_step(step: str) -> str:
    """How the span of a step is called."""
    return f"step {step}"


def about_step(
    step: str, execution: int, attempt: int, run: str, branch: str
) -> dict[str, Attribute]:
    """The attributes of a step's span."""
    return {
        "duranb.step": step,
        "duranb.execution": execution,
        "duranb.attempt": attempt,
        "duranb.run": run,
        "duranb.branch": branch,
    }


def _error(error: ErrorInfo | None) -> tuple[str, str] | None:
    return None if error is None else (error.type, error.message)
