"""A store of numbered objects, behind the same port as the one on disk: for workers that share
nothing but object storage.

Each append is one conditional put of the next number. Whoever opens a log to write takes the next
number too, so a writer that was there before finds its place taken at its next append, and is told
so (:class:`duranb.errors.Superseded`): what it does from then on is not recorded, and before an
effect the record comes first. Nobody takes a log over from a writer of a later *epoch*.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import quote, unquote

import msgspec

from duranb.errors import StoreDamaged, StoreError, Superseded, UsageError
from duranb.record import events as e
from duranb.record.artifacts import Buffer
from duranb.record.events import Event, EventBody
from duranb.store import batches, encryption, files, keys
from duranb.store.batches import Batch
from duranb.store.buckets import ARTIFACTS, Bucket
from duranb.store.log import Line
from duranb.store.port import Listener, Receipt
from duranb.store.writer import Draft, Writer
from duranb.text.known import KNOWN

INLINE = 32 << 10
"""Bytes up to which an artifact lies in the batch that names it, and costs no object of its own."""

Opening = Callable[[Sequence[Event]], Sequence[EventBody]]
"""What whoever opens a log has to say first, given what is in it."""

RUNS = "runs"
"""The folder of the logs of nodes."""

SHARES = "shares"
"""The folder of the logs of shares; what is in them is in the node's log too once it goes on."""

COMPACTED = "compacted"
"""The folder of objects that have the first batches of a log in one."""

COMPACT = 256
"""Batches that were read one by one, from which on they are put into one object."""

LARGEST = 256 << 20
"""Bytes of such an object at most: it is held in memory while it is put."""

TRIES = 50
"""How often a place is tried that others take first."""


NOTHING: Mapping[str, bytes] = MappingProxyType({})

OWN = b""
"""Stands for the user's own key."""


def _sealing(key: bytes | None) -> bytes | None:
    """The key that objects are sealed with; None where it does not matter with which."""
    return None if key is None else keys.derived(key or keys.user_key(), "objects")


