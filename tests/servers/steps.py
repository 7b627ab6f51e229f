"""Steps in a real store, without a kernel: what the wire hook sees of the engine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from duranb import llm
from duranb.engine.context import StepContext
from duranb.engine.runtime import Settings
from duranb.llm import reading
from duranb.record.events import ExecutionStarted
from duranb.record.model import Call, CallStatus
from duranb.session.session import Session
from duranb.store import store_path


class Notebook:
    """An open store with the hook installed. ``reopen`` is what a restarted kernel finds."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "agent.ipynb"
        self.session = self._open()
        llm.install()

    def _open(self) -> Session:
        return Session.open(self._path, store_path(self._path), {}, Settings())

    def reopen(self) -> None:
        """Close the store and open it again."""
        self.session.close()
        self.session = self._open()

    def close(self) -> None:
        """Take the hook out and let go of the store."""
        llm.uninstall()
        self.session.close()

    @contextlib.contextmanager
    def step(self, name: str = "ask", *, strict: bool = False) -> Iterator[StepContext]:
        """Be inside an attempt of step ``name``, as a durable cell's body is."""
        runtime = self.session.runtime
        number = runtime.next_id("execution")
        run, branch = runtime.history.run, runtime.history.branch
        runtime.record(ExecutionStarted(execution=number, step=name, run=run, branch=branch))
        context = StepContext(runtime, step=name, execution=number, strict=strict)
        token = context.enter(process_wide=True)
        try:
            yield context
        finally:
            context.exit(token, process_wide=True)
            runtime.flush()

    def calls(self, status: CallStatus = CallStatus.COMPLETED) -> list[Call]:
        """The calls with a status, oldest first."""
        self.session.runtime.flush()
        with self.session.lock:
            return [c for c in self.session.history.calls.values() if c.status is status]

    @property
    def failed(self) -> list[Call]:
        """The calls that failed."""
        return self.calls(CallStatus.FAILED)

    def stored(self, call: Call) -> bytes:
        """A call's recorded bytes."""
        return bytes(self.session.artifacts.get(call.response))

    def described(self, call: Call) -> dict[str, object]:
        """A call's recorded exchange, as the inspector shows it."""
        return reading.describe(self.stored(call))


@contextlib.contextmanager
def another_attempt(step: StepContext) -> Iterator[None]:
    """Be inside the next attempt of a step."""
    step.journal.next_attempt()
    token = step.enter(process_wide=True)
    try:
        yield
    finally:
        step.exit(token, process_wide=True)
