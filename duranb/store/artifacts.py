"""Larger artifacts as files named by their content; encrypted where their store is."""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import blake3

from duranb.errors import StoreDamaged
from duranb.record.artifacts import Buffer
from duranb.store import files, guarded
from duranb.store.paths import ARTIFACTS, current

if TYPE_CHECKING:  # cryptography is an extra
    from duranb.store.cipher import Cipher


class ArtifactFiles:
    """The artifacts of one store that are files. ``cipher`` is that of an encrypted store."""

    def __init__(self, folder: Path, cipher: Cipher | None = None) -> None:
        self._folder = folder
        self._cipher = cipher
        self._files = current(folder, ARTIFACTS)

    def place(self, digest: str) -> Path:
        """Where the file of a digest lies. Raises :class:`StoreDamaged` for what is none: in a
        store from elsewhere it could be the path of any file."""
        if not files.is_digest(digest):
            raise StoreDamaged(
                f"the store {self._folder} names an artifact {digest[:80]!r}, which is none"
            )
        name = digest if self._cipher is None else self._cipher.name(digest)
        return self._files / name[:2] / name

    def is_whole(self, digest: str, size: int) -> bool:
        """Whether the file of a digest is there, as large as it should be for ``size`` bytes.

        Raises :class:`duranb.errors.StoreUnwritable` where that cannot be told: it is not to be
        replaced then.
        """
        try:
            found = os.lstat(self.place(digest))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise files.unwritable(self._folder, error) from error
        return stat.S_ISREG(found.st_mode) and found.st_size == self._size(size)

    def _size(self, size: int) -> int:
        if self._cipher is None:
            return size
        from duranb.store.cipher import encrypted_size

        return encrypted_size(size)

    def set_aside(self, digest: str) -> None:
        """Move what is not the file of a digest, although it is called so, into quarantine."""
        target = self.place(digest)
        aside = self._folder / "quarantine" / f"{time.time_ns()}"
        guarded.folder(aside, parents=True)
        target.rename(aside / target.name)

    def remove(self, digest: str) -> None:
        """Remove the file of a digest, if there is one. Raises OSError."""
        self.place(digest).unlink(missing_ok=True)

    def write(self, digest: str, parts: Sequence[Buffer]) -> None:
        """Write an artifact so that it is there whole, and durable, or not at all."""
        target = self.place(digest)
        views = [memoryview(p).cast("B") for p in parts]
        if self.is_whole(digest, sum(map(len, views))):
            return
        part = self._part(target)
        try:
            guarded.folder(target.parent)
            self._make(part, digest, views)
            if os.path.lexists(target):
                self.set_aside(digest)
            part.replace(target)
            files.sync_folder(target.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise files.unwritable(self._folder, error) from error

    def write_over(self, digest: str, data: bytes) -> None:
        """Put other bytes in the place of an artifact's, in one step. Raises OSError."""
        target = self.place(digest)
        part = self._part(target)
        self._make(part, digest, [memoryview(data)])
        part.replace(target)
        files.sync_folder(target.parent)

    def _part(self, target: Path) -> Path:
        return target.parent.with_name(f"{target.name}.{secrets.token_hex(4)}{files.PART}")

    def _make(self, part: Path, digest: str, views: Sequence[memoryview]) -> None:
        """Write a new file, and sync it."""
        pieces: Iterable[Buffer] = views
        if self._cipher is not None:
            pieces = self._cipher.chunks(views, digest)
        with files.made(part) as out:
            for piece in pieces:
                files.write_all(out, piece)
            os.fsync(out.fileno())

    def read(self, digest: str, size: int, *, writable: bool = False) -> memoryview:
        """The bytes of an artifact's file of a known size. They are mapped and not copied, unless
        they have to be decrypted. What is written to ``writable`` ones stays in this process.

        Raises :class:`StoreDamaged`.
        """
        access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
        with self._opened(digest, size) as source:
            if self._cipher is None:
                return memoryview(mmap.mmap(source.fileno(), 0, access=access))
            found = memoryview(self._cipher.whole(source, digest, size))
            return found if writable else found.toreadonly()

    def digest(self, digest: str, size: int) -> str:
        """The digest that the bytes of an artifact's file have now. They are held piece by piece.

        Raises :class:`StoreDamaged`.
        """
        if self._cipher is None:
            return files.digest_of([self.read(digest, size)])
        found = blake3.blake3()
        with self._opened(digest, size) as source:
            for piece in self._cipher.pieces(source, digest, size):
                found.update(piece)
        return str(found.hexdigest())

    @contextlib.contextmanager
    def _opened(self, digest: str, size: int) -> Iterator[BinaryIO]:
        """The file of an artifact of a known size; raises :class:`StoreDamaged` for all that is
        wrong with it, also while it is read."""
        try:
            with guarded.reading(self.place(digest)) as source:
                if os.fstat(source.fileno()).st_size != self._size(size):
                    raise ValueError("its size is another one")
                yield source
        except FileNotFoundError as error:
            raise StoreDamaged(
                f"artifact {digest[:12]} is missing from {self._folder / ARTIFACTS}: the history "
                f"names it, but its file is gone. {files.REMEDY}"
            ) from error
        except (OSError, ValueError) as error:  # an empty one, or one that does not decrypt
            raise StoreDamaged(
                f"artifact {digest[:12]} in {self._folder} cannot be read ({error}). {files.REMEDY}"
            ) from error
