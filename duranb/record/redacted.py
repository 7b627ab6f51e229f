"""What was taken out of a history, and what that leaves of it."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any

import msgspec

from duranb.record.parts import Binding, Body, ErrorInfo

if TYPE_CHECKING:  # the history knows this event
    from duranb.record.history import History
    from duranb.record.model import Call, Execution

FORGOTTEN = "it was forgotten, because somebody asked for that (duranb forget)"
PRUNED = "it was pruned, to free its room (duranb prune)"
MASKED = "a secret was taken out of it (duranb redact), and a mask is in its place"

replace = msgspec.structs.replace


class Redacted(Body, frozen=True, tag="history.redacted"):
    """Something was taken out, and written over by as many bytes.

    Each of ``events`` is a number and the hash of what the event says since; ``artifacts`` are the
    digests of their bytes since, by their own. ``forgotten`` are those of which nothing is left,
    and ``executions`` those that recorded them. ``removed`` are artifacts that are there no more,
    to free their room.
    """

    reason: str
    events: list[tuple[int, str]] = []
    artifacts: dict[str, str] = {}
    executions: list[int] = []
    forgotten: list[str] = []
    removed: list[str] = []


def forgotten_steps(history: History, executions: Set[int]) -> set[str]:
    """The steps of which no other execution is known: how to undo one is forgotten with them."""
    steps = {history.executions[i].step for i in executions if i in history.executions}
    return {s for s in steps if all(x.id in executions for x in history.executions_of(s))}


def take_out(history: History, body: Redacted) -> None:
    """Have a history name nothing that is gone, and restore or answer from nothing forgotten."""
    gone, ids = frozenset(body.forgotten), frozenset(body.executions)
    for step in forgotten_steps(history, ids):
        history.compensations.pop(step, None)
        history.mended_undos.pop(step, None)
    removed = frozenset(body.removed)
    left = _Left(gone, removed, frozenset(body.artifacts) - gone)
    for this in list(history.executions.values()):
        made = left.execution(this)
        if removed and (made is not this or this.messages in removed):
            # It cannot be restored any more; its calls still answer.
            messages = "" if this.messages in removed else this.messages
            made = replace(made, identity="", messages=messages)
        if this.id in ids:
            made = replace(
                made,
                identity="",
                source="",
                messages="",
                arguments="",
                reason="",
                error=_without_words(this.error),
                attempts=tuple(replace(x, error=_without_words(x.error)) for x in this.attempts),
            )
        if made is not this:
            history.put_execution(made)
    for call in map(history.calls.__getitem__, list(history.calls)):
        if call.execution in ids:
            history.answers.pop(call.id, None)
        changed = left.call(call, forgotten=call.execution in ids or call.response in gone)
        if changed is not call:
            history.put_call(changed)
    for snapshot in list(history.snapshots.values()):
        now = left.bindings(snapshot.changed)
        if now is not snapshot.changed:
            history.amend_snapshot(replace(snapshot, changed=now))


def _without_words(error: ErrorInfo | None) -> ErrorInfo | None:
    """That there was an error, of its type."""
    return None if error is None else ErrorInfo(type=error.type, message="")


class _Left:
    """What is left of bindings to artifacts that are ``gone``, ``removed`` to free their room, or
    in part ``masked``."""

    def __init__(
        self, gone: frozenset[str], removed: frozenset[str], masked: frozenset[str]
    ) -> None:
        self._gone = gone
        self._removed = removed
        self._masked = masked

    def binding(self, binding: Binding) -> Binding:
        if binding.artifact in self._gone:
            return replace(binding, artifact="", why=FORGOTTEN, preview="")
        if binding.artifact in self._removed:
            return replace(binding, artifact="", why=PRUNED)
        if binding.artifact in self._masked and not binding.why:
            return replace(binding, why=MASKED)
        return binding

    def bindings(self, bindings: dict[str, Binding]) -> dict[str, Binding]:
        """The very same ones where nothing has changed."""
        made = {name: self.binding(each) for name, each in bindings.items()}
        return made if any(made[n] is not each for n, each in bindings.items()) else bindings

    def execution(self, this: Execution) -> Execution:
        changes: dict[str, Any] = {
            name: now
            for name in ("outputs", "around")
            if (now := self.bindings(getattr(this, name))) is not getattr(this, name)
        }
        if this.result is not None and self.binding(this.result) is not this.result:
            changes["result"] = self.binding(this.result)
        return replace(this, **changes) if changes else this

    def call(self, call: Call, *, forgotten: bool) -> Call:
        result = None if call.result is None else self.binding(call.result)
        if not forgotten:
            return call if result is call.result else replace(call, result=result)
        made = replace(
            call,
            result=result,
            preview="",
            arguments="",
            compensate="",
            response="",
            question="",
            error=_without_words(call.error),
        )
        if call.kind.traits.effect:
            return made  # it was done, and is not done again
        return replace(made, status=type(call.status).REJECTED, reason=FORGOTTEN)
