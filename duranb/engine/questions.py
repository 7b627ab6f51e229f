"""``duranb.ask``: a question whose answer is journaled, so that nothing has to run again for it."""

from __future__ import annotations

import contextlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

import blake3

from duranb.engine import context as ctx
from duranb.engine.flows import Act, run
from duranb.engine.journal import Claim
from duranb.engine.operations import Operation, perform
from duranb.engine.runtime import Runtime
from duranb.errors import Untrusted, UsageError, Waiting
from duranb.record.history import History
from duranb.record.kinds import Kind
from duranb.store import files, guarded, keys
from duranb.store.paths import check_folder

NO_ANSWER = object()

PREVIEW = 200
"""Characters of a question that are kept with the call."""


def ask(question: str, *, default: Any = None) -> Any:
    """Ask the user, once; the answer is durable before it is returned.

    In a notebook with somebody at the keyboard it prompts. Without anybody, ``default`` is the
    answer where it is not None; otherwise the step stops ``waiting`` (``duranb run`` exits with
    75) until ``%duranb answer ID VALUE`` or ``duranb answer`` gives one, and the next run goes on
    from here. Answers that are JSON (``true``, ``3``, ``["a"]``) arrive as values, all others as
    text. Raises :class:`duranb.errors.UsageError` outside of steps.
    """
    here = ctx.current()
    if here is None:
        raise UsageError("duranb.ask() works inside a step: put %%durable on the cell's first line")
    operation = Operation(
        Kind.ASK,
        "ask",
        Kind.ASK.key(question),
        idempotent=True,
        preview=question[:PREVIEW],
        outcome=lambda answer: f"{question[:120]} → {answer}"[:200],
        explain=lambda: f"It asks: {question}",
    )

    number = 0

    def make(claim: Claim, _: str) -> Act:
        nonlocal number
        number = claim.id
        return Act(lambda: _answered(here, number, question, default))

    answer = run(perform(here.journal, operation, make))
    if number and here.runtime.inbox is not None:
        forget(here.runtime.inbox, number)
    return answer


def _answered(here: ctx.StepContext, number: int, question: str, default: Any) -> Any:
    answer = _answer(here.runtime, number, question, default)
    if answer is NO_ANSWER:
        raise here.journal.stop(
            Waiting(
                f"step {here.step!r} waits for an answer to question {number}: {question}\n"
                f"  %duranb answer {number} VALUE, then run the cell again "
                f"(from a shell: duranb answer NOTEBOOK {number} VALUE)"
            )
        )
    return answer


def _answer(runtime: Runtime, number: int, question: str, default: Any) -> Any:
    given = runtime.history.answers.get(number)
    if given is not None:
        return given.value
    if runtime.inbox is not None:
        posted = posted_answer(runtime.inbox, number, _about(runtime.history, number, question))
        if posted is not NO_ANSWER:
            return posted
    if not runtime.settings.headless:
        typed = runtime.settings.prompt(question)
        if typed is not None:
            return parse(typed) if typed else default
    return NO_ANSWER if default is None else default


def parse(text: str) -> Any:
    """What a typed answer means: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def inbox(store: Path) -> Path:
    """The folder where other processes put answers while a kernel holds the store."""
    return store / "answers"


def _about(history: History, number: int, question: str) -> str:
    """What an answer is signed for: this question, of this run."""
    return f"{history.run} {number} {question[:PREVIEW]}"


def post(store: Path, history: History, number: int, value: Any) -> None:
    """Put an answer where the kernel that holds the store finds it, signed with the user's key.

    Raises :class:`duranb.errors.StoreUnwritable`.
    """
    about = _about(history, number, history.calls[number].preview)
    text = json.dumps(value)
    folder = inbox(store)
    try:
        check_folder(store)
        guarded.folder(folder)
    except OSError as error:
        raise files.unwritable(store, error) from error
    signed = json.dumps({"answer": text, "signature": _sign(about, text)})
    files.replace(folder / f"{number}.json", signed.encode())


def posted_answer(folder: Path, number: int, about: str) -> Any:
    """The answer another process posted to a question, or NO_ANSWER.

    Raises :class:`duranb.errors.Untrusted` for one that this user has not given to this question.
    """
    file = folder / f"{number}.json"
    if not os.path.lexists(file):
        return NO_ANSWER
    try:
        posted = json.loads(guarded.read(file))
        text, signature = str(posted["answer"]), str(posted["signature"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        text = signature = ""
    if not hmac.compare_digest(signature, _sign(about, text)):
        raise Untrusted(
            f"the answer in {file} was not given to question {number} by you: it is not used. "
            f"Remove the file, then duranb answer NOTEBOOK {number} VALUE"
        )
    return json.loads(text)


def _sign(about: str, text: str) -> str:
    key = keys.derived(keys.user_key(), "answer")
    return blake3.blake3(f"{about}\0{text}".encode(), key=key).hexdigest()


def forget(folder: Path, number: int) -> None:
    """Remove a posted answer once it is recorded."""
    with contextlib.suppress(OSError):  # one that stays answers nothing but this very question
        (folder / f"{number}.json").unlink(missing_ok=True)
