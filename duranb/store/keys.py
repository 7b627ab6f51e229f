"""The user's key: what this user stored is signed with it, and only that is unpickled."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import blake3
import platformdirs

KEY_BYTES = 32


def home() -> Path:
    """The folder of the user's key; ``DURANB_HOME`` overrides the platform's own."""
    named = os.environ.get("DURANB_HOME")
    return Path(named) if named else Path(platformdirs.user_data_dir("duranb"))


def user_key() -> bytes:
    """The user's key, made at first use: 32 random bytes that only the user may read.

    Two processes that make it at the same time get the same one: the first link wins.
    """
    file = home() / "key"
    if file.exists():
        return file.read_bytes()
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"key.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(secrets.token_bytes(KEY_BYTES))
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(part, file)
    except FileExistsError:
        pass  # another process was first: its key is the key
    finally:
        part.unlink()
    return file.read_bytes()


def sign(digest: str, key: bytes) -> str:
    """The signature of an artifact's digest."""
    return blake3.blake3(digest.encode(), key=key).hexdigest(16)
