"""Steps that could not run for want of what an earlier step made and nothing can store.

A generator, a cursor, a chat without an adapter: after a restart it is not there, or not as a
restored step left it. So it is with a variable of the environment, or of a module, that is never
stored or cannot be. A step that needs it, and has to run, fails then, which is recorded. From
then on the steps that made it what it was are not restored: they run, their calls answered from the
journal, until the one that needs it has run.
"""

from __future__ import annotations

from typing import NamedTuple

from duranb.engine.runtime import Runtime
from duranb.errors import NotRestorable
from duranb.record.events import Binding
from duranb.record.history import History
from duranb.record.model import ABSENT, Execution, Status


class _Want(NamedTuple):
    """A value that an execution failed for, and whose makers before it have to run again."""

    name: str
    version: str
    failed: Execution

    def is_met_by(self, made: Execution) -> bool:
        """Whether an execution made this value, and did not run again since it was missing."""
        binding = _unstored(made).get(self.name)
        return (
            binding is not None
            and binding.version == self.version
            and made.id < self.failed.id
            and made.step != self.failed.step
        )


def reason(runtime: Runtime, made: Execution) -> str:
    """Why an execution of a cell is not restored: a later step could not run without what it made.
    Empty where none wants that, or it is there."""
    if made.kind != "cell":
        return ""
    missing = [name for name in _unstored(made) if not _is_as_made(runtime, made, name)]
    if not missing:
        return ""
    for name in missing:
        if name in runtime.wanted:
            return f"{name} is needed, which it makes and which cannot be stored"
    for want in _wants(runtime.history):
        if want.name in missing and want.is_met_by(made):
            step = want.failed.step
            return f"step {step!r} needs {want.name}, which it makes and which cannot be stored"
    return ""


def _unstored(made: Execution) -> dict[str, Binding]:
    """What an execution made, in the namespace and beside it, and nothing stores."""
    beside = {n: b for n, b in made.around.items() if not b.artifact and b.version != ABSENT}
    return {**{n: made.outputs[n] for n in made.unstored if n in made.outputs}, **beside}


def _is_as_made(runtime: Runtime, made: Execution, name: str) -> bool:
    if name in made.around:
        around = runtime.surroundings
        version = made.around[name].version
        return around.is_now(name, version) and around.behind([name]) == ("", "")
    namespace, binding = runtime.namespace, made.outputs.get(name)
    if binding is None or not namespace.is_there(name) or name not in namespace.live:
        return False
    return namespace.version(name) == binding.version


def told(history: History) -> str:
    """Which steps will run again, for want of whose values the latest execution failed; empty where
    there are none."""
    number, makers = history.last_execution, _makers(history)
    wants = [want for want in _wants(history) if want.failed.id == number]
    found: dict[str, list[str]] = {}
    for made in makers:
        for name in {want.name for want in wants if want.is_met_by(made)}:
            found.setdefault(name, []).append(made.step)
    if not found:
        return ""
    again = (f"{name}, which is made again by {', '.join(by)}" for name, by in found.items())
    return f"step {wants[0].failed.step!r} needs {'; '.join(again)}"


def _makers(history: History) -> list[Execution]:
    """The latest execution of each step that made something which could not be stored."""
    found = []
    for step in list(history.steps):
        done = (x for x in reversed(history.executions_of(step)) if x.status is Status.COMPLETED)
        made = next((x for x in done if not x.of), None)
        if made is not None and _unstored(made):
            found.append(made)
    return found


def _wants(history: History) -> list[_Want]:
    """What steps have failed for and wait for since: what they were given, and what those were
    given that had made it, and could not be stored either."""
    last = (history.last_carried_out(step) for step in list(history.steps))
    failed = [x for x in last if x is not None and _is_for_want(x)]
    found = [_Want(*given, x) for x in failed for given in {**x.inputs, **x.given}.items()]
    makers = _makers(history) if found else []
    for want in found:  # which grows meanwhile
        for made in makers:
            if want.is_met_by(made):
                given = {**made.inputs, **made.given}
                more = (_Want(*each, want.failed) for each in given.items())
                found += [each for each in more if each not in found]
    return found


def _is_for_want(this: Execution) -> bool:
    if this.error is None or this.status is not Status.FAILED:
        return False
    return this.error.type == NotRestorable.__name__
