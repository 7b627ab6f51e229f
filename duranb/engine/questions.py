"""``duranb.ask``: a question whose answer is journaled, so that nothing has to run again for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import blake3
import msgspec

from duranb.engine import awaited, context as ctx, forms, inbox, waits
from duranb.engine.claim import Claim, now_us
from duranb.engine.flows import NOT_YET, Flow, Polled
from duranb.engine.forms import Form
from duranb.engine.operations import Operation, perform
from duranb.engine.runtime import Shown
from duranb.errors import Expired, UsageError
from duranb.record import events as e, question as asked
from duranb.record.kinds import Kind
from duranb.text import answers, given

replace = msgspec.structs.replace

NOTHING: Any = object()
"""Stands for "no payload to approve"."""


@dataclass(frozen=True)
class Approval:
    """What became of a payload; false where it was denied.

    ``payload`` is what was approved, as it was or as it was edited. ``by`` said so ``at`` a time,
    for the reason ``why``.
    """

    verdict: Literal["approved", "edited", "denied"]
    payload: Any
    by: str = ""
    why: str = ""
    at: datetime | None = None

    def __bool__(self) -> bool:
        return self.verdict != "denied"


@dataclass(frozen=True)
class _Late:
    """What is recorded where nobody answered in time."""

    message: str


def ask(
    question: str,
    schema: Any = None,
    *,
    choices: Iterable[Any] | None = None,
    several: bool = False,
    approve: Any = NOTHING,
    default: Any = None,
    deadline: float | timedelta | datetime | None = None,
) -> Any:
    """Ask a person, once; the answer is durable before it is returned.

    ``schema`` is the type of the answer: ``str``, ``int``, ``float``, ``bool``, ``date``, a
    ``Literal``, an ``Enum``, a pydantic model or dataclass (which becomes a form), whatever
    pydantic knows. ``choices=[…]`` offers these, ``several=True`` any number of them. With
    ``approve=payload`` the payload is shown whole, to be approved, edited or denied: the answer is
    an :class:`Approval`. Without any of them an answer that is JSON (``true``, ``3``, ``["a"]``)
    arrives as a value, any other as text.

    In a notebook it shows a form and waits; the timeline and ``duranb answer`` take the answer as
    well. Without anybody there, ``default`` is the answer where it is not None and there is no
    ``deadline``; else the step stops ``waiting`` (``duranb run`` exits with 75) once nothing else
    of it goes on, and the next run goes on from here. Once the ``deadline`` (seconds, a timedelta
    or a time) has passed, the answer is the ``default``, or else :class:`duranb.errors.Expired` is
    raised.

    Code that awaits (``async def``, a cell with a top-level ``await``) awaits it: ``await
    duranb.ask(…)``. Raises :class:`duranb.errors.UsageError` outside of steps, and for what has no
    form.
    """
    here = ctx.current()
    if here is None:
        raise UsageError("duranb.ask() works inside a step: put %%durable on the cell's first line")
    if approve is NOTHING:
        form = forms.form(question, schema, choices, several, default)
    elif schema is not None or choices is not None:
        raise UsageError("duranb.ask(approve=…) takes no schema and no choices=")
    else:
        form = forms.approval(question, approve, default)
    flow = _Asking(here, form, waits.moment(deadline, "deadline=")).flow()
    return awaited.or_run(here, flow, f"duranb.ask({question!r})")


class _Asking:
    """One question on its way to an answer."""

    def __init__(self, here: ctx.StepContext, form: Form, until: int) -> None:
        self._here = here
        self._form = form
        self._question = form.question
        self._until = until
        self._wait: waits.Wait | None = None
        self._shown: Shown | None = None
        self._is_shown = False
        self._answer: e.Answered | None = None

    def flow(self) -> Flow[Any]:
        question = self._question
        stored = asked.encode(question)
        plain = question.schema is None and not question.approves
        told = [] if plain else [blake3.blake3(_content(question)).hexdigest(16)]
        operation = Operation(
            Kind.ASK,
            "ask",
            Kind.ASK.key(question.text, *told),
            idempotent=True,
            preview=question.text[: inbox.PREVIEW],
            until=self._until,
            question=stored,
            outcome=self._outcome,
            explain=lambda: f"It asks: {question.text}",
        )
        try:
            value = yield from perform(self._here.journal, operation, self._begin)
        finally:
            self._end()
        if isinstance(value, _Late):
            raise Expired(value.message)
        return value

    def _begin(self, claim: Claim, _: str) -> Polled:
        until = claim.recorded.until if claim.recorded is not None else self._until
        self._wait = waits.Wait(self._here, claim, until, self._says)
        self._here.runtime.asked[claim.id] = self._form
        return Polled(self._look)

    def _end(self) -> None:
        if self._wait is None:
            return
        runtime, call = self._here.runtime, self._wait.call
        self._wait.over()
        runtime.asked.pop(call, None)
        if self._shown is not None:
            answer = self._answer
            self._shown.settle(f"✓ {self._question.text} → {self._said(answer)}" if answer else "")

    # -- looking for an answer -------------------------------------------------------------

    def _look(self, may_block: bool) -> Any:
        """The value for the code once there is an answer."""
        found = self._given()
        if found is not NOT_YET:
            return found
        wait = self._wait
        assert wait is not None
        if wait.is_late:
            return self._late(wait.until)
        present = self._is_present(may_block)
        if not present and self._question.has_default and not wait.until:
            return self._default()
        found = self._given()  # it may have been typed
        return found if found is not NOT_YET else wait.go_on(present=present)

    def _given(self) -> Any:
        runtime = self._here.runtime
        assert self._wait is not None
        call = self._wait.call
        if runtime.inbox is not None:
            posted = inbox.posted_answer(runtime.inbox, runtime.history, call)
            if posted is not None:
                runtime.record(posted)
                inbox.forget_answer(runtime.inbox, call)
        answer = runtime.history.answers.get(call)
        if answer is None:
            return NOT_YET
        try:
            value = self._made(answer)
        except UsageError as error:
            told = f"{_short(answer.value)} was not taken: {error.message}"
            runtime.record(replace(answer, refused=told))
            if self._shown is not None:
                self._shown.problem(error.message)
            return NOT_YET
        self._answer = answer
        return value

    def _made(self, answer: e.Answered) -> Any:
        fitting = self._form.check(answer.value)
        value = self._form.made(fitting)
        if not self._question.approves:
            return value
        at = datetime.fromtimestamp(answer.at / 1e6, UTC) if answer.at else None
        return Approval(_verdict(fitting), value, answer.by, answer.why, at)

    def _default(self) -> Any:
        if self._form.keeps_default:
            return self._form.default
        return self._made(e.Answered(call=0, value=self._question.default))

    def _late(self, until: int) -> Any:
        if self._question.has_default:
            return self._default()
        return _Late(
            f"nobody answered question {self._wait.call if self._wait else 0} of step "
            f"{self._here.step!r} by {waits.clock(until)}: {self._question.text}. Give it a "
            "default=, or catch duranb.Expired; %%durable --fresh asks again"
        )

    def _is_present(self, may_block: bool) -> bool:
        """Whether somebody is there to answer in this process; they are shown the question."""
        settings = self._here.runtime.settings
        assert self._wait is not None
        if settings.headless or settings.strict:
            return False
        if not self._is_shown:
            self._is_shown = True
            self._shown = settings.show(self._wait.call, self._question, self._wait.until)
        if self._shown is not None and not self._shown.is_dead:
            return True
        can_type = may_block and threading.current_thread() is threading.main_thread()
        return self._type() if can_type else self._shown is not None

    def _type(self) -> bool:
        """Have them type it; whether they are there."""
        prompt = prompted(self._question)
        problem = self._problem
        while True:
            typed = self._here.runtime.settings.prompt(
                f"{problem}\n{prompt}" if problem else prompt
            )
            if typed is None:
                return False
            if not typed and self._question.has_default:
                value = self._question.default
            else:
                value = given.value(typed)
            try:
                value = self._form.check(value)
            except UsageError as error:
                problem = error.message
                continue
            assert self._wait is not None
            answer = e.Answered(call=self._wait.call, value=value, by=inbox.who(), at=now_us())
            self._here.runtime.record(answer)
            return True

    @property
    def _problem(self) -> str:
        """Why the latest answer was not taken; empty for none."""
        assert self._wait is not None
        return self._here.runtime.history.calls[self._wait.call].reason

    # -- words -----------------------------------------------------------------------------

    def _outcome(self, value: Any) -> str:
        answer = self._said(self._answer) if self._answer is not None else str(value)
        return f"{self._question.text[:120]} → {answer}"[:200]

    def _said(self, answer: e.Answered) -> str:
        """An answer, who gave it, and why."""
        value = _short(_verdict(answer.value) if self._question.approves else answer.value)
        about = ", ".join(filter(None, (answer.by, answer.why)))
        return f"{value} ({about})" if about else value

    def _says(self) -> str:
        assert self._wait is not None
        call, question = self._wait.call, self._question
        about = lines(question)
        told = [f"for an answer to question {call}: {about[0]}", *about[1:]]
        if self._problem:
            told.append(f"the answer {self._problem}")
        if self._wait.until:
            told.append(f"until {waits.clock(self._wait.until)}")
        told.append(waits.command(self._here, "answer", f"{call} VALUE"))
        return "\n  ".join(told)


def _content(question: asked.Question) -> bytes:
    """What makes it another question."""
    told = [question.schema, question.approves, question.payload]
    return json.dumps(told, sort_keys=True).encode()


def _verdict(value: Any) -> Literal["approved", "edited", "denied"]:
    if isinstance(value, dict):
        return "edited"
    return "denied" if value == asked.DENY else "approved"


def lines(question: asked.Question) -> list[str]:
    """A question, the payload that it is about, whole, and what it takes."""
    told = question.text.splitlines() or [""]
    if question.approves:
        payload = question.payload
        is_text = isinstance(payload, str)
        text = payload if is_text else json.dumps(payload, indent=2, ensure_ascii=False)
        told += [f"  {line}" for line in text.splitlines()]
        told.append('it takes approve, deny, or {"edit": …} with what it should be')
    elif question.schema is not None:
        told.append(f"it takes {answers.expected(question.schema)}")
    if question.has_default:
        told.append(f"without an answer: {_short(question.default)}")
    return told


def prompted(question: asked.Question) -> str:
    """A question for whoever types the answer."""
    told = lines(question)
    return told[0] if len(told) == 1 else "\n".join([*told, question.text])


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
