"""The last event that was acknowledged at a place, kept in the user's own folder.

A store that an older copy was put in the place of is whole, and sealed by its user: only what lies
elsewhere can tell that it was further on. A copy at another place has a head of its own.
"""

from __future__ import annotations

import contextlib
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import blake3

from duranb.store import guarded, keys
from duranb.store.segments import HASH_BYTES, STORE_BYTES

if TYPE_CHECKING:  # cryptography is an extra
    from duranb.store.cipher import Cipher

HEADS = "heads"
_HEAD = struct.Struct(f"<{STORE_BYTES}sQ{HASH_BYTES}s")


class Head(NamedTuple):
    """The last event acknowledged by a store, given by its id."""

    store: bytes
    seq: int
    hash: bytes


def read(folder: Path) -> Head | None:
    """The head of the store that lay in a folder last, or None where nothing is known of one."""
    try:
        return Head(*_HEAD.unpack(guarded.read(place(folder))))
    except (OSError, struct.error):
        return None


class Heads:
    """Writes the head of the store in a folder; like the tail, without a sync."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        file = place(folder)
        guarded.folder(file.parent, parents=True)
        self._descriptor = guarded.descriptor(file, os.O_RDWR | os.O_CREAT)

    def write(self, head: Head) -> None:
        """Set it."""
        # An older one only makes the comparison weaker.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, _HEAD.pack(*head), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def outside(digest: bytes, cipher: Cipher | None) -> bytes:
    """The hash of an event as it is kept outside of its store."""
    return digest if cipher is None else cipher.blind(digest)


def place(folder: Path) -> Path:
    """The file for the store that lies in a folder."""
    return keys.home() / HEADS / blake3.blake3(bytes(folder.resolve())).hexdigest(16)
