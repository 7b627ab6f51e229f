"""What somebody else has written, and this user trusts: the history up to an event.

One line in a file of its own, signed with the user's key over the hash of that event. The hash
covers everything before it, so nothing can be added to what is trusted, or changed in it, and it
is of no use beside another store.
"""

from __future__ import annotations

from pathlib import Path

import blake3
import msgspec

from duranb.store import files, guarded, keys
from duranb.store.paths import TRUST


class Trusted(msgspec.Struct, frozen=True):
    """The user trusts the history up to event ``seq``, whose hash is ``hash``."""

    seq: int
    hash: bytes
    signature: str


def read(folder: Path, key: bytes) -> Trusted | None:
    """What the user with this key trusts in a store, or None."""
    try:
        found = msgspec.json.decode(guarded.read(folder / TRUST), type=Trusted)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
    return found if found.signature == _sign(found.seq, found.hash, key) else None


def write(folder: Path, key: bytes, seq: int, digest: bytes) -> None:
    """Trust the history up to an event. Raises :class:`duranb.errors.StoreUnwritable`."""
    found = Trusted(seq, digest, _sign(seq, digest, key))
    files.replace(folder / TRUST, msgspec.json.encode(found))


def _sign(seq: int, digest: bytes, key: bytes) -> str:
    text = f"trust {seq} {digest.hex()}"
    return blake3.blake3(text.encode(), key=keys.derived(key, "trust")).hexdigest(16)
