"""A file of lines beside the stores of many runs; encrypted where the stores are.

Each says what came out of a run, which is taken for true without a look at the run's store: so it
is sealed with the user's key, and one that somebody else has written counts as none. The folder has
a key of its own for encryption, kept like that of an encrypted log.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import blake3

from duranb.errors import StoreDamaged, StoreEncrypted
from duranb.store import encryption, files, guarded, keys
from duranb.store.paths import check_folder

if TYPE_CHECKING:  # cryptography is an extra
    from duranb.store.cipher import Cipher

_PLAIN = b"{"
"""How a plain line begins: it is a JSON object. An encrypted one is base64."""


class Lines:
    """The lines of one file, each a JSON object; appended by one process at a time."""

    def __init__(self, file: Path) -> None:
        """Raises :class:`StoreEncrypted` where the key is not here."""
        self._file = file
        self._cipher = encryption.cipher_of(file.parent)

    def begin(self) -> None:
        """Before lines are appended: make their folder, and have them encrypted, where stores are
        to be.

        Raises :class:`StoreEncrypted`, also where there are plain ones already, and
        :class:`duranb.errors.StoreUnwritable`, also for a folder that is a link to another.
        """
        folder = self._file.parent
        try:
            check_folder(folder)
            guarded.folder(folder, parents=True)
        except OSError as error:
            raise files.unwritable(folder, error) from error
        if self._cipher is not None or not encryption.is_wanted():
            return
        if self._raw():
            raise StoreEncrypted(
                f"{self._file} is not encrypted, and {encryption.WANTED} says that what is "
                "recorded is to be. Encrypt it: duranb encrypt NOTEBOOK; or go on without: "
                f"{encryption.WANTED}=0"
            )
        self._cipher = encryption.begin(self._file.parent)

    def __iter__(self) -> Iterator[bytes]:
        """The lines that this user has written; others, and what is damaged, are left out."""
        for line in self._raw():
            found = _opened(self._decrypted(line))
            if found:
                yield found

    def all(self) -> list[bytes]:
        """All lines in plain form, whoever wrote them: to be looked through, never to be relied on.

        Raises :class:`StoreDamaged`.
        """
        return [found for line in self._raw() if (found := self._decrypted(line))]

    def mask(self, masked: Callable[[bytes], bytes]) -> None:
        """Write all of them anew, masked; what is not this user's and has to be masked is left out,
        as it counts as nothing. Raises :class:`duranb.errors.StoreUnwritable`."""
        left = []
        for line in self.all():
            own = _opened(line)
            if masked(own) != own:
                left.append(_sealed(masked(own)))
            elif masked(line) == line:
                left.append(line)
        data = b"".join(_encrypted(line, self._cipher) + b"\n" for line in left)
        files.replace(self._file, data)

    def append(self, line: bytes) -> None:
        """Add a line.

        Raises :class:`duranb.errors.StoreUnwritable`, also for a file that has another name, or
        that is none.
        """
        data = _encrypted(_sealed(line), self._cipher) + b"\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            with os.fdopen(guarded.descriptor(self._file, flags), "ab", buffering=0) as out:
                files.write_all(out, data)
        except OSError as error:
            raise files.unwritable(self._file.parent, error) from error

    def rewrite(self, *, encrypted: bool) -> None:
        """Write all of them encrypted, or in plain form. Done again after a kill, it goes on.

        Raises :class:`StoreEncrypted` or :class:`duranb.errors.StoreUnwritable`.
        """
        if encrypted and self._cipher is None:
            self._cipher = encryption.begin(self._file.parent)
        kept = self.all()
        cipher = self._cipher if encrypted else None
        if self._file.exists():
            data = b"".join(_encrypted(line, cipher) + b"\n" for line in kept)
            files.replace(self._file, data)
        if not encrypted:
            for name in encryption.FILES:
                (self._file.parent / name).unlink(missing_ok=True)
            self._cipher = None

    def change_key(self) -> None:
        """Have another key open them; see :func:`duranb.store.encryption.rewrap`."""
        encryption.rewrap(self._file.parent, encryption.data_key(self._file.parent))

    def _raw(self) -> list[bytes]:
        if not os.path.lexists(self._file):
            return []
        try:
            return guarded.text_of(self._file).splitlines()
        except OSError as error:
            raise StoreDamaged(f"{self._file} cannot be read: {error}") from error

    def _decrypted(self, line: bytes) -> bytes:
        """A line in plain form; empty for what a kill has cut off, or somebody changed."""
        if line.startswith(_PLAIN) or self._cipher is None:
            return line
        with contextlib.suppress(ValueError):
            return self._cipher.decrypt(base64.b64decode(line, validate=True), b"line")
        return b""


_SEALED = re.compile(rb'(\{.+),"seal":"([0-9a-f]{64})"\}')


def _sealed(line: bytes) -> bytes:
    """A line with its seal as one more field, the last."""
    return b'%s,"seal":"%s"}' % (line[:-1], _code(line))


def _opened(line: bytes) -> bytes:
    """A line without its seal; empty where this user has not sealed it."""
    found = _SEALED.fullmatch(line)
    own = found is not None and hmac.compare_digest(found[2], _code(found[1] + b"}"))
    return found[1] + b"}" if found is not None and own else b""


def _code(line: bytes) -> bytes:
    key = keys.derived(keys.user_key(), "line")
    return blake3.blake3(line, key=key).hexdigest().encode()


def _encrypted(line: bytes, cipher: Cipher | None) -> bytes:
    return line if cipher is None else base64.b64encode(cipher.encrypt(line, b"line"))