class ObjectArtifacts:
    """Bytes by their content, an object each; those of all runs in a bucket are kept once.

    They are sealed with ``key``; those that anybody has sealed are read where it is None.
    """

    def __init__(self, bucket: Bucket, key: bytes | None = OWN) -> None:
        self._bucket = bucket
        self._key = _sealing(key)

    def put(self, parts: Sequence[Buffer]) -> str:
        """See :meth:`duranb.record.artifacts.Artifacts.put`."""
        data = KNOWN.masked(b"".join(parts))
        digest = files.digest_of([memoryview(data)])
        self.keep(digest, data)
        return digest

    def keep(self, digest: str, data: bytes) -> None:
        """Put the artifact with this digest, unless it is there."""
        assert self._key is not None
        self._bucket.create(_place(digest), batches.seal_artifact(data, digest, self._key))

    def get(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.get`."""
        raw = self._bucket.get(_place(digest))
        data = None if raw is None else batches.open_artifact(raw, digest, self._key)
        if data is None:
            what = "missing from" if raw is None else "damaged in"
            raise StoreDamaged(f"artifact {digest[:12]} is {what} the bucket")
        return data

    def copy(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.copy`."""
        return memoryview(bytearray(self.get(digest)))


class ObjectStore:
    """One log in a bucket, and the artifacts beside it; open to write. Safe from any thread.

    It is a :class:`duranb.store.port.Port`. ``place`` names the log; ``epoch`` counts how often it
    was given to somebody to go on with. A put whose outcome is unknown ends the writing: whoever
    opens the log next reads what became of it.
    """

    def __init__(
        self,
        bucket: Bucket,
        place: str,
        epoch: int = 0,
        *,
        opening: Opening = lambda events: (),
        beside: Mapping[str, bytes] = NOTHING,
    ) -> None:
        """Read the log, and take its next number; with it goes what ``opening`` makes of the events
        that were read. ``beside`` are short artifacts of another log, by digest.

        Raises :class:`Superseded` where a writer of a later epoch has it,
        :class:`duranb.errors.Untrusted`, or another :class:`duranb.errors.StoreError`.
        """
        encryption.refuse_where_wanted("a journal in object storage")
        self.listeners: list[Listener] = []
        self._artifacts = ObjectArtifacts(bucket)
        self._mutex = threading.RLock()  # as that of the store on disk
        self._unsent: dict[str, bytes] = {}
        self._sent: dict[str, bytes] = {}
        self._log = _Log(bucket, place, epoch)
        self._beside = beside
        self._log.take_over(opening)
        self._writer = Writer(self._log, self._artifacts.keep, self._stored, self._log.check)

    # -- artifacts -------------------------------------------------------------------------

    def put(self, parts: Sequence[Buffer]) -> str:
        """See :meth:`duranb.record.artifacts.Artifacts.put`: durable with the next append."""
        data = KNOWN.masked(b"".join(parts))
        digest = files.digest_of([memoryview(data)])
        with self._mutex:
            if digest not in self._sent and digest not in self._log.payloads:
                self._unsent[digest] = data
        return digest

    def get(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.get`."""
        with self._mutex:
            here = self._unsent.get(digest, self._sent.get(digest))
        here = self._log.payloads.get(digest) if here is None else here
        here = self._beside.get(digest) if here is None else here
        return self._artifacts.get(digest) if here is None else memoryview(here)

    def copy(self, digest: str) -> memoryview:
        """See :meth:`duranb.record.artifacts.Artifacts.copy`."""
        return memoryview(bytearray(self.get(digest)))

    # -- events ----------------------------------------------------------------------------

    def append(self, *bodies: EventBody, expected: int | None = None) -> Receipt:
        """See :meth:`duranb.store.port.Port.append`. The receipt raises
        :class:`duranb.errors.StoreUnwritable` where the bucket cannot be written, and
        :class:`Superseded` once another writer has the log."""
        receipt = Receipt(self._writer.hurry)
        with self._mutex:
            taken, self._unsent = self._unsent, {}
            self._sent |= taken
            small = [(d, x) for d, x in taken.items() if len(x) <= INLINE]
            large = [(d, x) for d, x in taken.items() if len(x) > INLINE]
            lines = [
                _line(e.ArtifactStored(digest=d, size=len(x), in_file=False), x) for d, x in small
            ]
            lines += [
                _line(e.ArtifactStored(digest=d, size=len(x), in_file=True)) for d, x in large
            ]
            lines += [_line(e.public(body)[0]) for body in bodies]

            def undo() -> None:
                """What was put and could not be written goes with the next events."""
                with self._mutex:
                    self._unsent = {**taken, **self._unsent}
                    for digest in taken:
                        self._sent.pop(digest, None)

            self._writer.append(Draft(lines, receipt, expected, large, undo))
        return receipt

    def events(self, after: int = 0) -> list[Event]:
        """See :meth:`duranb.store.port.Port.events`."""
        return self._log.events[after:]

    def close(self) -> None:
        """Write what is queued, and let go of the log."""
        self._writer.close()

    def _stored(self, events: Sequence[Event]) -> None:
        with self._mutex:
            for event in events:
                if isinstance(event.body, e.ArtifactStored):
                    self._sent.pop(event.body.digest, None)
        for listener in self.listeners if events else ():
            listener(events)


def read(
    bucket: Bucket, place: str, key: bytes | None = OWN
) -> tuple[list[Event], dict[str, bytes]]:
    """The events of a log and its short artifacts, by digest, to look at: those sealed with
    ``key``, or by anybody where that is None. Raises what opening it does."""
    log = _Log(bucket, place, 0, key)
    log.read_on()
    return log.events, log.payloads


class _Log:
    """The numbered objects of one log. Only :meth:`append` is called on another thread."""

    def __init__(self, bucket: Bucket, place: str, epoch: int, key: bytes | None = OWN) -> None:
        if not place or place.startswith("/") or ".." in place.split("/"):
            raise UsageError(f"{place!r} is no place for a log")
        self.events: list[Event] = []
        self.payloads: dict[str, bytes] = {}
        self._bucket, self._place, self._epoch = bucket, place, epoch
        self._key = _sealing(key)
        self._writer = f"{os.getpid()}@{socket.gethostname()} {secrets.token_hex(8)}"
        self._next = 0
        self._seal = batches.GENESIS
        self._latest: Batch | None = None
        self._raw: list[bytes] = []
        self._singly = 0
        self._lost: StoreError | None = None

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self.events)

    def check(self) -> None:
        """Raise what has ended the writing."""
        if self._lost is not None:
            raise self._lost

    def take_over(self, opening: Opening) -> None:
        """Read the log and take its next number; see :class:`ObjectStore`."""
        for _ in range(TRIES):
            self.read_on()
            latest = self._latest
            if latest is not None and latest.epoch > self._epoch:
                raise self._superseded(latest)
            now = time.time_ns() // 1000
            claim = self._batch([(now, e.encode(body)[1]) for body in opening(self.events)], {})
            name, raw = self._named(claim)
            if self._bucket.create(name, raw) or self._bucket.get(name) == raw:
                self._take(claim, raw[: batches.SEAL])
                self._compact()
                return
        raise Superseded(f"{self._place}: others have taken each of {TRIES} places first")

    def read_on(self) -> None:
        """Take in what was appended since."""
        if not self._next:
            self._read_compacted()
        last = self._name(self._next - 1) if self._next else ""
        names = self._bucket.names(f"{self._place}/", after=last)
        for name, raw in zip(names, self._bucket.get_many(names), strict=True):
            if name != self._name(self._next) or raw is None:
                raise StoreDamaged(f"{self._name(self._next)} is missing from the bucket")
            self._take_in(raw)
            self._singly += 1

    def _read_compacted(self) -> None:
        """Take in the first batches from the object that has most of them, if there is one."""
        names = self._bucket.names(f"{COMPACTED}/{self._place}/")
        whole = self._bucket.get(names[-1]) if names else None
        if whole is None:
            return
        try:
            found = msgspec.msgpack.decode(whole, type=list[bytes])
        except msgspec.MsgspecError as error:
            raise StoreDamaged(
                f"{names[-1]} is damaged: all that is in it lies in {self._place} too, so delete it"
            ) from error
        for raw in found:
            self._take_in(raw)

    def _take_in(self, raw: bytes) -> None:
        batch, seal = batches.decode(raw, self._key, self._name(self._next), self._seal)
        self._take(batch, seal)
        self._raw.append(raw)

    def _compact(self) -> None:
        """Put all batches that were read into one object as well, where they were many: whoever
        opens the log next reads that and what came after. Each keeps its own seal."""
        size = sum(map(len, self._raw))
        if self._singly >= COMPACT and size <= LARGEST:
            whole = msgspec.msgpack.encode(self._raw)
            self._bucket.create(f"{COMPACTED}/{self._place}/{len(self._raw):08d}", whole)
        self._raw = []

    def append(self, lines: Sequence[Line]) -> list[Event]:
        """Put a batch under the next number; its events, durable."""
        now = time.time_ns() // 1000
        payloads = dict(_short(lines))
        batch = self._batch([(now, line.data) for line in lines], payloads)
        name, raw = self._named(batch)
        try:
            if not self._bucket.create(name, raw):
                found = self._bucket.get(name)
                if found != raw:  # else it is this very batch, put by a try that seemed to fail
                    raise self._superseded(self._decoded(found, name))
        except StoreError as error:
            self._lost = error
            raise
        bodies = [line.body for line in lines]
        return self._take(batch, raw[: batches.SEAL], bodies)

    def _take(
        self, batch: Batch, seal: bytes, bodies: Sequence[EventBody] | None = None
    ) -> list[Event]:
        if bodies is None:
            bodies = self._decoded_events(batch)
        times = [at for at, _ in batch.lines]
        numbered = enumerate(zip(times, bodies, strict=True), self.last + 1)
        events = [Event(seq, at, body) for seq, (at, body) in numbered]
        self.payloads.update(batch.payloads)
        self.events += events
        self._seal, self._latest = seal, batch
        self._next += 1
        return events

    def _decoded_events(self, batch: Batch) -> list[EventBody]:
        try:
            bodies = [e.decode(data) for _, data in batch.lines]
        except msgspec.MsgspecError as error:
            raise StoreDamaged(f"{self._name(self._next)} holds no events: {error}") from error
        if not all(0 <= at < e.NEVER for at, _ in batch.lines):
            raise StoreDamaged(f"{self._name(self._next)} holds events of no time")
        return bodies

    def _batch(self, lines: list[tuple[int, str]], payloads: dict[str, bytes]) -> Batch:
        return Batch(batches.FORMAT, self._writer, self._epoch, lines, payloads)

    def _named(self, batch: Batch) -> tuple[str, bytes]:
        name = self._name(self._next)
        assert self._key is not None
        return name, batches.encode(batch, self._key, name, self._seal)

    def _name(self, number: int) -> str:
        return f"{self._place}/{number:08d}"

    def _decoded(self, raw: bytes | None, name: str) -> Batch | None:
        return None if raw is None else batches.decode(raw, self._key, name, self._seal)[0]

    def _superseded(self, by: Batch | None) -> Superseded:
        who = f" ({by.writer.split()[0]})" if by is not None else ""
        return Superseded(
            f"another worker{who} has taken over {self._place}: nothing more is written here, and "
            "it goes on from what was recorded"
        )


