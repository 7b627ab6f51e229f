"""Where the artifacts of a store lie, and whether they are what was stored."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from duranb.errors import StoreDamaged, Untrusted
from duranb.record.events import ArtifactStored, Event, Redacted
from duranb.store import files
from duranb.store.artifacts import ArtifactFiles
from duranb.store.segments import Place


class Known(msgspec.Struct, frozen=True, gc=False):
    """What the history says of an artifact."""

    body: ArtifactStored
    place: Place


class Index:
    """The artifacts of one store by their digest.

    ``read`` reads a payload of the log, ``artifacts`` has those in files. ``foreign`` says why this
    user does not stand for the history that names them, or is empty. Safe from any thread.
    """

    def __init__(
        self, folder: Path, artifacts: ArtifactFiles, read: Callable[[Place], bytes]
    ) -> None:
        self.foreign = ""
        self.files = artifacts
        self._folder = folder
        self._read = read
        self._known: dict[str, Known] = {}
        self._damaged: set[str] = set()
        self._now: dict[str, str] = {}  # what was written over, by what it has become

    def add(self, event: Event, place: Place) -> None:
        """Note an event of the history, if it stores an artifact."""
        if isinstance(event.body, ArtifactStored):
            self._known[event.body.digest] = Known(event.body, place)
            self._damaged.discard(event.body.digest)
            self._now.pop(event.body.digest, None)
        elif isinstance(event.body, Redacted):
            self._now |= event.body.artifacts

    def has(self, digest: str) -> bool:
        """Whether an artifact was stored, and not found to be damaged since."""
        return digest in self._known and not (digest in self._damaged or digest in self._now)

    def is_written_over(self, digest: str) -> bool:
        """Whether something was taken out of an artifact: its bytes are not those of its digest."""
        return digest in self._now

    def digests(self) -> list[str]:
        """The digests of all artifacts."""
        return list(self._known)

    def digests_in_files(self) -> list[str]:
        """Those of the artifacts that are files."""
        return [digest for digest, known in list(self._known.items()) if known.body.in_file]

    def raw(self, digest: str, *, writable: bool = False) -> memoryview:
        """The bytes of an artifact as they are, unchecked. Raises :class:`StoreDamaged`."""
        known = self._known.get(digest)
        if known is None:
            raise StoreDamaged(f"the store {self._folder} has no artifact {digest[:12]}")
        if known.body.in_file:
            return self.files.read(digest, known.body.size, writable=writable)
        return memoryview(self._read(known.place))

    def get(self, digest: str, *, writable: bool = False) -> memoryview:
        """The bytes of an artifact, checked.

        Raises :class:`StoreDamaged`, and :class:`Untrusted` where the history is not this user's.
        """
        self.check_ours()
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
                self.files.set_aside(digest)

    def problem(self, digest: str) -> str:
        """What is wrong with an artifact, as a sentence, or an empty string."""
        try:
            self.check_digest(self.raw(digest), digest)
        except StoreDamaged as error:
            return error.message
        return ""

    def check_ours(self) -> None:
        """Raise :class:`Untrusted` unless this user wrote the history, or trusts it."""
        if self.foreign:
            raise Untrusted(self.foreign)

    def check_digest(self, data: memoryview, digest: str) -> None:
        """Raise :class:`StoreDamaged` unless the bytes are those of the digest."""
        if files.digest_of([data]) not in (digest, self._now.get(digest)):
            raise StoreDamaged(
                f"artifact {digest[:12]} in {self._folder} is not what was stored. {files.REMEDY}"
            )
