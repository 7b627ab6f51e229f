"""Spans of what happens now, where the user's process has an OpenTelemetry SDK configured.

A step's attempt is a span, and the current one for the code inside, so that the user's own spans
lie in it; each call is one under whatever was current where it was made, in tasks and threads too.
Only what really happens is emitted: a restored step and a call that is answered from the journal
are none. Without an SDK this looks for one and does nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from duranb.record import spans
from duranb.record.model import Call

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer


def _tracer() -> Tracer | None:
    """Where spans go, or None: nobody has imported OpenTelemetry, or given it an SDK."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    provider = trace.get_tracer_provider()
    if type(provider) in (trace.ProxyTracerProvider, trace.NoOpTracerProvider):
        return None
    known = _tracers.get(id(provider))
    if known is None or known[0] is not provider:
        known = _tracers[id(provider)] = provider, provider.get_tracer("duranb")
    return known[1]


_tracers: dict[int, tuple[object, Tracer]] = {}
"""The tracer of each provider: making one costs as much as a span."""


@dataclass
class Current:
    """The span of an attempt while it lasts."""

    span: Any
    context: Context
    token: Any

    @classmethod
    def begin(
        cls, step: str, execution: int, attempt: int, run: str, branch: str
    ) -> Current | None:
        """Begin it, and make it the current one of this context; None where nobody traces."""
        tracer = _tracer()
        if tracer is None:
            return None
        from opentelemetry import context, trace

        about = spans.about_step(step, execution, attempt, run, branch)
        span = tracer.start_span(spans.name_of_step(step), attributes=about)
        inside = trace.set_span_in_context(span)
        return cls(span, inside, context.attach(inside))

    def end(self, error: BaseException | None) -> None:
        """End it; ``error`` is what the attempt failed with."""
        from opentelemetry import context
        from opentelemetry.trace import Status, StatusCode

        if context.get_current() is self.context:  # a cell's task may have ended in another one
            context.detach(self.token)
        if error is not None:
            self.span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            self.span.record_exception(error)
        self.span.end()


def here(step: Current | None) -> Context | None:
    """What a call that begins here is a part of: the span that is current, else that of its
    ``step``. None where nobody traces."""
    if _tracer() is None:
        return None
    from opentelemetry import context, trace

    now = context.get_current()
    if step is not None and not trace.get_current_span(now).get_span_context().is_valid:
        return step.context  # a thread that was there before the step
    return now


def made(call: Call, within: Context | None) -> None:
    """A call was made, and is recorded: emit its span, ``within`` what :func:`here` gave."""
    tracer = None if within is None else _tracer()
    if tracer is None:
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode

    what = spans.of_call(call)
    span = tracer.start_span(
        what.name,
        context=within,
        kind=SpanKind.CLIENT if what.client else SpanKind.INTERNAL,
        attributes=what.attributes,
        start_time=what.started * 1000,
    )
    if what.error is not None:
        span.set_attribute("error.type", what.error[0])
        span.set_status(Status(StatusCode.ERROR, what.error[1]))
    span.end(end_time=what.ended * 1000)
