"""One batch, from the intent to submit it to its last answer.

Its intent is durable before it is sent, with the ids of its requests; so is its own id before
anybody waits for it. In between nobody knows whether it was submitted: then the provider is asked
for a batch with its tag, and only where there is none, some time after it was sent last, it is
sent again.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from duranb.engine import scopes
from duranb.engine.claim import Claim
from duranb.engine.context import StepContext
from duranb.engine.flows import Blocking, Flow, Pause
from duranb.engine.retry import LONGEST_ASKED
from duranb.errors import BatchFailed
from duranb.llm.batches.providers import Line, Lost, NotYet, Place, Refused, State, Wire
from duranb.record.events import EventBody
from duranb.record.kinds import Kind
from duranb.record.model import Call
from duranb.text import given

SETTLING = 20.0
"""Seconds after which a provider's list has a batch whose submission arrived."""

TRIES = 5
"""How often a submission is tried in a row."""

PATIENCE = 60.0
"""Seconds that a provider may ask to wait for before it takes a submission; whoever is asked to
wait longer is told so."""

WINDOW = 86_400.0
"""Seconds that a batch may take."""

_BEGINS = 0.5
_LONGEST = 30.0
"""Seconds between two looks at a batch: at first, and at most."""

_LOOKS = 4
"""How often the answers of a batch are fetched that are damaged, or fewer than it says it has."""

