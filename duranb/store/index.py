"""Where the artifacts of a store lie, and whether they are what was stored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from duranb.errors import StoreDamaged, Untrusted
from duranb.record.events import ArtifactStored, Event, Redacted
from duranb.record.numbers import Numbers
from duranb.store import chain, files
from duranb.store.artifacts import ArtifactFiles
from duranb.store.log import LogReader
from duranb.store.segments import Place


class Known(NamedTuple):
    """What the history says of an artifact, and where its bytes lie if that is in the log."""

    body: ArtifactStored
    place: Place


class Index:
    """The artifacts of one store by their digest: of each it is known which event of the ``log``
    stored it, and all else is read there.

    ``artifacts`` has those in files. ``foreign`` says why this user does not stand for the history
    that names them, or is empty. Safe from any thread.
    """

    def __init__(self, folder: Path, artifacts: ArtifactFiles, log: LogReader) -> None:
        self.foreign = ""
        self.files = artifacts
        self._folder = folder
        self._log = log
        self._stored = Numbers()
        self._damaged: set[str] = set()
        self._now: dict[str, str] = {}  # what was written over, by what it has become, if anything

    def add(self, event: Event) -> None:
        """Note an event of the history, if it stores an artifact."""
        if isinstance(event.body, ArtifactStored):
            self._stored.add(_hash(event.body.digest), event.at)
            self._damaged.discard(event.body.digest)
            self._now.pop(event.body.digest, None)
        elif isinstance(event.body, Redacted):
            self._now |= event.body.artifacts
            self._now |= dict.fromkeys(event.body.removed, "")

    def _known(self, digest: str) -> Known | None:
        """What the latest event that stored an artifact says of it."""
        for at in reversed(self._stored.get(_hash(digest))):
            record = self._log.record(at)
            body = chain.body(record.data)
            if isinstance(body, ArtifactStored) and body.digest == digest:
                return Known(body, record.place)
        return None

    def has(self, digest: str) -> bool:
        """Whether an artifact was stored, and not found to be damaged since."""
        if digest in self._damaged or digest in self._now:
            return False
        try:
            return self._known(digest) is not None
        except StoreDamaged:  # so it is stored again
            return False

    def is_written_over(self, digest: str) -> bool:
        """Whether something was taken out of an artifact: its bytes are not those of its digest."""
        return digest in self._now

    def _all(self) -> Iterator[ArtifactStored]:
        for at in sorted(self._stored.numbers()):
            body = chain.body(self._log.record(at).data)
            if isinstance(body, ArtifactStored) and self._now.get(body.digest) != "":
                yield body

    def remove(self) -> None:
        """Remove the files of artifacts of which the history says that nothing is left: those too
        that a process left which was killed meanwhile. Raises OSError."""
        for digest in [digest for digest, now in self._now.items() if not now]:
            self.files.remove(digest)

    def sizes_in_files(self) -> dict[str, int]:
        """The bytes that each artifact in a file has. Raises :class:`StoreDamaged`."""
        latest = {body.digest: body for body in self._all()}
        return {digest: body.size for digest, body in latest.items() if body.in_file}

    def digests(self) -> list[str]:
        """The digests of all artifacts that are left. Raises :class:`StoreDamaged` where the log
        cannot be read any more."""
        return list(dict.fromkeys(body.digest for body in self._all()))

    def digests_in_files(self) -> list[str]:
        """Those of the artifacts that are files. Raises :class:`StoreDamaged`."""
        latest = {body.digest: body.in_file for body in self._all()}
        return [digest for digest, in_file in latest.items() if in_file]

    def raw(self, digest: str, *, writable: bool = False) -> memoryview:
        """The bytes of an artifact as they are, unchecked. Raises :class:`StoreDamaged`."""
        known = self._known(digest) if self._now.get(digest) != "" else None
        if known is None:
            raise StoreDamaged(f"the store {self._folder} has no artifact {digest[:12]}")
        if known.body.in_file:
            return self.files.read(digest, known.body.size, writable=writable)
        return memoryview(self._log.read(known.place))

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
        if digest not in self._damaged:
            return
        with contextlib.suppress(OSError, StoreDamaged):
            known = self._known(digest)
            if known is not None and known.body.in_file:
                self.files.set_aside(digest)

    def problem(self, digest: str) -> str:
        """What is wrong with an artifact, as a sentence, or an empty string."""
        try:
            known = self._known(digest)
            if known is not None and known.body.in_file:
                self._check(self.files.digest(digest, known.body.size), digest)
            else:
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
        self._check(files.digest_of([data]), digest)

    def _check(self, now: str, digest: str) -> None:
        if now not in (digest, self._now.get(digest)):
            raise StoreDamaged(
                f"artifact {digest[:12]} in {self._folder} is not what was stored. {files.REMEDY}"
            )


def _hash(digest: str) -> int:
    """64 bits of a digest; 0 for what is none."""
    try:
        return int(digest[:16], 16) if digest.isalnum() else 0
    except ValueError:
        return 0
