"""Where numbered objects lie: a folder, or object storage (S3, GCS, Azure) through obstore.

All that is asked of it is a put that does nothing where there is an object already: of two writers
that want the same number, one gets it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from duranb.errors import StoreError, StoreUnwritable, UsageError
from duranb.store import files, guarded
from duranb.store.paths import real

AT_ONCE = 16
"""Objects that are read at once, where each takes a round trip."""


ARTIFACTS = "artifacts"
"""The folder of the objects that are values, each by its digest."""


class Bucket(Protocol):
    """Objects by their names, which are paths with slashes. Safe from any thread.

    Each method raises :class:`duranb.errors.StoreError` where it cannot be done; of a
    :meth:`create` that raised nobody knows whether the object is there.
    """

    def create(self, name: str, data: bytes) -> bool:
        """Put an object, durable when this returns; False where there is one of that name."""

    def get(self, name: str) -> bytes | None:
        """An object, or None where there is none."""

    def get_many(self, names: Sequence[str]) -> Iterable[bytes | None]:
        """The same for several, in their order."""

    def names(self, prefix: str, after: str = "") -> list[str]:
        """The names of the objects in the folder ``prefix`` and those in it, sorted: those that
        come after the name ``after``."""


def open_bucket(url: str) -> Bucket:
    """The bucket at a URL (``s3://…``, ``gs://…``, ``az://…``, ``file:///…``), or in a folder.

    Credentials and endpoints come from the environment, as for the cloud's own tools. Raises
    :class:`duranb.errors.UsageError` for a URL that is none, and where obstore is missing.
    """
    parts = urlsplit(url)
    if parts.scheme in ("", "file") or len(parts.scheme) == 1:  # one letter: a drive
        path = unquote(parts.path) if parts.scheme == "file" else url
        return Folder(real(Path(path).expanduser()))
    return Remote(url)


class Folder:
    """Objects as files. Where several machines share it (NFS), hard links must be atomic."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self, name: str, data: bytes) -> bool:
        """See :meth:`Bucket.create`. The bytes are synced before the name is there, and the name
        before this returns."""
        target = self._root / name
        part = target.with_name(f"{target.name}.{secrets.token_hex(4)}{files.PART}")
        try:
            self._make_folder(target.parent)
            opened = guarded.descriptor(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                with os.fdopen(opened, "wb", buffering=0) as out:
                    view = memoryview(data)
                    while view:
                        view = view[out.write(view) :]
                    os.fsync(out.fileno())
                os.link(part, target)
            except FileExistsError:
                return False
            finally:
                with contextlib.suppress(OSError):
                    part.unlink()
            files.sync_folder(target.parent)
        except OSError as error:
            raise files.unwritable(self._root, error) from error
        return True

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, each durable in the one that it lies in."""
        if folder.is_dir():
            return
        if folder != self._root:
            self._make_folder(folder.parent)
        guarded.folder(folder, parents=True)
        files.sync_folder(folder.parent)

    def get(self, name: str) -> bytes | None:
        """See :meth:`Bucket.get`."""
        # A value may be a gigabyte of zeros, of which some file systems make a hole.
        read = _bytes_of if name.startswith(f"{ARTIFACTS}/") else guarded.text_of
        try:
            return read(self._root / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, MemoryError, OverflowError) as error:
            why = error if isinstance(error, OSError) else "it is larger than the memory"
            raise StoreError(f"{self._root / name} cannot be read: {why}") from error

    def get_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """See :meth:`Bucket.get_many`."""
        return map(self.get, names)

    def names(self, prefix: str, after: str = "") -> list[str]:
        """See :meth:`Bucket.names`."""
        found = []
        for at, _, within in os.walk(self._root / prefix):
            folder = Path(at).relative_to(self._root).as_posix()
            found += [f"{folder}/{name}" for name in within if not name.endswith(files.PART)]
        return sorted(name for name in found if name > after)


def _bytes_of(file: Path) -> bytes:
    with guarded.reading(file) as opened:
        return opened.read()


class Remote:
    """Objects in object storage, whose puts can be conditional."""

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore import exceptions, store
        except ImportError as error:
            raise UsageError(f"{url} needs obstore: pip install 'duranb[temporal]'") from error
        self._url = url
        self._obstore: Any = obstore
        self._exists: Any = exceptions.AlreadyExistsError
        self._missing: Any = exceptions.NotFoundError
        self._failed: Any = exceptions.BaseError
        try:
            self._store: Any = store.from_url(url)
        except (self._failed, ValueError) as error:
            raise UsageError(
                f"{url} is no place for objects: it takes a folder, s3://BUCKET/…, gs://BUCKET/… "
                f"or az://CONTAINER/… ({_first_line(error)})"
            ) from error

    def create(self, name: str, data: bytes) -> bool:
        """See :meth:`Bucket.create`."""
        try:
            self._obstore.put(self._store, name, data, mode="create")
        except self._exists:
            return False
        except self._failed as error:
            raise StoreUnwritable(
                f"{self._url} cannot be written: {_first_line(error)}. What was acknowledged is "
                "safe, and the step goes on from there when it runs again"
            ) from error
        return True

    def get(self, name: str) -> bytes | None:
        """See :meth:`Bucket.get`."""
        try:
            return bytes(self._obstore.get(self._store, name).bytes())
        except (self._missing, FileNotFoundError):
            return None
        except self._failed as error:
            raise StoreError(f"{self._url}/{name} cannot be read: {_first_line(error)}") from error

    def get_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """See :meth:`Bucket.get_many`."""
        return _pool().map(self.get, names)

    def names(self, prefix: str, after: str = "") -> list[str]:
        """See :meth:`Bucket.names`."""
        try:
            batches = self._obstore.list(self._store, prefix=prefix, offset=after or None)
            return sorted(meta["path"] for batch in batches for meta in batch)
        except self._failed as error:
            raise StoreError(f"{self._url} cannot be listed: {_first_line(error)}") from error


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="duranb-objects")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
