"""Checking what was stored, aside, when nothing is going on.

The kernel's side. Between two cells a value that no code can have changed since it was stored is
described (:mod:`duranb.values.description`), and the description goes to a process of its own
(:mod:`duranb.state.aside`), which loads what was stored and compares. What differs is recorded.
Nothing of this happens while a cell runs, and a value of which pickling can lose nothing, a list of
numbers or an instance of an ordinary class, is not even sent.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from duranb.engine.runtime import Runtime
from duranb.errors import StoreError
from duranb.record import events as e
from duranb.state import aside
from duranb.state.tracked import Tracked
from duranb.store.artifacts import ArtifactFiles
from duranb.values import codec
from duranb.values.description import Description, TooLong, describe

LARGEST = 64 << 20
"""Bytes of values up to which they are checked."""

_LOOK = 0.05
"""Seconds after which no other value is begun with."""

_SLICE = 0.1
"""Seconds that describing one value may keep a cell waiting."""

_WAITING = 4
"""Descriptions that wait for the process at most."""

_REMEMBERED = 100_000
"""Artifacts that are remembered to have been stored by this process."""

_BESIDE = 10
"""Other names that the code of one value is given."""

_START = (
    "import json, os, sys; getattr(os, 'nice', int)(19); sys.path[:] = json.loads(sys.argv[1]); "
    "from duranb.state import aside; aside.main()"
)
"""At the lowest priority before anything is imported: a cell may have begun meanwhile."""


@dataclass(frozen=True)
class _Task:
    """Values that one artifact holds, described; ``execution`` stored them."""

    artifact: str
    execution: int
    was: Description
    previews: dict[str, str]


class SelfCheck:
    """Checks the values that one runtime stores. :meth:`look` on the thread that runs cells.

    ``folder`` is where the store keeps its files. ``processes`` is how many were started.
    """

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._runtime = runtime
        self._folder = folder
        self._stored: dict[str, int] = {}
        self._storing = threading.Lock()
        self._seen: dict[str, tuple[str, int]] = {}
        self._told: set[tuple[str, str]] = set()
        self._unsaid: list[e.ValuesDiffer] = []
        self._queue: queue.Queue[_Task | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.processes = 0
        self._news = False
        self._closed = False
        runtime.store.listeners.append(self._note)

    def _note(self, events: Sequence[e.Event]) -> None:
        """On the store's thread: which artifacts this process has stored, and what made them."""
        for event in events:
            body = event.body
            if isinstance(body, e.ArtifactStored):
                with self._storing:
                    self._stored.setdefault(body.digest, 0)
                    if len(self._stored) > _REMEMBERED:  # there was no moment without a cell
                        del self._stored[next(iter(self._stored))]
                self._news = True
            elif isinstance(body, e.ExecutionCompleted):
                for binding in body.outputs.values():
                    if self._stored.get(binding.artifact) == 0:
                        self._stored[binding.artifact] = body.execution

    # -- on the thread that runs cells -----------------------------------------------------

    def look(self, *, thoroughly: bool = False) -> bool:
        """Describe values that were stored and not looked at yet; whether there may be more.

        It comes back after a moment, so that a cell can begin. ``thoroughly`` looks also at those
        that the last cell could have changed.
        """
        if self._closed or not (self._news and self._runtime.is_open):
            return False
        self._news = False
        new = self._new()
        wanted: dict[str, dict[str, Tracked]] = {}
        for name, seen in self._runtime.namespace.settled(new, prove=thoroughly).items():
            wanted.setdefault(seen.binding.artifact, {})[name] = seen
            new.discard(name)
        until = time.monotonic() + _LOOK
        for artifact, values in wanted.items():
            if self._queue.full() or time.monotonic() > until:
                self._news = True
                return True
            self._seen |= {n: (artifact, id(seen.value)) for n, seen in values.items()}
            self._describe(artifact, values)
        self._news |= bool(new)  # after the next look at the namespace, they may be settled
        return False

    def _new(self) -> set[str]:
        """Names whose values this process has stored, and not looked at since."""
        tracked = self._runtime.namespace.tracked()
        new = {
            name
            for name, seen in tracked.items()
            if seen.binding.artifact in self._stored
            and seen.binding.size <= LARGEST
            and self._seen.get(name) != (seen.binding.artifact, id(seen.value))
        }
        current = {seen.binding.artifact for seen in tracked.values()}
        with self._storing:
            for digest in [d for d in self._stored if d not in current]:
                del self._stored[digest]
        return new

    def _describe(self, artifact: str, values: Mapping[str, Tracked]) -> None:
        try:
            was, _ = describe({n: seen.value for n, seen in values.items()}, aside.opaque, _SLICE)
        except (TooLong, Exception):  # of any kind: a getter of a library's extension type
            return
        if was.ordinary or (was.classes and not self._runtime.namespace.is_as_stored(min(values))):
            return
        previews = {name: seen.binding.preview for name, seen in values.items()}
        self._queue.put_nowait(_Task(artifact, self._stored.get(artifact, 0), was, previews))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="duranb-check", daemon=True)
            self._thread.start()

    def finish(self, seconds: float) -> None:
        """Check what is left, for so long at most: the process is about to end."""
        until = time.monotonic() + seconds
        while self.look(thoroughly=True) and time.monotonic() < until:
            time.sleep(0.02)
        while self.queued and time.monotonic() < until:
            time.sleep(0.02)

    @property
    def queued(self) -> int:
        """How many artifacts wait, or are being checked."""
        return self._queue.unfinished_tasks

    def unsaid(self) -> list[e.ValuesDiffer]:
        """What was found since this was last asked."""
        found, self._unsaid = self._unsaid, []
        return found

    def close(self) -> None:
        """End the process. What was not checked is not."""
        self._closed = True
        if self._note in self._runtime.store.listeners:
            self._runtime.store.listeners.remove(self._note)
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._end()

    # -- on a thread of its own ------------------------------------------------------------

    def _work(self) -> None:
        while True:
            task = self._queue.get()
            try:
                if task is None or self._closed:
                    return
                self._check(task)
            finally:
                self._queue.task_done()

    def _check(self, task: _Task) -> None:
        try:
            reply = self._reply_to(task)
        except (OSError, StoreError, msgspec.MsgspecError):
            reply = None  # of the store, whoever needs the value is told
        if reply is None:  # or it took too long, or more memory than it may
            self._end()
            return
        differences = {name: "; ".join(told) for name, told in reply.differs.items()}
        if not differences or self._closed:
            return
        found = e.ValuesDiffer(
            execution=task.execution, artifact=task.artifact, differences=differences
        )
        self._runtime.record(found, wait=False)
        if not self._told.issuperset(differences.items()):
            self._told.update(differences.items())
            self._unsaid.append(found)

    def _reply_to(self, task: _Task) -> aside.Reply | None:
        """The process has none of the notebook's names; what a value's code asks for it is given,
        one name at a time, in front of those that asked for it."""
        beside: dict[str, str] = {}
        while True:
            reply = self._reply(self._request(task, beside))
            if reply is None or not reply.missing or reply.missing in beside:
                return reply
            seen = self._runtime.namespace.tracked().get(reply.missing)
            if seen is None or not seen.binding.artifact or len(beside) == _BESIDE:
                return reply
            beside = {reply.missing: seen.binding.artifact, **beside}

    def _request(self, task: _Task, beside: Mapping[str, str]) -> aside.Request:
        store = self._runtime.store
        kept = ArtifactFiles(self._folder)  # encrypted ones are not found there, and are given
        given: dict[str, bytes] = {}
        files: dict[str, str] = {}
        for digest in {task.artifact, *beside.values()}:
            for each in (digest, *codec.parts(store.get(digest))):
                file = kept.place(each)
                if file.exists():
                    files[each] = str(file)
                else:
                    given[each] = bytes(store.get(each))
        return aside.Request(task.artifact, task.was, given, files, task.previews, dict(beside))

    def _reply(self, request: aside.Request) -> aside.Reply | None:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = self._started()
        assert process.stdin is not None and process.stdout is not None
        aside.write(process.stdin, request)
        data = aside.read(process.stdout)
        return msgspec.msgpack.decode(data, type=aside.Reply) if data else None

    def _started(self) -> subprocess.Popen[bytes]:
        self._end()
        if self._closed:
            raise ProcessLookupError("the session is closed")
        self.processes += 1
        # Not in the kernel's process group: an interrupt of a cell is none of its business.
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps([*map(str, sys.path)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path.cwd(),
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()
