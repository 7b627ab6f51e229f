"""Encrypting what a store holds, and decrypting it: AES-256-GCM under the store's data key.

What is encrypted is bound to its place by what it is *about*: the same bytes at another place do
not decrypt. Artifacts in files are encrypted in chunks under a key of their own, so that a large
one is written as it comes and what was changed or cut off is noticed chunk by chunk.
``duranb/FORMAT.md`` has the tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import BinaryIO

import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from duranb.store import keys

KEY_BYTES = 32
"""Of the data key: AES-256."""

_NONCE = 12
_TAG = 16

OVER = _NONCE + _TAG
"""Bytes by which what is encrypted is longer than what it was."""

CHUNK = 1 << 20
"""Bytes of an artifact that are encrypted together."""

_SALT = 32
_CHUNK_NONCE = Struct(">QI")
"""Of a chunk: its number from 0, and whether it is the last one."""


class Illegible(ValueError):
    """Something does not decrypt: it was changed, or lies at another place than it was made for."""


class Cipher:
    """Encrypts and decrypts for one store. Safe from any thread."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(keys.derived(key, "encrypted events"))
        self._files = keys.derived(key, "encrypted files")
        self._names = keys.derived(key, "encrypted names")

    def encrypt(self, data: bytes, about: bytes) -> bytes:
        """Bytes encrypted, with the nonce in front: ``OVER`` bytes longer."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, data, about)

    def decrypt(self, data: bytes, about: bytes) -> bytes:
        """What was encrypted to be about the same. Raises :class:`Illegible`."""
        try:
            return self._aead.decrypt(data[:_NONCE], data[_NONCE:], about)
        except (InvalidTag, ValueError) as error:
            raise Illegible("it does not decrypt") from error

    def name(self, digest: str) -> str:
        """What the file of an artifact is called: its digest would tell whoever has a file whether
        it is the same."""
        return blake3.blake3(bytes.fromhex(digest), key=self._names).hexdigest()

    def blind(self, digest: bytes) -> bytes:
        """A hash as it may lie outside of the store: of two that follow each other, one could be
        used to check a guess of the event between."""
        return blake3.blake3(digest, key=self._names).digest(len(digest))

    # -- artifacts in files ----------------------------------------------------------------

    def chunks(self, parts: Sequence[memoryview], digest: str) -> Iterator[bytes]:
        """The file of an artifact, piece by piece."""
        salt, about = os.urandom(_SALT), bytes.fromhex(digest)
        aead = self._of_file(salt)
        yield salt
        last = _chunks_of(sum(map(len, parts))) - 1
        for number, chunk in enumerate(_cut(parts)):
            yield aead.encrypt(_CHUNK_NONCE.pack(number, number == last), chunk, about)

    def pieces(self, file: BinaryIO, digest: str, size: int) -> Iterator[bytes]:
        """The artifact of ``size`` bytes that a file holds, piece by piece: as much memory as one
        takes is enough for any of them.

        Raises :class:`Illegible`, which says which part of it was changed, and OSError.
        """
        aead, about = self._of_file(file.read(_SALT)), bytes.fromhex(digest)
        last = _chunks_of(size) - 1
        for number in range(last + 1):
            at = number * CHUNK
            end = min(at + CHUNK, size)
            nonce = _CHUNK_NONCE.pack(number, number == last)
            try:
                piece = aead.decrypt(nonce, file.read(end - at + _TAG), about)
            except (InvalidTag, ValueError) as error:
                raise Illegible(f"bytes {at} to {end} of it do not decrypt") from error
            yield piece

    def whole(self, file: BinaryIO, digest: str, size: int) -> bytearray:
        """The same in one. Raises what :meth:`pieces` does."""
        found, at = bytearray(size), 0
        for piece in self.pieces(file, digest, size):
            found[at : at + len(piece)] = piece
            at += len(piece)
        return found

    def _of_file(self, salt: bytes) -> AESGCM:
        return AESGCM(blake3.blake3(salt, key=self._files).digest())


def encrypted_size(size: int) -> int:
    """Bytes of the file of an artifact of ``size`` bytes."""
    return _SALT + size + _chunks_of(size) * _TAG


def _chunks_of(size: int) -> int:
    return -(-size // CHUNK)


def _cut(parts: Sequence[memoryview]) -> Iterator[bytes | memoryview]:
    """The concatenation of some parts, in chunks; what lies in one piece is not copied."""
    held = bytearray()
    for part in parts:
        at = 0
        if held:
            at = CHUNK - len(held)
            held += part[:at]
            if len(held) < CHUNK:
                continue
            yield bytes(held)
            held.clear()
        while len(part) - at >= CHUNK:
            yield part[at : at + CHUNK]
            at += CHUNK
        held += part[at:]
    if held:
        yield bytes(held)
