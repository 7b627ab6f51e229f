"""The layout of frames whose content is encrypted.

What tells anything of the history is encrypted: JSON, payloads, times, hashes and seals. Hashes
would let whoever has two that follow each other check a guess of the event between them. The chain
and the seals are those that the same history has in plain form: encrypting it, or decrypting it,
changes neither what is authenticated nor who stands for it.

Each part is encrypted by itself, so that an event can be read alone, and that of a frame in which
a byte was changed all else can be read.
"""

from __future__ import annotations

import struct

from duranb.store.cipher import OVER, Cipher, Illegible
from duranb.store.segments import ENCRYPTED, HASH_BYTES, SEAL, Front, Layout, Seal

_STAMP = struct.Struct(f"<Q{HASH_BYTES}s")
"""Of an event: time and hash."""

_SIZES = struct.Struct("<QII")
"""Of an event: number, bytes of its encrypted JSON, bytes of its encrypted payload."""

_NO_STAMP = 0, bytes(HASH_BYTES)

_PLACE = struct.Struct("<QQ")


class Encrypted(Layout):
    """Frames encrypted by a cipher, each part bound to its place."""

    version = ENCRYPTED
    seal_size = SEAL.size + OVER
    front_size = _SIZES.size + _STAMP.size + OVER

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def before(self, digest: bytes) -> bytes:
        """See :class:`Layout`: nothing."""
        return bytes(HASH_BYTES)

    def seal(self, seal: Seal, segment: int, at: int) -> bytes:
        """See :class:`Layout`."""
        return self._cipher.encrypt(SEAL.pack(*seal), _place(b"seal", segment, at))

    def front(self, front: Front) -> bytes:
        """See :class:`Layout`."""
        seq, ts, digest, of_data, of_payload = front
        stamp = self._cipher.encrypt(_STAMP.pack(ts, digest), b"stamp %d" % seq)
        return _SIZES.pack(seq, of_data, of_payload) + stamp

    def text(self, seq: int, data: bytes) -> bytes:
        """See :class:`Layout`."""
        return self._cipher.encrypt(data, b"event %d" % seq)

    def payload(self, segment: int, at: int, data: bytes) -> bytes:
        """See :class:`Layout`."""
        return self._cipher.encrypt(data, _place(b"payload", segment, at))

    def read_seal(self, data: bytes, segment: int, at: int) -> Seal:
        """See :class:`Layout`."""
        try:
            seal = self._cipher.decrypt(data[: self.seal_size], _place(b"seal", segment, at))
        except Illegible as error:
            raise struct.error(str(error)) from error
        return Seal(*SEAL.unpack(seal))

    def read_front(self, data: bytes, at: int) -> Front:
        """See :class:`Layout`. Time and hash are 0 where they do not decrypt."""
        seq, of_data, of_payload = _SIZES.unpack_from(data, at)
        start = at + _SIZES.size
        try:
            stamp = self._cipher.decrypt(data[start : at + self.front_size], b"stamp %d" % seq)
            ts, digest = _STAMP.unpack(stamp)
        except Illegible:
            ts, digest = _NO_STAMP
        return Front(seq, ts, digest, of_data, of_payload)

    def read_text(self, seq: int, data: bytes) -> str:
        """See :class:`Layout`."""
        try:
            return self._cipher.decrypt(data, b"event %d" % seq).decode()
        except Illegible:
            return ""

    def read_payload(self, segment: int, at: int, data: bytes) -> bytes:
        """See :class:`Layout`."""
        try:
            return self._cipher.decrypt(data, _place(b"payload", segment, at))
        except Illegible:
            return data


def _place(what: bytes, segment: int, at: int) -> bytes:
    return what + _PLACE.pack(segment, at)