_NO_ANSWER = (LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading JSON raises that is not what its provider promises."""

T = TypeVar("T")


class Batch:
    """A batch with a tag, submitted by a map that runs ``where``.

    ``id`` is the provider's, empty while nobody knows it; ``requests`` are the bodies that would be
    sent, by their ids, until it is known. ``over``: all answers there are can be taken. ``state``
    is how far it was, ``trouble`` why that could not be told, ``failure`` why the whole batch came
    to nothing, ``short`` that some of its answers never came.
    """

    def __init__(
        self, step: StepContext, where: scopes.Inside | None, place: Place, tag: str
    ) -> None:
        self.tag = tag
        self.place = place
        self.id = ""
        self.requests: dict[str, bytes] = {}
        self.over = False
        self.state = State(ended=False)
        self.trouble = ""
        self.failure: BatchFailed | None = None
        self.short: BatchFailed | None = None
        self._step = step
        self._where = where
        self._key = Kind.BATCH.key(tag)
        self._wire: Wire | None = None
        self._count = 0
        self._sent = 0.0
        self._next = 0.0
        self._pause = _BEGINS
        self._looks = 0
        self._lines: dict[str, tuple[int, int]] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of its answers."""
        self._file.close()
        if self._wire is not None:
            self._wire.close()

    # -- what is recorded ------------------------------------------------------------------

    def _claim(self) -> Claim:
        name = f"batch of {self._count:,} calls to {self.place.model}"
        with scopes.set_inside(self._where):  # it belongs to the map, not to the item that runs
            claim = self._step.journal.claim(Kind.BATCH, self._key, name)
        assert claim is not None
        return claim

    def intention(self) -> EventBody:
        """The event that says what is about to be submitted, or under which id it was."""
        self._count = self._count or len(self.requests)
        claim = self._claim()
        try:
            return claim.intention(
                idempotency_key=self.tag,
                idempotent=True,
                preview=f"{self.id} at {self.place.host}" if self.id else "",
                until=int((time.time() + WINDOW) * 1e6),
            )
        finally:
            claim.release()

    def recall(self) -> None:
        """Another process, or an earlier attempt, has submitted it, or was about to."""
        claim = self._claim()
        recorded = claim.recorded
        claim.release()
        if recorded is None:  # it was refused, and that is recorded
            self.over = True
            self.failure = BatchFailed("it was refused when it was submitted", 400)
            return
        self._count, self.id = _count_of(recorded), recorded.preview.partition(" ")[0]
        self._sent = recorded.started / 1e6

    # -- submitting ------------------------------------------------------------------------

    @property
    def wire(self) -> Wire:
        """How its provider is asked."""
        if self._wire is None:
            self._wire = Wire(self.place)
        return self._wire

    def submit(self) -> Flow[None]:
        """Submit it; its intent is durable. Raises :class:`BatchFailed` where that does not
        succeed, or nobody can tell whether it has."""
        wait = 0.0
        for number in range(TRIES):
            if number:
                yield Pause(max(2.0**number / 4, min(wait, PATIENCE)))
            try:
                yield from self._submitted(number)
            except Lost as error:
                trouble: Exception = error
                wait = 0.0
            except Refused as error:
                if not error.passes:
                    why = f"{self.place.host} took no batch: {error} (status {error.status})"
                    yield from self._fails(why, error.status)
                    return
                trouble, wait = error, error.wait
            if self.id:
                yield from self._known()
                return
        raise BatchFailed(
            f"step {self._step.step!r}: a batch of {self._count:,} calls could not be submitted to "
            f"{self.place.host} ({trouble}). Nothing is lost: run the step again and it goes on "
            "from here",
            503,
        ) from trouble

    def _submitted(self, number: int) -> Flow[None]:
        """Submit it, and find out whether it was where that is not known."""
        provider, requests = self.place.provider, self.requests
        began = time.monotonic()
        prepared: bytes = yield Blocking(
            lambda: _read(lambda: provider.prepare(self.wire, self.place, self.tag, requests))
        )
        if number or time.monotonic() - began > SETTLING / 4:
            yield from self._record()  # it is sent from now on: that is what is waited after
        self._sent = time.time()
        try:
            self.id = yield Blocking(lambda: _read(lambda: provider.submit(self.wire, prepared)))
        except (Lost, Refused) as error:
            if isinstance(error, Refused) and not error.is_unsure:
                raise
            yield from self._find_sent()
            if not self.id:
                raise

    def _find_sent(self) -> Flow[None]:
        """The answer to a submission was lost: wait until it is known whether it had arrived."""
        while not self.id:
            settled = time.time() >= self._sent + SETTLING
            try:
                yield from self._find()
            except (Lost, Refused, NotYet) as error:
                if settled and not isinstance(error, NotYet):
                    raise BatchFailed(
                        f"step {self._step.step!r}: nobody can tell whether a batch has reached "
                        f"{self.place.host} ({error}). Run the step again and it is looked for",
                        503,
                    ) from error
            else:
                if settled:
                    return
            if not self.id:
                yield Pause(1.0)

    def _find(self) -> Flow[None]:
        find = self.place.provider.find
        self.id = yield Blocking(
            lambda: _read(lambda: find(self.wire, self.tag, self._count, self._sent))
        )

    def _record(self) -> Flow[None]:
        receipt = self._step.runtime.append(self.intention())
        yield receipt

    def _fails(self, why: str, status: int) -> Flow[None]:
        """None of its requests has an answer, and none will have."""
        self.over, self.requests = True, {}
        self.failure = BatchFailed(why, status)
        yield self._claim().fail(self.failure, status)

    # -- waiting ---------------------------------------------------------------------------

    @property
    def due(self) -> float:
        """Seconds until it should be looked at again."""
        return max(0.0, self._next - time.monotonic())

    def look(self) -> Flow[None]:
        """Ask how far it is; once it has ended, take what came of it.

        Raises :class:`BatchFailed` where the provider does not tell, and will not.
        """
        if self.due:
            return
        self._next = time.monotonic() + self._pause
        self._pause = min(_LONGEST, self._pause * 1.5)
        try:
            yield from self._looked()
            self.trouble = ""
        except NotYet:
            self.trouble = "looking for what was submitted"
        except Lost as error:
            self.trouble = str(error)
        except Refused as error:
            self.trouble = str(error)
            asked = time.monotonic() + min(error.wait, LONGEST_ASKED)
            self._next = max(self._next, asked)
            if error.status in (404, 410):
                yield from self._fails(f"{self.place.host} does not know batch {self.id}", 404)
            elif not error.passes:
                raise BatchFailed(
                    f"step {self._step.step!r}: {self.place.host} does not tell how far batch "
                    f"{self.id} is: {error}. What it answers is not lost: run the step again when "
                    "it does",
                    error.status,
                ) from error

    def _looked(self) -> Flow[None]:
        provider = self.place.provider
        if not self.id:
            settled = time.time() >= self._sent + SETTLING
            yield from self._find()
            if not self.id and not settled:
                raise NotYet
            yield from self._known() if self.id else self._again()
            return
        self.state = yield Blocking(lambda: _read(lambda: provider.state(self.wire, self.id)))
        if not self.state.ended:
            return
        if self.state.failure:
            self.failure = BatchFailed(f"batch {self.id} failed: {self.state.failure}", 400)
        damaged = yield Blocking(lambda: _read(self._download))
        if damaged or len(self._lines) < self.state.done:
            self._looks += 1
            self._pause = _BEGINS
            told = f"{len(self._lines):,} of its {self.state.done:,} answers are there and whole"
            if self._looks < _LOOKS:
                raise Lost(told)
            self.short = BatchFailed(f"batch {self.id}: {told}; this one is not among them", 502)
        claim = self._claim()
        if not claim.settled:
            self._count = self._count or self.state.total
            yield from claim.complete(value={"batch": self.id, "answers": len(self._lines)})
        claim.release()
        self.over = True

    def _known(self) -> Flow[None]:
        """Its id is known."""
        self.requests = {}
        yield from self._record()

    def _again(self) -> Flow[None]:
        """It never arrived: submit what is still wanted of it after all."""
        self._count = len(self.requests)
        yield from self._record()
        yield from self.submit()

    def _download(self) -> int:
        """Fetch its answers; how many lines cannot be read. Of two for one request the first that
        is an answer counts: it is paid for."""
        provider = self.place.provider
        self._file.seek(0)
        self._file.truncate()
        lines: dict[str, tuple[int, int]] = {}
        answered, damaged = set[str](), 0
        for raw in provider.results(self.wire, self.id):
            try:
                line = self._line(raw)
            except Lost:
                damaged += 1
                continue
            if line.id in answered or not line.id.startswith(f"{self.tag}-"):
                continue
            if not line.failure:
                answered.add(line.id)
            lines[line.id] = (self._file.tell(), len(raw))
            self._file.write(raw)
        self._file.flush()
        self._lines = lines
        return damaged

    def line(self, name: str) -> Line | None:
        """What became of a request, by its id; None where it is not among the answers."""
        with self._lock:
            found = self._lines.get(name)
            if found is None:
                return None
            self._file.seek(found[0])
            raw = self._file.read(found[1])
        return self._line(raw)

    def _line(self, raw: bytes) -> Line:
        """What a line says; one without a body is no answer. Raises :class:`Lost`."""
        line = _read(lambda: self.place.provider.line(raw))
        if line.failure or line.body.strip() not in (b"", b"null"):
            return line
        return Line(line.id, 502, failure="the batch has an answer without a body")

    @property
    def told(self) -> str:
        """How far it is, for people."""
        if self.trouble:
            return self.trouble
        return f"{self.state.done:,} of {self.state.total or self._count:,} answered"


def _read(read: Callable[[], T]) -> T:
    """What a provider's answer says. Raises :class:`Lost` where it does not say what it should:
    then nobody knows what has become of the request."""
    try:
        return read()
    except (*_NO_ANSWER, msgspec.MsgspecError) as error:
        told = f"its answer is not what it should be ({type(error).__name__}: {error})"
        raise Lost(told[:500]) from error


def _count_of(call: Call) -> int:
    """The number of requests in a batch's name."""
    digits = call.name.removeprefix("batch of ").partition(" ")[0].replace(",", "")
    return given.number(digits) or 0
