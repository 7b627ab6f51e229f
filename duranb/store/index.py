"""Where the artifacts of a store lie, and whether they are what was stored, by this user."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from duranb.errors import StoreDamaged, Untrusted
from duranb.record.events import ArtifactStored, Event
from duranb.store import files, keys
from duranb.store.segments import Place


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the history says of an artifact: in event number ``seq``."""

    seq: int
    body: ArtifactStored
    place: Place


class Index:
    """The artifacts of one store by their digest.

    ``read`` reads a payload of the log. What was stored up to event number ``trusted`` counts as
    signed by this user. Safe from any thread.
    """

    def __init__(self, folder: Path, read: Callable[[Place], bytes], key: bytes) -> None:
        self.trusted = 0
        self._folder = folder
        self._read = read
        self._key = key
        self._known: dict[str, Known] = {}
        self._damaged: set[str] = set()

    def add(self, event: Event, place: Place) -> None:
        """Note an event of the history, if it stores an artifact."""
        if isinstance(event.body, ArtifactStored):
            self._known[event.body.digest] = Known(event.seq, event.body, place)
            self._damaged.discard(event.body.digest)

    def has(self, digest: str) -> bool:
        """Whether an artifact was stored, and not found to be damaged since."""
        return digest in self._known and digest not in self._damaged

    def digests(self) -> list[str]:
        """The digests of all artifacts."""
        return list(self._known)

    def raw(self, digest: str, *, writable: bool = False) -> memoryview:
        """The bytes of an artifact as they are, unchecked. Raises :class:`StoreDamaged`."""
        known = self._known.get(digest)
        if known is None:
            raise StoreDamaged(f"the store {self._folder} has no artifact {digest[:12]}")
        if known.body.in_file:
            return files.read(self._folder, digest, writable=writable)
        return memoryview(self._read(known.place))

    def get(self, digest: str, *, writable: bool = False) -> memoryview:
        """The bytes of an artifact, checked.

        Raises :class:`StoreDamaged`, and :class:`Untrusted` for what somebody else has signed.
        """
        known = self._known.get(digest)
        if known is not None:
            self.check_signature(known)
        data = self.raw(digest, writable=writable)
        try:
            self.check_digest(data, digest)
        except StoreDamaged:
            self._damaged.add(digest)  # to be stored again when it is made again
            raise
        return data

    def set_aside(self, digest: str) -> None:
        """Move the file of a damaged artifact into quarantine."""
        known = self._known.get(digest)
        if digest in self._damaged and known is not None and known.body.in_file:
            with contextlib.suppress(OSError):
                files.set_aside(self._folder, digest)

    def problem(self, digest: str) -> str:
        """What is wrong with an artifact, as a sentence, or an empty string."""
        try:
            self.check_digest(self.raw(digest), digest)
            self.check_signature(self._known[digest])
        except (StoreDamaged, Untrusted) as error:
            return error.message
        return ""

    def check_signature(self, known: Known) -> None:
        """Raise :class:`Untrusted` unless this user signed an artifact, or trusts it."""
        if known.seq > self.trusted and known.body.signature != keys.sign(
            known.body.digest, self._key
        ):
            raise Untrusted(
                f"the store {self._folder} was written by somebody else: its values are code when "
                "they are loaded. If you trust where it comes from: %duranb trust (or: duranb "
                "trust NOTEBOOK)"
            )

    def check_digest(self, data: memoryview, digest: str) -> None:
        """Raise :class:`StoreDamaged` unless the bytes are those of the digest."""
        if files.digest_of([data]) != digest:
            raise StoreDamaged(
                f"artifact {digest[:12]} in {self._folder} is not what was stored. {files.REMEDY}"
            )