def _line(body: EventBody, payload: bytes = b"") -> Line:
    return Line(body, e.encode(body)[1], payload)


def _short(lines: Sequence[Line]) -> Iterator[tuple[str, bytes]]:
    """The short artifacts among events to be appended."""
    for body, _, payload, _ in lines:
        if isinstance(body, e.ArtifactStored) and not body.in_file:
            yield body.digest, payload


def place_of(run: str, node: str) -> str:
    """Where the log of a node of a run lies in a bucket."""
    return f"{RUNS}/{quote(run, safe='')}/{quote(node, safe='')}"


def share_of(run: str, node: str, share: str) -> str:
    """Where the log lies of a worker that carries out a share of a map in a node."""
    return f"{SHARES}/{quote(run, safe='')}/{quote(node, safe='')}/{quote(share, safe='')}"


def places(bucket: Bucket, run: str = "") -> dict[str, list[str]]:
    """The runs in a bucket (or the one called so), each with the nodes that have a log."""
    found: dict[str, dict[str, None]] = {}
    for name in bucket.names(f"{RUNS}/{quote(run, safe='')}/" if run else f"{RUNS}/"):
        parts = name.split("/", 3)
        if len(parts) == 4:  # else somebody else put it there
            found.setdefault(unquote(parts[1]), {})[unquote(parts[2])] = None
    return {of: [*nodes] for of, nodes in found.items()}


def _place(digest: str) -> str:
    if not files.is_digest(digest):
        raise StoreDamaged(f"{digest!r} is no digest of an artifact")
    return f"{ARTIFACTS}/{digest[:2]}/{digest}"
