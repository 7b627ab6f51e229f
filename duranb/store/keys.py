"""The user's key: what this user recorded is sealed with it, and only that is acted on.

Workers on several machines are one user: they share a key, as a file or in the environment.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import blake3
import platformdirs

from duranb.errors import StoreError

KEY_BYTES = 32

KEY = "DURANB_KEY"
"""The variable of the environment that holds a key that workers share, as hex digits."""


def home() -> Path:
    """The folder of the user's key; ``DURANB_HOME`` overrides the platform's own."""
    named = os.environ.get("DURANB_HOME")
    return Path(named) if named else Path(platformdirs.user_data_dir("duranb"))


def user_key() -> bytes:
    """The user's key, made at first use: 32 random bytes that only the user may read. Where
    ``DURANB_KEY`` is set (64 hex digits), that is the key.

    Two processes that make it at the same time get the same one: the first link wins. Raises
    :class:`StoreError` where it cannot be had.
    """
    if shared := os.environ.get(KEY):
        return key_of(shared)
    file = home() / "key"
    try:
        if not file.exists():
            _make(file)
        key = file.read_bytes()
    except OSError as error:
        raise StoreError(
            f"your key {file}, with which duranb seals what it records, cannot be read or made "
            f"({error.strerror}): make it readable, or set DURANB_HOME to a folder of yours"
        ) from error
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"your key {file} is damaged ({len(key)} bytes, not {KEY_BYTES}). Put a backup in its "
            "place; or move it away: a new one is made, and duranb trust NOTEBOOK accepts a "
            "store with it"
        )
    return key


def key_of(text: str) -> bytes:
    """The key that a text says, in hex digits. Raises :class:`StoreError` where it says none."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(
            f"{KEY} is no key: it takes {2 * KEY_BYTES} hex digits (make one with: "
            f'python -c "import secrets; print(secrets.token_hex({KEY_BYTES}))")'
        )
    return key


def _make(file: Path) -> None:
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


def derived(key: bytes, purpose: str) -> bytes:
    """A key for one purpose: what is signed for one cannot be shown for another."""
    digest: bytes = blake3.blake3(key, derive_key_context=f"duranb {purpose}").digest()
    return digest
